"""How the sandbox itself invokes functions: for mappings and destinations, and the events that an earlier process left."""

from __future__ import annotations

from uuid import uuid4

from lambda_sandbox.drivers.destinations import event_for
from lambda_sandbox.errors import ResourceNotFoundException
from lambda_sandbox.invocation import request
from lambda_sandbox.invocation.messages import Invocation, InvocationResult, InvocationType
from lambda_sandbox.resources import Caller, FunctionConfiguration, QueuedEvent
from lambda_sandbox.wiring.parts import Parts


class Invoking:
    """Belongs to the event loop."""

    def __init__(self, parts: Parts) -> None:
        self._ground = parts.ground
        self._plane = parts.plane
        self._driver = parts.driver

    async def for_mapping(self, function_arn: str, payload: bytes, trace_header: str) -> InvocationResult:
        """Invoke for an event source mapping. Raises ``ApiError``: not found, or throttled."""
        route = self._plane.route(function_arn, None, _owner(function_arn))
        function, routed = self._plane.choose(route)
        request.refuse_without_tenant(function)
        request_id, now = str(uuid4()), self._ground.clock.now()
        invocation = Invocation(
            request_id,
            function,
            payload,
            now,
            trace_header=request.continued(trace_header, now, request_id),
            invoked_arn=route.invoked_arn,
            routed=routed,
        )
        return await self._driver.invoke_and_wait(invocation)

    def as_destination(self, function_arn: str, payload: bytes, trace_header: str) -> None:
        """Invoke a function that is another's destination. Raises ``ApiError`` when there is none."""
        event = event_for(self._plane, self._ground.clock, function_arn, payload, trace_header)
        self._driver.invoke(event, lambda accepted: None)

    def resume_events(self) -> None:
        """Asynchronous events that were accepted before the last end of the process run now, or when they are due."""
        store = self._ground.store
        for event in store.events():
            function = self._find(event.function_arn)
            if function is None:
                store.forget_event(event.request_id)
            else:
                self._driver.restore_event(_invocation(event, function))

    def role_of(self, function_arn: str) -> str:
        """Return a function's execution role, empty when the function is gone."""
        function = self._find(function_arn)
        return function.role if function is not None else ""

    def debuggable(self, name: str) -> tuple[FunctionConfiguration, str]:
        """Return a function and where it sees its code. Raises ``ApiError`` for one that there is not."""
        config, environments = self._ground.config, self._driver.environments
        function = self._plane.resolve(name, None, Caller(config.account_id, config.region))
        bare = environments is not None and environments.isolation.level == "process"
        return function, str(self._ground.code_directory(function)) if bare else "/var/task"

    def _find(self, function_arn: str) -> FunctionConfiguration | None:
        try:
            return self._plane.resolve(function_arn, None, _owner(function_arn))
        except ResourceNotFoundException:
            return None


def _owner(function_arn: str) -> Caller:
    _, _, _, region, account_id, *_ = function_arn.split(":")
    return Caller(account_id, region)


def _invocation(event: QueuedEvent, function: FunctionConfiguration) -> Invocation:
    return Invocation(
        event.request_id,
        function,
        event.payload,
        event.arrived_at,
        InvocationType.EVENT,
        event.client_context,
        event.trace_header,
        event.attempt,
        event.due_at,
        event.throttles,
        invoked_arn="" if event.function_arn == function.arn else event.function_arn,
        tenant_id=event.tenant_id,
        cognito_identity=event.cognito_identity,
    )
