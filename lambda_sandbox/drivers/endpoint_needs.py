"""What the endpoint needs of the rooms that it puts together."""

from __future__ import annotations

from typing import Any, Protocol

from lambda_sandbox import errors
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.resources import Caller, FunctionConfiguration, FunctionUrl
from lambda_sandbox.telemetry.neighbour_usage import Cause


class Model(Protocol):
    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None: ...


class Gateway(Protocol):
    """What the endpoint needs of ``gateway``."""

    def parse(
        self,
        operation: str,
        path_params: dict[str, str],
        query: dict[str, list[str]],
        headers: dict[str, str],
        body: bytes,
    ) -> dict[str, Any]: ...

    def serialize(self, operation: str, result: dict[str, Any], request_id: str) -> Any: ...

    def serialize_error(self, error: errors.ApiError, request_id: str) -> Any: ...


class Plane(Protocol):
    def call(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]: ...

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration: ...

    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route: ...

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]: ...

    def function_url(self, url_id: str) -> FunctionUrl | None: ...

    def refusal_of_url(self, url: FunctionUrl, who: Principal | None) -> str: ...


class Neighbours(Protocol):
    async def forward(
        self,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        cause: Cause | None = None,
        skew_ms: float = 0.0,
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class LogCopies(Protocol):
    async def flush(self) -> None: ...

    def forwarded(self, target: str, body: bytes, account_id: str, region: str) -> None: ...
