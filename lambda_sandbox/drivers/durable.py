"""Runs durable executions: invokes their functions, keeps their timers, answers those who wait. Belongs to the event loop.

What an execution needs is read from its machine after every signal (``settle``), so that one that was read from the store
after a restart, or a crash, goes on without anything else being remembered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import uuid4

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.drivers.durable_chains import Chains
from lambda_sandbox.drivers.durable_starts import DurableStarts
from lambda_sandbox.drivers.durable_store import DurableStore
from lambda_sandbox.drivers.server_needs import Caller as Waiter
from lambda_sandbox.durable import answers, limits, outcomes
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import FAILED, SUCCEEDED, Execution
from lambda_sandbox.errors import (
    ApiError,
    DurableExecutionAlreadyStartedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
    TooManyRequestsException,
)
from lambda_sandbox.invocation.messages import (
    Complete,
    EventFinished,
    Invocation,
    InvocationResult,
    InvocationType,
)
from lambda_sandbox.resources import Caller, FunctionConfiguration
from lambda_sandbox.telemetry.durable_usage import DurableUsage
from lambda_sandbox.telemetry.prices import Prices

_LONGEST_S = 86_400.0  # one timer; looking a day early does no harm


class DurableResult(InvocationResult, eq=False, gc=False):
    """What the caller gets who started an execution."""

    durable_execution_arn: str = ""


class Plane(Protocol):
    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route: ...

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]: ...


class Runner(Protocol):
    """What runs invocations; ``ServerDriver`` does."""

    def run(self, invocation: Invocation, caller: Waiter) -> None: ...

    def event_over(self, finished: EventFinished) -> None: ...


class DurableExecutions:
    """``note(sentence)`` is what history shows; ``refusal(role, function_arn)`` says why a role may not invoke a function.

    ``changed(execution, running)`` hears of every begin and end, and how many of the account's executions run then.
    """

    def __init__(
        self,
        runner: Runner,
        plane: Plane,
        store: DurableStore,
        clock: WaitingClock,
        note: Callable[[str], None],
        refusal: Callable[[str, str], Awaitable[str]] | None,
    ) -> None:
        self.clock = clock
        self.usage = DurableUsage()
        self._runner = runner
        self._plane = plane
        self._store = store
        self._note = note
        self._loop = asyncio.get_running_loop()
        self._machines: dict[str, Machine] = {}
        self._names: dict[tuple[str, str], str] = {}  # function's ARN and name: the execution's ARN
        self._running: set[str] = set()
        self._running_of: Counter[tuple[str, str]] = Counter()  # account and Region
        self._starts = DurableStarts()
        self._waiting: dict[str, list[tuple[Invocation, Waiter]]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._environments: dict[str, str] = {}  # where each execution ran last, for the tail of its log
        self._closing = False
        self.changed: Callable[[Execution, int], None] = lambda execution, running: None
        self._chains = Chains(self, runner, plane, refusal)

    # --- beginnings and ends of the sandbox ----------------------------------------------------------

    def restart(self) -> None:
        """Take up the executions that were kept: those that ran when the process ended are invoked anew."""
        for machine in self._store.machines():
            self._take(machine)
            machine.recover()
            self._loop.call_soon(self.settle, machine)

    def close(self) -> None:
        """Let go: what the end of every environment does to invocations is no failure of their executions."""
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        self._chains.close()

    def forget(self) -> None:
        """Drop every execution: the sandbox is being emptied."""
        for machine in list(self._machines.values()):
            self._drop(machine)
        self.usage = DurableUsage()

    def function_changed(self, function_arn: str) -> None:
        """A function was changed or deleted; executions of what was deleted are gone as well."""
        for machine in self.of_function(function_arn):
            if not self._store.has(machine.execution) or self._is_deleted(machine.execution):
                # Something may have been kept between the deletion and this word of it.
                self._store.forget(machine.execution)
                self._drop(machine)

    def _is_deleted(self, execution: Execution) -> bool:
        try:
            self._function(execution)
        except ResourceNotFoundException:
            return True
        except ApiError:
            return False
        return False

    # --- starting ------------------------------------------------------------------------------------

    def start(self, invocation: Invocation, caller: Waiter, name: str = "") -> None:
        """Begin the execution that ``invocation`` asks for, or find the one of this name.

        ``caller`` hears of its end, or of its begin where the invocation is asynchronous.
        """
        try:
            machine = self._begin(invocation, name)
        except ApiError as error:
            caller(Complete(invocation, error=error))
            return
        arn = machine.execution.arn
        if invocation.invocation_type is InvocationType.EVENT:
            version = machine.execution.version
            accepted = DurableResult(invocation.request_id, b"", version, status_code=202)
            accepted.durable_execution_arn = arn
            caller(Complete(invocation, result=accepted))
        elif machine.execution.ended:
            caller(self._completion(machine, invocation))
        else:
            self._waiting.setdefault(arn, []).append((invocation, caller))
        self.settle(machine)

    def start_chained(self, invocation: Invocation, name: str, parent: Execution, operation_id: str) -> None:
        """Begin the execution that a chained invoke asks for; one that began before a restart goes on.

        Raises ``ApiError``.
        """
        known = self.find_named(invocation.function.arn, name)
        machine = known or self._begin(invocation, name)
        machine.execution.parent_arn, machine.execution.parent_operation = parent.arn, operation_id
        self._store.keep(machine)
        if machine.execution.ended:
            self._tell_parent(machine)
        else:
            self._loop.call_soon(self.settle, machine)

    def _begin(self, invocation: Invocation, name: str) -> Machine:
        function = invocation.function
        synchronous = invocation.invocation_type is not InvocationType.EVENT
        timeout_s, days = function.durable_timeout_s or 0, function.durable_retention_days or 0
        if invocation.invoked_arn in ("", function.arn):
            raise InvalidParameterValueException(
                "You cannot invoke a durable function using an unqualified ARN."
            )
        if synchronous and timeout_s > limits.SYNC_S:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."
            )
        payload = invocation.payload.decode()
        known = self.find_named(function.arn, name) if name else None
        if known is not None:
            if known.execution.input != payload:
                # UNCONFIRMED: wording
                raise DurableExecutionAlreadyStartedException(
                    f"The durable execution {name} has already been started with another payload."
                )
            return known
        running = self._running_of[function.account_id, function.region]
        # Callers come by the real clock, however fast the waiting clock goes.
        self._starts.check(function.account_id, function.region, running, self._loop.time())
        now = self.clock.now()
        execution = Execution(
            account_id=function.account_id,
            region=function.region,
            function_name=function.function_name,
            version=function.version,
            invoked_arn=invocation.invoked_arn,
            execution_id=str(uuid4()),
            name=name or str(uuid4()),
            input=payload,
            started_at=now,
            timeout_s=timeout_s,
            retention_days=days,
            kms_key_arn=function.durable_kms_key_arn,
            synchronous=synchronous,
            trace_header=invocation.trace_header,
            tenant_id=invocation.tenant_id,
            client_context=invocation.client_context,
            request_id=invocation.request_id,
        )
        machine = Machine(execution)
        machine.begin(now)
        self._take(machine)
        self._store.keep(machine)
        self.changed(execution, self._running_of[execution.account_id, execution.region])
        return machine

    def _take(self, machine: Machine) -> None:
        execution = machine.execution
        self._machines[execution.arn] = machine
        self._names[execution.function_arn, execution.name] = execution.arn
        if not execution.ended:
            self._running.add(execution.arn)
            self._running_of[execution.account_id, execution.region] += 1

    def _runs_no_more(self, execution: Execution) -> None:
        if execution.arn in self._running:
            self._running.discard(execution.arn)
            self._running_of[execution.account_id, execution.region] -= 1

    # --- finding -------------------------------------------------------------------------------------

    def find(self, arn: str) -> Machine | None:
        """Return the execution as it is at this moment."""
        machine = self._machines.get(arn)
        if machine is not None:
            machine.advance(self.clock.now())
        return machine

    def find_named(self, function_arn: str, name: str) -> Machine | None:
        return self._machines.get(self._names.get((function_arn, name), ""))

    def of_function(self, function_arn: str) -> list[Machine]:
        return [each for each in self._machines.values() if each.execution.function_arn == function_arn]

    def bill(self, prices: Prices) -> dict[str, Any]:
        """Return what executions cost so far beside their invocations. Raises ``LookupError`` as ``DurableUsage.bill``."""
        return self.usage.bill((each.execution for each in self._machines.values()), self.clock.now(), prices)

    # --- running -------------------------------------------------------------------------------------

    def settle(self, machine: Machine) -> None:
        """Let the execution have what it needs now; called after every signal."""
        execution = machine.execution
        if self._closing or execution.arn not in self._machines:
            return
        now = self.clock.now()
        machine.advance(now)
        if execution.ended and now >= machine.forgotten_at:
            self.delete(machine)
            return
        if not execution.ended:
            for operation in machine.chained():
                self._chains.begin(machine, operation)
        if machine.wants_invocation(now):
            self._invoke(machine, now)
        self._store.keep(machine)
        if execution.ended and execution.arn in self._running:
            self._over(machine)
        self._arm(machine, now)

    def delete(self, machine: Machine) -> None:
        """Forget an execution and all that was kept of it; what it cost stays on the bill."""
        self.usage.leave(machine.execution, self.clock.now())
        self._store.forget(machine.execution)
        self._drop(machine)

    def _arm(self, machine: Machine, now: float) -> None:
        arn = machine.execution.arn
        timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()
        due = machine.next_due()
        if due is not None:
            delay = min(self.clock.real_s(max(0.0, due - now)), _LONGEST_S)
            # A clock may be read a hair before the moment that a timer was set for.
            self._timers[arn] = self._loop.call_later(delay + 0.001, self.settle, machine)

    def _invoke(self, machine: Machine, now: float) -> None:
        execution = machine.execution
        try:
            function = self._function(execution)
        except ApiError as problem:
            error = {"ErrorType": problem.code, "ErrorMessage": problem.message}
            machine.end(FAILED, now, error=error)
            return
        why = f"durable execution {execution.name} {machine.woken_by()}"
        if execution.invocations:
            self._note(why)
        request_id = execution.request_id if not execution.invocations else str(uuid4())
        news = machine.invocation_begins(request_id, now)
        invocation = Invocation(
            request_id,
            function,
            answers.event(machine, news, self.clock.wall),
            self._wall_now(),
            InvocationType.REQUEST_RESPONSE,
            execution.client_context,
            execution.trace_header,
            invoked_arn=execution.invoked_arn,
            tenant_id=execution.tenant_id,
            routed=why,
        )
        self._store.keep(machine)

        def over(complete: Complete) -> None:
            # It may come before the runner returns, and an execution's signals come one after the other.
            self._loop.call_soon(self._invocation_over, machine, complete)

        self._runner.run(invocation, over)

    def _function(self, execution: Execution) -> FunctionConfiguration:
        name = f"{execution.function_arn}:{execution.version}"
        return self._plane.route(name, None, Caller(execution.account_id, execution.region)).function

    def role_of(self, execution: Execution) -> str:
        """Return the role that an execution's function runs as. Raises ``ApiError`` where it is gone."""
        return self._function(execution).role

    def _invocation_over(self, machine: Machine, complete: Complete) -> None:
        execution = machine.execution
        if self._closing or execution.arn not in self._machines:
            return
        now, result = self.clock.now(), complete.result
        machine.advance(now)
        if isinstance(complete.error, TooManyRequestsException):
            machine.invocation_throttled(now)
        elif result is None:
            assert complete.error is not None
            said = outcomes.error_payload(complete.error.code, complete.error.message)
            machine.invocation_ended(complete.invocation.request_id, said, True, now)
        else:
            self._environments[execution.arn] = result.environment_id
            failed = result.function_error is not None
            machine.invocation_ended(complete.invocation.request_id, result.payload, failed, now)
        self.settle(machine)
        if not execution.ended and not execution.invocation:
            self._note(f"durable execution {execution.name} {_rest(machine)}")

    def _wall_now(self) -> float:
        return self.clock.wall(self.clock.now())

    # --- ends ----------------------------------------------------------------------------------------

    def _over(self, machine: Machine) -> None:
        execution = machine.execution
        self._runs_no_more(execution)
        self.changed(execution, self._running_of[execution.account_id, execution.region])
        self._note(f"durable execution {execution.name} is over: {execution.status}")
        for invocation, caller in self._waiting.pop(execution.arn, ()):
            caller(self._completion(machine, invocation))
        if execution.parent_arn:
            self._tell_parent(machine)
        elif not execution.synchronous:
            self._tell_destinations(machine)

    def _completion(self, machine: Machine, invocation: Invocation) -> Complete:
        execution = machine.execution
        good = execution.status == SUCCEEDED
        payload = (
            (execution.result or "null").encode() if good else outcomes.as_function_error(execution.error)
        )
        result = DurableResult(
            invocation.request_id,
            payload,
            execution.version,
            function_error=None if good else "Unhandled",
            environment_id=self._environments.get(execution.arn, ""),
        )
        result.durable_execution_arn = execution.arn
        return Complete(invocation, result=result)

    def _tell_parent(self, machine: Machine) -> None:
        execution = machine.execution
        parent = self.find(execution.parent_arn)
        if parent is None:
            return
        now = self.clock.now()
        parent.chained_ended(
            execution.parent_operation, execution.status, now, execution.result, execution.error
        )
        self._loop.call_soon(self.settle, parent)

    def _tell_destinations(self, machine: Machine) -> None:
        """An execution that was started asynchronously is an event that is over."""
        execution = machine.execution
        try:
            function = self._function(execution)
        except ApiError:
            return
        event = Invocation(
            execution.request_id,
            function,
            execution.input.encode(),
            self.clock.wall(execution.started_at),
            InvocationType.EVENT,
            trace_header=execution.trace_header,
            invoked_arn=execution.invoked_arn,
        )
        good = execution.status == SUCCEEDED
        payload = (
            (execution.result or "null").encode() if good else outcomes.as_function_error(execution.error)
        )
        condition = "Success" if good else "RetriesExhausted"
        self._runner.event_over(EventFinished(event, condition, max(1, execution.invocations), payload))

    def _drop(self, machine: Machine) -> None:
        arn = machine.execution.arn
        timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()
        self._machines.pop(arn, None)
        self._names.pop((machine.execution.function_arn, machine.execution.name), None)
        self._runs_no_more(machine.execution)
        self._environments.pop(arn, None)
        self._chains.forget(arn)
        for invocation, caller in self._waiting.pop(arn, ()):
            # UNCONFIRMED: AWS documents nothing of callers whose function is deleted.
            gone = InvalidParameterValueException(f"The durable execution {arn} was deleted.")
            caller(Complete(invocation, error=gone))


def _rest(machine: Machine) -> str:
    """Say in words why an execution is not running."""
    execution = machine.execution
    if execution.retry_at:
        return "is to be tried again: its invocation failed or found no room"
    return f"suspends: {execution.status}, waits for {machine.waits_for() or 'nothing'}"
