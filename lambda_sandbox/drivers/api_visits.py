"""What API Gateway's three kinds of API share: who they ask, and the visit that a request becomes."""

from __future__ import annotations

import secrets
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.drivers.authorizing import LambdaAuthorizers
from lambda_sandbox.drivers.door_functions import DoorFunctions
from lambda_sandbox.drivers.issuers import Issuers
from lambda_sandbox.drivers.signers import Signers
from lambda_sandbox.front_doors.http_request import HttpRequest
from lambda_sandbox.front_doors.quota import Quotas
from lambda_sandbox.front_doors.throttle import Throttle
from lambda_sandbox.front_doors.visit import Visit
from lambda_sandbox.invocation.request import continued

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``now()`` is seconds since the epoch; ``note(sentence)`` tells the learner, in the history, why a door refused."""

    functions: DoorFunctions
    authorizers: LambdaAuthorizers
    issuers: Issuers
    signers: Signers
    now: Callable[[], float]
    note: Callable[[str], None]
    throttle: Throttle = field(default_factory=Throttle)
    quotas: Quotas = field(default_factory=Quotas)


def begin(around: Surroundings, definition: Definition, request: HttpRequest, stage: str, path: str) -> Visit:
    """Return the visit of a request; ``path`` begins behind the stage."""
    request_id, now = str(uuid.uuid4()), around.now()
    return Visit(
        request=request,
        api_id=_id(definition),
        account_id=definition["accountId"],
        region=definition["region"],
        stage=stage,
        path=path,
        request_id=request_id,
        extended_request_id=b64encode(secrets.token_bytes(11)).decode(),
        now=now,
        trace=continued(request.header("x-amzn-trace-id"), now, request_id),
    )


def staged(request: HttpRequest) -> tuple[str, str]:
    """Return the first segment of the path, which names a stage, and the path behind it."""
    stage, slash, rest = request.path.lstrip("/").partition("/")
    return stage, slash + rest if slash else "/"


def _id(definition: Definition) -> str:
    api: dict[str, str] = definition["api"]
    return api.get("id") or api["apiId"]
