"""What API Gateway takes and the sandbox has no effect for: refused by its name before anything is stored, never ignored.

Names, descriptions, versions and tags change nothing that a caller sees, and are stored.

DIFFERS: edge-optimised and regional REST APIs are served alike, on this machine only, except for how long a streamed answer may be
silent; private ones are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Check = Callable[[Mapping[str, Any]], str]

_LEAVE_OUT = "The sandbox does not emulate {what}: leave {name} out."


def given(asked: Mapping[str, Any], unserved: Mapping[str, str]) -> str:
    """Return why a request with one of the members in ``unserved`` (what each is, by name) is refused, empty if none is there."""
    for name, what in unserved.items():
        if is_on(asked.get(name)):
            return leave_out(what, name)
    return ""


def leave_out(what: str, name: str) -> str:
    return _LEAVE_OUT.format(what=what, name=name)


def is_on(value: Any) -> bool:
    """Whether a setting asks for something: not absent, empty or switched off. Zero may ask for something."""
    if isinstance(value, str):
        return value.lower() not in ("", "false", "off", "none", "default")
    return value is not None and value is not False and value not in ([], {})


def each_patch(asked: Mapping[str, Any], check: Callable[[str, str], str]) -> str:
    """Return the first refusal of the operations of a patch; ``check(path, value)`` sees those that set something."""
    for operation in asked.get("patchOperations") or ():
        kind, path = operation.get("op"), operation.get("path") or ""
        if kind in ("add", "replace", "copy"):
            why = check(path, str(operation.get("value") or operation.get("from") or ""))
            if why:
                return why
    return ""


def patched(path: str, value: str, unserved: Mapping[str, str]) -> str:
    """Return why a patch is refused: the first segment of ``path`` is in ``unserved``, and ``value`` asks for it."""
    name = path.removeprefix("/").partition("/")[0]
    return leave_out(unserved[name], path) if name in unserved and is_on(value) else ""


def always(sentence: str) -> Check:
    return lambda asked: sentence


def install(
    response_class: Any, refused: Any, checks: Mapping[str, Check], body: Callable[[Any], Any]
) -> None:
    """Put a check before operations of moto's ``response_class``; ``refused(sentence)`` makes the exception to raise."""
    for operation, check in checks.items():
        setattr(response_class, operation, _guarded(getattr(response_class, operation), check, refused, body))


def _guarded(original: Any, check: Check, refused: Any, body: Callable[[Any], Any]) -> Any:
    def guarded(self: Any) -> Any:
        asked = body(self)
        why = check(asked if isinstance(asked, Mapping) else {})
        if why:
            raise refused(why)
        return original(self)

    return guarded


def first(answers: Iterable[str]) -> str:
    """Return the first that is a refusal."""
    return next((each for each in answers if each), "")
