"""The part of JSONPath that EventBridge knows: names after dots, indices, wildcards.

Source: Amazon EventBridge User Guide, "Amazon EventBridge input transformation", read 2026-11.

POLICY: paths of an EventBridge input transformer may have names in brackets and quotes (``$.detail['order-id']``) as well as after
dots. AWS documents dots only.
"""

from __future__ import annotations

import re
from typing import Any

MISSING = object()
_STEP = re.compile(r"\.([\w/@-]+)|\.(\*)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class JsonPath:
    """One path, compiled.

    >>> JsonPath("$.detail.items[0].id").find({"detail": {"items": [{"id": 7}]}})
    7
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that names the path."""
        if not text.startswith("$"):
            raise ValueError(f"{text} is no path: it begins with $")
        self._steps: list[str | int | None] = []
        position = 1
        while position < len(text):
            found = _STEP.match(text, position)
            if found is None:
                raise ValueError(f"{text} is no path that EventBridge reads, from {text[position:]!r} on")
            position = found.end()
            name, star, index, all_, quoted, double = found.groups()
            self._steps.append(None if star or all_ else int(index) if index else name or quoted or double)

    def find(self, event: Any) -> Any:
        """Return the value at the path, ``MISSING`` where there is none; with a wildcard a list of all there are."""
        found, many = [event], False
        for step in self._steps:
            many = many or step is None
            found = [inner for value in found for inner in _inside(value, step)]
        if many:
            return found or MISSING
        return found[0] if found else MISSING


def _inside(value: Any, step: str | int | None) -> list[Any]:
    if step is None:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, int):
        return [value[step]] if isinstance(value, list) and step < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []
