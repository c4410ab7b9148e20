"""Chained invokes: the functions that durable executions call, and wait for without running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from lambda_sandbox.durable import outcomes
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import FAILED, SUCCEEDED, Error, Operation
from lambda_sandbox.errors import AccessDeniedException, ApiError, TooManyRequestsException
from lambda_sandbox.invocation import request
from lambda_sandbox.invocation.messages import Complete, Invocation, InvocationResult, InvocationType
from lambda_sandbox.resources import Caller

if TYPE_CHECKING:
    from lambda_sandbox.drivers.durable import DurableExecutions, Plane, Runner

# POLICY: an invoke of a durable function that Lambda throttles is tried again after 1 s, and then more slowly, up to once a minute.
# AWS documents that it is, not how fast.
_RETRY_S = (1.0, 60.0)
_NAME_CHARS = 64


class Chains:
    """``refusal(role, function_arn)`` returns why a role may not invoke a function; ``None`` where IAM is not enforced.

    A function that is not durable and was running when the sandbox ended is invoked again: at least once, as on AWS.
    """

    def __init__(
        self,
        executions: DurableExecutions,
        runner: Runner,
        plane: Plane,
        refusal: Callable[[str, str], Awaitable[str]] | None,
    ) -> None:
        self._executions = executions
        self._runner = runner
        self._plane = plane
        self._refusal = refusal
        self._loop = asyncio.get_running_loop()
        self._begun: dict[str, set[str]] = {}  # by the execution's ARN
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, machine: Machine, operation: Operation) -> None:
        """Invoke the function that ``operation`` names, unless that has been done."""
        begun = self._begun.setdefault(machine.execution.arn, set())
        if operation.id in begun:
            return
        begun.add(operation.id)
        task = self._loop.create_task(self._invoke(machine, operation), name="chained invoke")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, execution_arn: str) -> None:
        self._begun.pop(execution_arn, None)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _invoke(self, machine: Machine, operation: Operation) -> None:
        attempts = 0
        while True:
            try:
                result = await self._try(machine, operation)
            except TooManyRequestsException:
                attempts += 1
                wait = min(_RETRY_S[0] * 2.0 ** min(attempts - 1, 20), _RETRY_S[1])
                await asyncio.sleep(self._executions.clock.real_s(wait))
            except ApiError as problem:
                error = {"ErrorType": problem.code, "ErrorMessage": problem.message}
                self._over(machine, operation, FAILED, error=error)
                return
            else:
                break
        if result is None:
            return  # a durable execution: it tells its parent when it ends
        if result.function_error is None:
            self._over(machine, operation, SUCCEEDED, result.payload.decode("utf-8", "replace"))
        else:
            self._over(machine, operation, FAILED, error=outcomes.function_error(result.payload))

    async def _try(self, machine: Machine, operation: Operation) -> InvocationResult | None:
        """Raises ``ApiError`` where nothing ran."""
        execution = machine.execution
        caller = Caller(execution.account_id, execution.region)
        route = self._plane.route(operation.target, None, caller)
        function, routed = self._plane.choose(route)
        await self._authorize(machine, route.invoked_arn)
        request_id, now = str(uuid4()), self._executions.clock.now()
        invocation = Invocation(
            request_id,
            function,
            request.checked_payload((operation.input or "null").encode(), InvocationType.EVENT),
            self._executions.clock.wall(now),
            trace_header=request.continued(operation.trace_header or execution.trace_header, now, request_id),
            invoked_arn=route.invoked_arn,
            routed=routed,
        )
        if operation.tenant_id or function.tenant_isolation:
            invocation.tenant_id = request.tenant_id(function, operation.tenant_id)
        if function.durable_timeout_s is not None:
            invocation.invocation_type = InvocationType.EVENT
            name = f"{execution.execution_id}-{operation.id}"[:_NAME_CHARS]
            self._executions.start_chained(invocation, name, execution, operation.id)
            return None
        done: asyncio.Future[InvocationResult] = self._loop.create_future()

        def completed(complete: Complete) -> None:
            if done.done():
                return
            if complete.error is not None:
                done.set_exception(complete.error)
            else:
                assert complete.result is not None
                done.set_result(complete.result)

        self._runner.run(invocation, completed)
        return await done

    async def _authorize(self, machine: Machine, function_arn: str) -> None:
        if self._refusal is None:
            return
        role = self._executions.role_of(machine.execution)
        why = await self._refusal(role, function_arn)
        if why:
            raise AccessDeniedException(
                f"{role} is not authorized to perform: lambda:InvokeFunction on resource: {function_arn}. {why}"
            )

    def _over(
        self,
        machine: Machine,
        operation: Operation,
        status: str,
        result: str | None = None,
        error: Error | None = None,
    ) -> None:
        machine.chained_ended(operation.id, status, self._executions.clock.now(), result, error)
        self._executions.settle(machine)
