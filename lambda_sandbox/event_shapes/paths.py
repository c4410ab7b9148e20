"""Paths into a JSON document: ``Records[0].s3.bucket.name``, and ``["CodePipeline.job"].id`` for names with dots."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[^.\[\]]+")
_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')
_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null", dict: "object"}


def leaves(document: Any) -> dict[str, Any]:
    """Return the fields with their values, objects and lists of objects as well as what is in them.

    Paths say ``[]`` for any element of a list. An element's field that several elements have is there once.
    """
    found: dict[str, Any] = {}
    _collect(document, "", found)
    return found


def _collect(value: Any, path: str, found: dict[str, Any]) -> None:
    if path and not path.endswith("[]"):
        found.setdefault(path, value)
    if isinstance(value, dict):
        for name, each in value.items():
            _collect(each, _joined(path, name), found)
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict | list):
                _collect(each, f"{path}[]", found)


def _joined(path: str, name: str) -> str:
    if _PLAIN.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{json.dumps(name)}]"


def type_of(value: Any) -> str:
    """Return the JSON type in a word or three: ``string``, ``list of objects``."""
    if not isinstance(value, list):
        return _TYPES[type(value)]
    return f"list of {_TYPES.get(type(value[0]), 'list')}s" if value else "list"


def put(document: Any, path: str, value: Any) -> None:
    """Set ``path`` of ``document`` to ``value``; an object gets names that it lacks, a list one element more.

    Raises ``ValueError`` in one sentence for a path that cannot be followed.
    """
    steps = _steps(path)
    target = document
    for index, step in enumerate(steps[:-1]):
        if isinstance(target, dict) and isinstance(step, str):
            target = target.setdefault(step, [] if isinstance(steps[index + 1], int) else {})
        elif isinstance(target, list) and isinstance(step, int) and step < len(target):
            target = target[step]
        else:
            raise _no_such(path, target)
    _put_last(target, steps[-1], path, value)


def _put_last(target: Any, last: str | int, path: str, value: Any) -> None:
    if isinstance(target, dict) and isinstance(last, str):
        target[last] = value
    elif isinstance(target, list) and isinstance(last, int) and last <= len(target):
        target[last : last + 1] = [value]
    else:
        raise _no_such(path, target)


def _no_such(path: str, target: Any) -> ValueError:
    """``target`` is where the path could not be followed further."""
    if not isinstance(target, list):
        return ValueError(f"the event has no {path}")
    return ValueError(
        f"the event has no {path}: the first element of a list is [0], and this one has {len(target)}"
    )


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            break
        name, index, quoted = found.groups()
        steps.append(int(index) if index else name if name else json.loads(f'"{quoted}"'))
        position = found.end()
    if not steps or position < len(path):
        raise ValueError(f"{path!r} is no path; write it like Records[0].s3.bucket.name")
    return steps
