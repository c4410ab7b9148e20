"""How front doors invoke functions: synchronously, as the service that they stand for.

The function's own policy must let that service in, with or without ``--enforce-iam``, as on AWS.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from lambda_sandbox import errors, quotas
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.drivers.door_meters import called
from lambda_sandbox.drivers.front_doors import Asking
from lambda_sandbox.drivers.response_streams import StreamSink
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.invocation.messages import Invocation, InvocationResult, InvocationType
from lambda_sandbox.invocation.request import continued, refuse_without_tenant
from lambda_sandbox.resources import Caller, FunctionConfiguration
from lambda_sandbox.triggers.delivery import Delivery


class Plane(Protocol):
    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route: ...

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]: ...


class DoorFunctions:
    """``refusal(delivery)`` returns which permission is missing; ``None`` in its place where none is needed."""

    def __init__(
        self,
        driver: ServerDriver,
        plane: Plane,
        refusal: Callable[[Delivery], Awaitable[str]] | None,
    ) -> None:
        self._driver = driver
        self._plane = plane
        self._refusal = refusal

    async def invoke(
        self, function_arn: str, payload: bytes, asking: Asking, trace: str = ""
    ) -> InvocationResult:
        """Invoke and wait. Raises ``ApiError``: not found, throttled, too large, or not permitted.

        Whoever stops waiting does not stop the function.
        """
        return await self._driver.invoke_and_wait(
            await self._invocation(function_arn, payload, asking, trace)
        )

    async def stream(
        self, function_arn: str, payload: bytes, asking: Asking, sink: StreamSink, trace: str = ""
    ) -> None:
        """Invoke, and give the response to ``sink`` as it comes. Raises ``ApiError`` like ``invoke``, except when it is throttled:
        then ``sink`` hears of it."""
        invocation = await self._invocation(function_arn, payload, asking, trace)
        self._driver.streams.invoke(invocation, sink)

    async def send(self, function_arn: str, payload: bytes, asking: Asking, trace: str = "") -> None:
        """Put an event into the asynchronous queue. Raises ``ApiError``."""
        invocation = await self._invocation(function_arn, payload, asking, trace)
        invocation.invocation_type = InvocationType.EVENT
        await self._driver.invoke_and_wait(invocation)

    async def _invocation(self, function_arn: str, payload: bytes, asking: Asking, trace: str) -> Invocation:
        if len(payload) > quotas.SYNC_PAYLOAD_BYTES:
            raise errors.RequestTooLargeException(
                f"Request must be smaller than {quotas.SYNC_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            )
        owner = Caller(function_arn.split(":")[4], function_arn.split(":")[3])
        route = self._plane.route(function_arn, None, owner)
        await self._check(function_arn, asking)
        called(function_arn, asking.source_arn)
        function, routed = self._plane.choose(route)
        # DIFFERS: a function with tenant isolation cannot be called by API Gateway here; on AWS an integration names the tenant in the
        # header ``X-Amz-Tenant-Id``. Invoke it with ``TenantId``.
        refuse_without_tenant(function)
        request_id, now = str(uuid.uuid4()), self._driver.clock.now()
        return Invocation(
            request_id,
            function,
            payload,
            now,
            trace_header=continued(trace, now, request_id),
            invoked_arn=route.invoked_arn,
            routed=routed,
        )

    async def _check(self, function_arn: str, asking: Asking) -> None:
        if self._refusal is None:
            return
        asked = Delivery(
            function_arn, "", asking.service, asking.source_arn, asking.account_id, asking.role_arn
        )
        why = await self._refusal(asked)
        if why:
            now = self._driver.clock.now()
            self._driver.history.denial(now, asking.service, "lambda:InvokeFunction", function_arn, why)
            raise errors.AccessDeniedException(why)
