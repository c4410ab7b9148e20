"""The wire of AWS services that take and give JSON bodies, read by botocore's model of each.

``gateway`` does the same for Lambda, whose members may also be in the path, the query and the headers.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambda_sandbox.errors import ApiError
from lambda_sandbox.gateway import service_models
from lambda_sandbox.gateway.constraints import Constraints
from lambda_sandbox.gateway.model import LambdaModel, Shape
from lambda_sandbox.telemetry.metrics_errors import MonitoringError

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
    "blob": (str,),
}
_UNPACKED_BYTES = 16 << 20


class JsonService:
    """Reads the requests of one service; ``load`` makes it once a process."""

    def __init__(self, model: LambdaModel) -> None:
        self.model = model
        self._constraints = Constraints(model)

    @classmethod
    @functools.cache
    def load(cls, service: str) -> JsonService:
        return cls(LambdaModel(service_models.read(service)))

    def parse(self, operation: str, body: bytes, encoding: bytes = b"") -> dict[str, Any]:
        """Return the parameters, timestamps as seconds since the epoch. Raises ``MonitoringError`` for what is not valid."""
        if b"gzip" in encoding:
            body = _unpacked(body)
        try:
            given = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise MonitoringError("SerializationException", "The request is not valid JSON.") from None
        shape = self.model.operations[operation].input
        if shape is None:
            return {}
        params: dict[str, Any] = self._typed(shape, given, "")
        try:
            self._constraints.check(shape, params)
        except ApiError as error:
            raise MonitoringError("ValidationException", error.message) from None
        return params

    def _typed(self, name: str, value: Any, path: str) -> Any:
        shape = self.model.shapes[name]
        kind = shape["type"]
        if kind == "timestamp":
            return _moment(value, path)
        # In Python a truth value is a number; on the wire it is not.
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            raise MonitoringError("SerializationException", f"{path or 'the request'} is not a {kind}.")
        return self._inside(shape, value, path)

    def _inside(self, shape: Shape, value: Any, path: str) -> Any:
        kind = shape["type"]
        if kind == "structure":
            members: Mapping[str, Any] = shape["members"]
            return {
                key: self._typed(members[key]["shape"], each, f"{path}.{key}".lstrip("."))
                for key, each in value.items()
                if key in members and each is not None
            }
        if kind == "list":
            return [self._typed(shape["member"]["shape"], each, f"{path}[]") for each in value]
        if kind == "map":
            inner = shape["value"]["shape"]
            return {key: self._typed(inner, each, f"{path}.{key}") for key, each in value.items()}
        return value


def _moment(value: Any, path: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 253_402_300_800:
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        raise MonitoringError("SerializationException", f"{path} is not a time.") from None


def _unpacked(body: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        try:
            data = file.read(_UNPACKED_BYTES + 1)
        except (OSError, EOFError):
            raise MonitoringError("SerializationException", "The body is not valid gzip.") from None
    if len(data) > _UNPACKED_BYTES:
        raise MonitoringError("SerializationException", "The body is larger than 16 MB when unpacked.")
    return data


def error_answer(error: MonitoringError, content_type: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return an error as the service's clients read it, those of the older query protocol's names too."""
    headers = [
        (b"Content-Type", content_type),
        (b"x-amzn-ErrorType", error.kind.encode()),
        (b"x-amzn-query-error", f"{error.query_code};Sender".encode()),
    ]
    body = {"__type": error.kind, "message": str(error), "Message": str(error)}
    return error.status, headers, json.dumps(body).encode()
