"""What the fields of an event mean, found by their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """``path`` is the pattern that is known of the field, empty when it is one of the shared names."""

    path: str
    meaning: str
    optional: bool


class Meanings:
    """``own`` is by path from the top, ``shared`` by the end of the path, of which the longest is taken.

    A path that ends in ``?`` is optional; ``*`` is any one name, a last ``**`` anything below.
    """

    def __init__(self, own: Mapping[str, str], shared: Mapping[str, str]) -> None:
        self._own = [_compiled(path, text, "") for path, text in own.items()]
        longest_first = sorted(shared.items(), key=lambda item: -len(item[0]))
        self._shared = [_compiled(path, text, r"(?:.*\.)?") for path, text in longest_first]

    def of(self, path: str) -> Entry:
        """Return what is known of ``path``; the meaning is empty where nothing is."""
        for pattern, entry in self._own:
            if pattern.fullmatch(path):
                return entry
        for pattern, entry in self._shared:
            if pattern.fullmatch(path):
                return entry._replace(path="")
        return Entry("", "", False)

    def own_paths(self) -> list[str]:
        """Return the paths that this event's own file explains."""
        return [entry.path for _, entry in self._own]

    def matches(self, known: str, path: str) -> bool:
        """Whether the entry ``known`` of this event's own file explains ``path``."""
        return any(entry.path == known and pattern.fullmatch(path) for pattern, entry in self._own)


def _compiled(path: str, meaning: str, before: str) -> tuple[re.Pattern[str], Entry]:
    optional = path.endswith("?")
    bare = path.removesuffix("?")
    pattern = re.escape(bare).replace(r"\*\*", ".*").replace(r"\*", r"(?:[^.\[\]]+|\[\"[^\"]*\"\])")
    return re.compile(before + pattern), Entry(bare, str(meaning), optional)
