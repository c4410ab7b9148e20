"""One request at an API's front door: the request, and what the door has found out about it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.front_doors.http_request import HttpRequest


@dataclass(slots=True)
class Visit:
    """``path`` is percent-encoded and begins behind the stage; ``now`` is seconds since the epoch.

    ``route`` is the path of a REST resource, or the route key of an HTTP API. ``authorizer`` is what
    ``requestContext.authorizer`` will hold.
    """

    request: HttpRequest
    api_id: str
    account_id: str
    region: str
    stage: str
    path: str
    request_id: str
    extended_request_id: str
    now: float
    trace: str
    route: str = ""
    resource_id: str = ""
    deployment_id: str = ""
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    authorizer: dict[str, Any] | None = None
    identity: dict[str, Any] = field(default_factory=dict)

    @property
    def request_time(self) -> str:
        return f"{datetime.fromtimestamp(self.now, UTC):%d/%b/%Y:%H:%M:%S} +0000"

    @property
    def epoch_ms(self) -> int:
        return int(self.now * 1000)

    @property
    def execute_arn(self) -> str:
        """``arn:aws:execute-api:REGION:ACCOUNT:API``."""
        return f"arn:aws:execute-api:{self.region}:{self.account_id}:{self.api_id}"

    @property
    def method_arn(self) -> str:
        """The ARN that policies of authorizers are about: the path as it was asked for."""
        return f"{self.execute_arn}/{self.stage}/{self.request.method}{self.path}"

    def source_arn(self, route_method: str, route_path: str) -> str:
        """Return the ARN by which a function's policy knows the method or route: the path as it is defined."""
        return f"{self.execute_arn}/{self.stage}/{route_method}{route_path}"


def grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return every name with all its values, in order."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
