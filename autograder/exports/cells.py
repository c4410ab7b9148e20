"""CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# A cell that begins so is a formula to a spreadsheet. Source: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it for a formula.

    >>> safe("=cmd()")
    "'=cmd()"
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(rows: Iterable[Sequence[str | int]]) -> str:
    """Return rows as CSV (RFC 4180); texts are made safe, numbers stay numbers."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerows([safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return stream.getvalue()
