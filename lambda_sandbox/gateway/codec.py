"""REST-JSON: from a request's parts to a validated call, and from a result or an error back to the wire."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.errors import ApiError, SerializationException
from lambda_sandbox.gateway import timestamps
from lambda_sandbox.gateway.constraints import Constraints
from lambda_sandbox.gateway.model import LambdaModel, Shape

_JSON = "application/json"
# AWS: errors of the layer in front of Lambda, which no model lists, have a capital letter.
_BEFORE_LAMBDA = frozenset({"AccessDeniedException"})
_LIMITS = {"integer": 2**31, "long": 2**63}
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
# UNCONFIRMED: wording. The token names of AWS's own parser appear in its messages; the place behind them is ours.
_TOKENS: dict[type, str] = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    bool: "TRUE_VALUE",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}


@dataclass(frozen=True, slots=True)
class WireResponse:
    """An HTTP answer; ``headers`` hold no ``Content-Length``."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Codec:
    """Parses requests and serialises answers of every operation in the model."""

    def __init__(self, model: LambdaModel) -> None:
        self._model = model
        self._constraints = Constraints(model)

    def parse(
        self,
        operation: str,
        path_params: Mapping[str, str],
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, Any]:
        """Return the request in AWS's casing, blobs as bytes and timestamps as seconds, checked against the model.

        Raises ``SerializationException`` for what cannot be read and ``ValidationException`` for what breaks a
        constraint.
        """
        shape_name = self._model.operations[operation].input
        if shape_name is None:
            return {}
        shape = self._model.shapes[shape_name]
        params = self._body(shape, body)
        lowered = {name.lower(): value for name, value in headers.items()}
        for name, member in shape["members"].items():
            value = self._located(name, member, path_params, query, lowered)
            if value is not None:
                params[name] = value
        self._constraints.check(shape_name, params)
        return params

    def serialize(self, operation: str, result: Mapping[str, Any], request_id: str = "") -> WireResponse:
        """Return the answer; members that are absent or ``None`` are left out. An unknown member is a ``KeyError``."""
        described = self._model.operations[operation]
        members = self._model.members(described.output)
        status, headers, content = described.status, _request_id(request_id), {}
        payload = self._model.shapes[described.output].get("payload") if described.output else None
        for name, value in result.items():
            if value is None or name == payload:
                continue
            member = members[name]
            location = member.get("location")
            if location == "statusCode":
                status = value
            elif location == "header":
                headers[member["locationName"]] = _header_text(value)
            else:
                content[member.get("locationName", name)] = self._encode(member["shape"], value)
        if payload is not None:
            return self._payload(status, headers, members[payload]["shape"], result.get(payload))
        if described.output is None or status == 204:
            return WireResponse(status, headers)
        return WireResponse(status, {"Content-Type": _JSON, **headers}, _dump(content))

    def serialize_error(self, error: ApiError, request_id: str) -> WireResponse:
        """Return AWS's error answer: the code in ``x-amzn-ErrorType``, the text under the name its shape gives it."""
        members = self._model.members(error.code if error.code in self._model.shapes else None)
        headers = {"Content-Type": _JSON, "x-amzn-ErrorType": error.code, **_request_id(request_id)}
        body: dict[str, Any] = {"Type": error.type_} if "Type" in members else {}
        body["Message" if "Message" in members or error.code in _BEFORE_LAMBDA else "message"] = error.message
        for name, value in error.members.items():
            location = members.get(name, {})
            if location.get("location") == "header":
                headers[location["locationName"]] = _header_text(value)
            else:
                body[name] = value
        return WireResponse(error.status, headers, _dump(body))

    # --- reading -----------------------------------------------------------------------------------------

    def _body(self, shape: Shape, body: bytes) -> dict[str, Any]:
        payload = shape.get("payload")
        if payload is not None:
            member = shape["members"][payload]["shape"]
            if self._model.shapes[member]["type"] == "blob":
                return {payload: body}
            return {payload: self._decode(member, _load(body), payload)} if body else {}
        expects_body = any("location" not in member for member in shape["members"].values())
        if not expects_body or not body:
            return {}
        content = _load(body)
        if not isinstance(content, dict):
            raise SerializationException("The body of the request must be a JSON object.")
        return self._structure(shape, content)

    def _structure(self, shape: Shape, content: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for name, member in shape["members"].items():
            given = content.get(member.get("locationName", name))
            if given is not None and "location" not in member:
                values[name] = self._decode(member["shape"], given, name)
        return values

    def _decode(self, shape_name: str, value: Any, place: str) -> Any:
        shape = self._model.shapes[shape_name]
        kind = shape["type"]
        if value is None:  # only inside lists and maps; the constraints name the place
            return None
        if kind == "structure":
            return self._structure(shape, _expect(value, dict, kind, place))
        if kind == "list":
            inner = shape["member"]["shape"]
            return [self._decode(inner, each, place) for each in _expect(value, list, kind, place)]
        if kind == "map":
            inner = shape["value"]["shape"]
            content = _expect(value, dict, kind, place)
            return {name: self._decode(inner, each, place) for name, each in content.items()}
        return _scalar(kind, value, place)

    def _located(
        self,
        name: str,
        member: Shape,
        path_params: Mapping[str, str],
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
    ) -> Any:
        location = member.get("location")
        if location is None:
            return None
        wire_name = member.get("locationName", name)
        shape = self._model.shapes[member["shape"]]
        if location == "uri":
            return _from_text(shape, path_params.get(wire_name), name, "unixTimestamp")
        if location == "header":
            return _from_text(shape, headers.get(wire_name.lower()), name, "rfc822")
        if location == "querystring" and wire_name in query:
            if shape["type"] == "list":
                inner = self._model.shapes[shape["member"]["shape"]]
                return [_from_text(inner, each, name, "iso8601") for each in query[wire_name]]
            return _from_text(shape, query[wire_name][-1], name, "iso8601")
        return None

    # --- writing -----------------------------------------------------------------------------------------

    def _payload(self, status: int, headers: dict[str, str], shape_name: str, value: Any) -> WireResponse:
        if self._model.shapes[shape_name]["type"] == "blob":
            return WireResponse(status, headers, value or b"")
        return WireResponse(
            status, {"Content-Type": _JSON, **headers}, _dump(self._encode(shape_name, value or {}))
        )

    def _encode(self, shape_name: str, value: Any) -> Any:
        shape = self._model.shapes[shape_name]
        kind = shape["type"]
        if kind == "structure":
            members = shape["members"]
            return {
                members[name].get("locationName", name): self._encode(members[name]["shape"], each)
                for name, each in value.items()
                if each is not None
            }
        if kind == "list":
            return [self._encode(shape["member"]["shape"], each) for each in value]
        if kind == "map":
            return {name: self._encode(shape["value"]["shape"], each) for name, each in value.items()}
        if kind == "blob":
            return base64.b64encode(value).decode("ascii")
        if kind == "timestamp":
            return timestamps.write(value, shape.get("timestampFormat", "unixTimestamp"))
        return value


def _load(body: bytes) -> Any:
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
        if b"\\ud" in body.lower():  # half of a surrogate pair is JSON, but no text that can be stored
            json.dumps(content, ensure_ascii=False).encode()
        return content
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"Could not parse the request body into JSON: {error}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _expect(value: Any, kind: type, target: str, place: str) -> Any:
    if type(value) is not kind:
        raise _misfit(value, target, place)
    return value


def _misfit(value: Any, target: str, place: str) -> SerializationException:
    token = "FALSE_VALUE" if value is False else _TOKENS.get(type(value), "VALUE_NULL")
    return SerializationException(f"{token} can not be converted to {target.capitalize()} at '{place}'")


def _scalar(kind: str, value: Any, place: str) -> Any:
    if kind == "string":
        return _expect(value, str, kind, place)
    if kind == "boolean":
        return _expect(value, bool, kind, place)
    if kind in ("integer", "long"):
        return _whole(kind, value, place)
    if kind == "double" and type(value) in (int, float):
        return float(value)
    if kind == "timestamp" and type(value) in (int, float, str):
        return _timestamp(value, "unixTimestamp", place)
    if kind == "blob" and type(value) is str:
        return _blob(value, place)
    raise _misfit(value, kind, place)


def _whole(kind: str, value: Any, place: str) -> int:
    number: int = (
        int(value) if type(value) is float and value.is_integer() else _expect(value, int, kind, place)
    )
    if abs(number) >= _LIMITS[kind]:
        raise _misfit(value, kind, place)
    return number


def _blob(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException(f"The value at '{place}' is not base64.") from None


def _timestamp(value: Any, form: str, place: str) -> float:
    try:
        return timestamps.read(value, form)
    except (ValueError, TypeError, OverflowError, OSError):
        raise SerializationException(f"The value at '{place}' is not a timestamp.") from None


def _from_text(shape: Shape, text: str | None, place: str, timestamp_form: str) -> Any:
    """Read a value out of a path label, a header or a query string."""
    kind = shape["type"]
    if text is None or kind == "string":
        return text
    try:
        if kind in ("integer", "long"):
            return _whole(kind, int(_number(text)), place)
        if kind == "double":
            return float(_number(text))
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise SerializationException(
            f"'{text}' can not be converted to {kind.capitalize()} at '{place}'"
        ) from None
    if kind == "timestamp":
        return _timestamp(text, shape.get("timestampFormat", timestamp_form), place)
    return _blob(text, place)


def _number(text: str) -> str:
    """Python would read ``1_000``, ``nan`` and the digits of every script as well."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return text


def _header_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _request_id(request_id: str) -> dict[str, str]:
    return {"x-amzn-RequestId": request_id} if request_id else {}


def _dump(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
