"""Patch operations of REST APIs: which paths an update takes, with which operations, and what a patch makes of the settings. Pure.

Source: API Gateway API Reference, "Patch operations", read 2026-11. UNCONFIRMED: the errors' wording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

REPLACE = frozenset({"replace"})
ADD_REMOVE = frozenset({"add", "remove"})
ALL = frozenset({"add", "replace", "remove"})


class Malformed(ValueError):
    """A patch that cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class Path:
    """One path. ``attribute`` is what moto calls the setting; ``read`` makes a value of the operation's text, or raises
    ``ValueError`` with what it must be.

    An entry of a map is named in the path itself (``entries``), one of a list in the operation's value (``listed``).
    """

    attribute: str
    kinds: frozenset[str] = REPLACE
    read: Callable[[str], Any] = str
    entries: bool = False
    listed: bool = False


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def changed(
    settings: Mapping[str, Any], operations: Iterable[Mapping[str, Any]], paths: Mapping[str, Path], what: str
) -> dict[str, Any]:
    """Return ``settings`` (by moto's attributes) after all ``operations``, of which none changes the original.

    ``what`` says what is patched. Raises ``Malformed``.
    """
    result = dict(settings)
    for operation in operations:
        kind, place = str(operation.get("op")), str(operation.get("path") or "")
        member, _, entry = place.removeprefix("/").partition("/")
        path = paths.get(member)
        if path is None or path.entries is not bool(entry):
            known = ", ".join(f"/{name}/…" if each.entries else f"/{name}" for name, each in paths.items())
            raise Malformed(f"Invalid patch path '{place}' specified for op '{kind}': {what} takes {known}.")
        if kind not in path.kinds:
            allowed = " and ".join(sorted(path.kinds))
            raise Malformed(f"Invalid patch operation '{kind}' at {place}: {what} takes {allowed} there.")
        _carry_out(result, path, kind, place, unescaped(entry), operation.get("value"))
    return result


def unescaped(segment: str) -> str:
    """Return a name as it was before it became part of a path.

    >>> unescaped("application~1json")
    'application/json'
    """
    return segment.replace("~1", "/").replace("~0", "~")


def _carry_out(
    settings: dict[str, Any], path: Path, kind: str, place: str, entry: str, given: str | None
) -> None:
    value: Any = None
    if kind != "remove" or path.listed:
        try:
            value = path.read("" if given is None else str(given))
        except ValueError as expected:
            raise Malformed(f"Invalid value {given!r} at {place}: it must be {expected}.") from None
    if path.listed:
        others = [each for each in settings[path.attribute] or [] if each != value]
        settings[path.attribute] = [*others, value] if kind == "add" else others
    elif path.entries:
        kept = dict(settings[path.attribute] or {})
        if kind == "remove" and entry not in kept:
            raise Malformed(f"Invalid patch path '{place}' specified for op 'remove': there is no {entry}.")
        settings[path.attribute] = {name: each for name, each in kept.items() if name != entry}
        if kind != "remove":
            settings[path.attribute][entry] = value
    else:
        settings[path.attribute] = value
