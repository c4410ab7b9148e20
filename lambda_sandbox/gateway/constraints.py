"""Walks the constraints of the service model: required, min, max, pattern and enum, with AWS's wording.

botocore's own validator passes ``MemorySize=99999`` and a 500-character name; the service does not.

POLICY: a ``ValidationException`` with several violations lists them in the order of the members in the API's model, and the pattern
before the length. AWS documents no order; do not compare whole messages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from lambda_sandbox.errors import InvalidParameterValueException, ValidationException
from lambda_sandbox.gateway.model import LambdaModel, Shape

_NOT_NULL = "Member must not be null"
# AWS: the service checks the runtime itself, after the model's constraints, with another error and wording.
_SERVICE_CHECKED = "Runtime"
_LAST_ASSIGNED = 0x323AF  # the end of the highest block of letters in Unicode 16
_PROPERTY = re.compile(r"\\p\{([A-Z])\}")


class Constraints:
    """Checks values against shapes; patterns are compiled when first needed."""

    def __init__(self, model: LambdaModel) -> None:
        self._model = model

    def check(self, shape_name: str | None, value: Mapping[str, Any]) -> None:
        """Raise ``ValidationException`` with every violation, or ``InvalidParameterValueException`` for a runtime.

        ``value`` is a request in AWS's casing; members that the model does not know are ignored, as AWS does.
        """
        if shape_name is None:
            return
        violations = list(self._structure(self._model.shapes[shape_name], value, ""))
        if violations:
            count = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
            raise ValidationException(f"{count} detected: {'; '.join(violations)}")
        self._check_runtime(value.get("Runtime"))

    def _check_runtime(self, runtime: Any) -> None:
        if runtime is None:
            return
        known = self._model.shapes[_SERVICE_CHECKED]["enum"]
        if runtime not in known:
            raise InvalidParameterValueException(
                f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
                f"[{', '.join(known)}] or be a valid ARN"
            )

    def _structure(self, shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
        prefix = f"{path}." if path else ""
        required = shape.get("required", ())
        for name, member in shape["members"].items():
            place = prefix + name[:1].lower() + name[1:]
            given = value.get(name)
            if given is not None:
                yield from self._any(member["shape"], given, place)
            elif name in required:
                yield f"Value null at '{place}' failed to satisfy constraint: {_NOT_NULL}"

    def _any(self, name: str, value: Any, path: str) -> Iterator[str]:
        shape = self._model.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            yield from self._structure(shape, value, path)
            return
        if name == _SERVICE_CHECKED and path == "runtime":
            return
        for broken in _broken(shape, value):
            yield _violation(shape, value, path, broken)
        if kind == "list":
            yield from self._list(shape, value, path)
        elif kind == "map":
            yield from self._map(shape, value, path)

    def _list(self, shape: Shape, values: list[Any], path: str) -> Iterator[str]:
        member = self._model.shapes[shape["member"]["shape"]]
        if member["type"] in ("structure", "list", "map"):
            for number, value in enumerate(values, 1):
                yield from self._inner(shape["member"]["shape"], value, f"{path}.{number}.member")
        elif any(value is None or any(_broken(member, value)) for value in values):
            yield _violation(shape, values, path, f"Member must satisfy constraint: [{_all_of(member)}]")

    def _inner(self, name: str, value: Any, path: str) -> Iterator[str]:
        if value is None:
            yield f"Value null at '{path}' failed to satisfy constraint: {_NOT_NULL}"
        else:
            yield from self._any(name, value, path)

    def _map(self, shape: Shape, values: Mapping[str, Any], path: str) -> Iterator[str]:
        key = self._model.shapes[shape["key"]["shape"]]
        member = self._model.shapes[shape["value"]["shape"]]
        if any(any(_broken(key, name)) for name in values):
            yield _violation(shape, values, path, f"Map keys must satisfy constraint: [{_all_of(key)}]")
        if member["type"] in ("structure", "list", "map"):
            for name, value in values.items():
                yield from self._inner(shape["value"]["shape"], value, f"{path}.{name}.member")
        elif any(value is None or any(_broken(member, value)) for value in values.values()):
            yield _violation(shape, values, path, f"Map value must satisfy constraint: [{_all_of(member)}]")


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """Yield the constraints of the shape itself, not of its members, that the value breaks."""
    kind = shape["type"]
    if kind == "string":
        if "enum" in shape and value not in shape["enum"]:
            yield _wording(shape, "enum")
        if "pattern" in shape and not _pattern(shape["pattern"]).fullmatch(value):
            yield _wording(shape, "pattern")
    if kind in ("boolean", "timestamp"):
        return
    size = len(value) if kind in ("string", "blob", "list", "map") else value
    if "min" in shape and size < shape["min"]:
        yield _wording(shape, "min")
    if "max" in shape and size > shape["max"]:
        yield _wording(shape, "max")


def _wording(shape: Shape, constraint: str) -> str:
    limit = shape[constraint]
    if constraint == "enum":
        return f"Member must satisfy enum value set: [{', '.join(limit)}]"
    if constraint == "pattern":
        return f"Member must satisfy regular expression pattern: {limit}"
    measure = "length" if shape["type"] in ("string", "blob", "list", "map") else "value"
    relation = "greater" if constraint == "min" else "less"
    return f"Member must have {measure} {relation} than or equal to {limit}"


def _all_of(shape: Shape) -> str:
    """AWS: for the members of a list or map it names all constraints of the member, not the broken one."""
    named = [_wording(shape, each) for each in ("max", "min", "enum", "pattern") if each in shape]
    return ", ".join([*named, _NOT_NULL])


def _violation(shape: Shape, value: Any, path: str, constraint: str) -> str:
    shown = "Value" if shape.get("sensitive") or isinstance(value, bytes) else f"Value '{_text(value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(each) for each in value) + "]"
    return "null" if value is None else str(value)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    r"""Compile a pattern of the model, which is written for Java: ``\d`` is ASCII and ``\p{L}`` exists."""
    return re.compile(_PROPERTY.sub(lambda found: _category(found[1]), text), re.ASCII)


@cache
def _category(letter: str) -> str:
    """Return the characters of a Unicode category as ranges for the inside of a character class."""
    ranges: list[list[int]] = []
    for code in range(_LAST_ASSIGNED + 1):
        if unicodedata.category(chr(code))[0] != letter:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
