"""What texts stand somewhere in a document of JSON."""

from __future__ import annotations

from typing import Any


def texts_under(name: str, part: Any) -> set[str]:
    """Return the texts that members called ``name`` have, at any depth of ``part``."""
    if isinstance(part, list):
        return set().union(*(texts_under(name, each) for each in part))
    if not isinstance(part, dict):
        return set()
    own = {part[name]} if isinstance(part.get(name), str) else set()
    return own.union(*(texts_under(name, each) for each in part.values()))
