"""The door to S3, SQS and the rest: who caused each request is written down, it is metered, and faults meet it here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from lambda_sandbox.clock import Clock
from lambda_sandbox.http1 import Headers, Response
from lambda_sandbox.invocation.faults import FaultKind, FaultRule, Faults
from lambda_sandbox.services.addressing import credential_scope, is_administration
from lambda_sandbox.services.refusal import failure, refusal
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.neighbour_requests import Asked
from lambda_sandbox.telemetry.neighbour_usage import OUTSIDE, Call, Cause

_ALLOWED_SKEW_MS = {
    "s3": 15 * 60_000.0
}  # AWS: S3 takes a clock that is 15 minutes off, the others one that is 5
_OTHERS_SKEW_MS = 5 * 60_000.0
_NOBODY = Cause()
_NO_WAY = (
    403,
    [(b"Content-Type", b"application/json")],
    b'{"message": "the administration of the neighbour services is closed: reset the sandbox instead"}',
)

Answer = tuple[int, Headers, bytes]


class Neighbour(Protocol):
    def forward(
        self, method: bytes | str, target: bytes | str, headers: Headers, body: bytes
    ) -> Awaitable[Answer]: ...


class NeighbourDoor:
    """``neighbours`` answer, ``sleep`` waits out a latency in real seconds. Belongs to one event loop.

    What runs inside ``on_behalf_of(cause)``, and the tasks begun there, cause their requests; others nobody did.
    """

    def __init__(
        self,
        neighbours: Neighbour,
        history: History,
        faults: Faults,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._neighbours = neighbours
        self._history = history
        self._faults = faults
        self._clock = clock
        self._sleep = sleep
        self._cause: ContextVar[Cause] = ContextVar("cause", default=_NOBODY)

    @contextmanager
    def on_behalf_of(self, cause: Cause) -> Iterator[None]:
        token = self._cause.set(cause)
        try:
            yield
        finally:
            self._cause.reset(token)

    def of(self, cause: Cause) -> Caused:
        """Return the neighbours as one cause reaches them."""
        return Caused(self, cause)

    async def forward(
        self,
        method: bytes | str,
        target: bytes | str,
        headers: Headers,
        body: bytes,
        cause: Cause | None = None,
        skew_ms: float = 0.0,
    ) -> Answer:
        """Pass one request on, as ``Neighbours.forward`` does. ``skew_ms`` is how far the clock of whoever signed it is off."""
        cause = cause or self._cause.get()
        if is_administration(_text(target).encode("latin-1"), headers):
            return _NO_WAY
        service = (
            credential_scope(headers)[0] or "s3"
        )  # what is not signed is a presigned or public request to S3
        named = {name.lower(): value for name, value in headers}
        asked = Asked(service, _text(method), _text(target), named, body)
        began = self._clock.now()
        refused, fault = await self._interfere(asked, headers, cause, skew_ms)
        answer = refused or await self._neighbours.forward(method, target, headers, body)
        took_ms = (self._clock.now() - began) * 1000.0
        used = asked.used(answer[0], answer[2], polls=cause.polls) if refused is None else {}
        self._history.neighbours.call(
            Call(began, cause, service, asked.operation, asked.resource, answer[0], took_ms, used, fault)
        )
        return answer

    async def _interfere(
        self, asked: Asked, headers: Headers, cause: Cause, skew_ms: float
    ) -> tuple[Answer | None, str]:
        """Return the answer that a fault gives instead of the service, and the rule's words."""
        said = []
        if abs(skew_ms) > _ALLOWED_SKEW_MS.get(asked.service, _OTHERS_SKEW_MS):
            skewed = "The difference between the request time and the current time is too large."
            return _answer(refusal(asked.service, "expired", skewed, headers)), "clock-skew"
        if not self._faults:
            return None, ""
        name = "" if cause.function_name == OUTSIDE else cause.function_name
        latency = self._faults.strike(FaultKind.NEIGHBOUR_LATENCY, name, asked.service, asked.operation)
        if latency is not None:
            said.append(self._met(latency, asked, cause))
            await self._sleep(latency.ms / 1000.0)
        error = self._faults.strike(FaultKind.NEIGHBOUR_ERROR, name, asked.service, asked.operation)
        if error is not None:
            said.append(self._met(error, asked, cause))
            return _answer(failure(asked.service, error.status or 500, headers)), "; ".join(said)
        return None, "; ".join(said)

    def _met(self, rule: FaultRule, asked: Asked, cause: Cause) -> str:
        why = f"{rule} met {asked.service}.{asked.operation}"
        self._history.fault(self._clock.now(), rule.kind, cause.request_id, cause.function_name, why)
        return why


class Caused:
    """The neighbours, for one cause."""

    def __init__(self, door: NeighbourDoor, cause: Cause) -> None:
        self._door = door
        self._cause = cause

    def forward(
        self, method: bytes | str, target: bytes | str, headers: Headers, body: bytes
    ) -> Awaitable[Answer]:
        return self._door.forward(method, target, headers, body, self._cause)


def _answer(response: Response) -> Answer:
    return response.status, response.headers, response.body


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
