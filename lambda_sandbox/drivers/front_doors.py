"""Front doors served on the sandbox's own port: ``http://<name>.<kind>.<region>.localhost:<port>/``.

Where ``*.localhost`` does not resolve, a path names the same host: ``http://127.0.0.1:<port>/_sandbox/door/<host>/<path>``,
with or without the ending ``.localhost``. DIFFERS: names end in ``.localhost``, and nothing is encrypted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.invocation.messages import InvocationResult

PATH_FORM = b"/_sandbox/door/"


@dataclass(frozen=True, slots=True)
class Asking:
    """The service that invokes, and for which of its resources: what a function's policy is asked about."""

    service: str  # apigateway.amazonaws.com
    source_arn: str
    account_id: str


# ``await invoke(function_arn, payload, asking, trace_header)``; the ARN may be qualified. Raises ``ApiError``: not found,
# throttled, or (where IAM is enforced) ``AccessDeniedException``. Permission is only asked for where IAM is enforced.
Invoke = Callable[[str, bytes, Asking, str], Awaitable[InvocationResult]]


class Door(Protocol):
    """One kind of front door."""

    def takes(self, host: str) -> bool:
        """Whether ``host`` (lower case, no port, ending in ``.localhost``) is an address of this kind."""
        ...

    async def answer(self, request: HttpRequest) -> HttpResponse: ...
