"""Text that came out of a submission, made fit for a terminal, a page, XML and a spreadsheet."""

from __future__ import annotations

import re

# Controls but for tab and line end, halves of surrogate pairs, and marks that turn the direction of what follows.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def visible(text: str) -> str:
    r"""Return ``text`` with the characters that a reader's program would obey or refuse written as escapes.

    >>> visible("\x1b[2J gone? \ud83d")
    '\\x1b[2J gone? \\ud83d'
    """
    return _OBEYED.sub(lambda match: ascii(match[0])[1:-1], text.replace("\r\n", "\n"))
