"""Text that came out of a submission, made fit for a terminal, a page, XML and a spreadsheet."""

from __future__ import annotations

import re

_SHOWN_OF_A_LINE = 50
# Controls but for tab and line end, halves of surrogate pairs, and marks that turn the direction of what follows.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def cell_name(number: int, source: str) -> str:
    """Return how a person finds a code cell: its number, from 1 at the top, and the first line that is in it.

    >>> cell_name(3, "\\ndeploy('quote')\\n")
    "code cell 3 (deploy('quote'))"
    """
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    if len(first) > _SHOWN_OF_A_LINE:
        first = f"{first[: _SHOWN_OF_A_LINE - 1]}…"
    return f"code cell {number} ({visible(first)})" if first else f"code cell {number}"


def visible(text: str) -> str:
    r"""Return ``text`` with the characters that a reader's program would obey or refuse written as escapes.

    >>> visible("\x1b[2J gone? \ud83d")
    '\\x1b[2J gone? \\ud83d'
    """
    return _OBEYED.sub(lambda match: ascii(match[0])[1:-1], text.replace("\r\n", "\n"))
