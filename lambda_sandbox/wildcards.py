"""Texts with stars for any text, as regular expressions that take no longer than the text is long, times the pattern's length.

``a.*a.*a.*b`` tries every way to share a text among its stars: a filter or a policy with ten of them would stop the sandbox
for a year. Whoever may write a pattern may write that one.
"""

from __future__ import annotations

from collections.abc import Iterable


def expression(pieces: Iterable[str | None]) -> str:
    """Return a regular expression for a whole text; ``pieces`` are regular expressions of a fixed length, ``None`` is a star.

    What stands between two stars is taken where it fits first, and not given up again: what comes behind has then the
    most room.

    >>> expression(["a", None, "b", None, "c"])
    'a(?>.*?b).*c'
    """
    between = [""]
    for piece in pieces:
        if piece is None:
            between.append("")
        else:
            between[-1] += piece
    first, *rest = between
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last
