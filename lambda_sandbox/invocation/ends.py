"""How an invocation ends: the caller's answer, the REPORT line, the concurrency given back.

Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.errors import ApiError
from lambda_sandbox.invocation import failures, waiting
from lambda_sandbox.invocation.core_state import CoreState
from lambda_sandbox.invocation.environment import ANSWERED, Answer, Environment
from lambda_sandbox.invocation.failures import Failure
from lambda_sandbox.invocation.messages import (
    EVENT,
    SUCCESS,
    TIMEOUT,
    Action,
    Complete,
    Invocation,
    InvocationRecord,
    InvocationResult,
    Record,
    Status,
    WriteLog,
)
from lambda_sandbox.invocation.report import Report, hundredths
from lambda_sandbox.resources import Exit


def answered(
    core: CoreState, environment: Environment, payload: bytes, failure: Failure | None, max_memory_mb: int
) -> list[Action]:
    """The handler is done. With extensions the caller is answered now and the REPORT line waits for them.

    DIFFERS: an invocation without extensions is over with its answer. On AWS it is when the runtime asks for its next event: what a
    custom runtime does between the two belongs to the duration there, and is billed.
    """
    if not environment.extensions:
        actions = _report(core, environment, failure, max_memory_mb, payload, True)
        return actions if failure is None else _log(environment, failure) + actions
    environment.answer = Answer(failure, max_memory_mb, payload, core.clock.now())
    invocation = environment.invocation
    assert invocation is not None
    actions = _log(environment, failure)
    if invocation.invocation_type is not EVENT:
        actions.append(_complete(environment, invocation, payload, failure, None))
    return actions


def extensions_done(core: CoreState, environment: Environment) -> list[Action]:
    """Runtime and extensions asked for their next events: the invocation that was answered is over."""
    answer = environment.answer
    assert answer is not None
    return _report(core, environment, answer.failure, answer.max_memory_mb, answer.payload, False)


def failed(core: CoreState, environment: Environment, failure: Failure, max_memory_mb: int) -> list[Action]:
    """The invocation ends with its environment. A caller that extensions outlived has had its answer."""
    unanswered = environment.answer is None
    return _log(environment, failure) + _report(
        core, environment, failure, max_memory_mb, failure.payload, unanswered
    )


def refused(core: CoreState, environment: Environment, error: ApiError) -> list[Action]:
    """The invocation ends with an API error: its environment could not be restored from the snapshot."""
    invocation = environment.invocation
    assert invocation is not None
    environment.invoke_started_at = core.clock.now()
    actions = _report(core, environment, Failure(b"", error.code), 0, b"", False)
    if invocation.invocation_type is not EVENT:
        actions.append(Complete(invocation, error=error))
    return actions


def exit_failure(environment: Environment, exit_: Exit) -> Failure:
    """Return what the invocation that is out on the environment gets when the process ends."""
    invocation = environment.invocation
    request_id = invocation.request_id if invocation is not None else ""
    return failures.exited(request_id, exit_, environment.extension_fault)


def _log(environment: Environment, failure: Failure | None) -> list[Action]:
    return [WriteLog(environment, failure.log)] if failure is not None and failure.log else []


def _complete(
    environment: Environment,
    invocation: Invocation,
    payload: bytes,
    failure: Failure | None,
    report: Report | None,
) -> Action:
    result = InvocationResult(
        invocation.request_id, payload, invocation.function.version, "Unhandled" if failure else None, 200,
        report, environment.environment_id,
    )  # fmt: skip
    return Complete(invocation, result)


def _report(
    core: CoreState,
    environment: Environment,
    failure: Failure | None,
    max_memory_mb: int,
    payload: bytes,
    completes: bool,
) -> list[Action]:
    """Close the books: release the concurrency, write END and REPORT, let an event go or queue it again.

    ``completes``: the caller has had no answer yet.
    """
    invocation, share, answer = environment.invocation, environment.share, environment.answer
    assert invocation is not None
    assert share is not None
    environment.invocation = environment.answer = None
    core.concurrency.release(share, environment.on_provisioned)
    now = core.clock.now()
    status = SUCCESS if failure is None else Status(failure.status)
    report = _figures(environment, invocation, failure, status, max_memory_mb, now)
    if environment.state is ANSWERED and not environment.extensions and not environment.retiring:
        environment.answered_at = now
        core.pool.give_back(environment)
    record = InvocationRecord(
        invocation, environment.environment_id, status, environment.invoke_started_at, now, report,
        report.error_type, environment.cold, environment.why, environment.on_provisioned,
    )  # fmt: skip
    if answer is not None:
        record.answered_at = answer.at
    actions: list[Action] = [WriteLog(environment, "", record)] if core.heard else []
    if invocation.invocation_type is EVENT:
        actions += waiting.event_done(core, invocation, record, payload, failed=failure is not None)
    elif completes and core.heard:
        actions.append(_complete(environment, invocation, payload, failure, report))
    actions.append(Record(record, share))
    return actions


def _figures(
    environment: Environment,
    invocation: Invocation,
    failure: Failure | None,
    status: Status,
    max_memory_mb: int,
    now: float,
) -> Report:
    function = invocation.function
    duration_ms = (now - environment.invoke_started_at) * 1000.0
    if status is TIMEOUT:
        # POLICY: the REPORT line of a timeout gives the timeout itself as the duration; AWS's samples show that or a few ms more.
        duration_ms = function.timeout_s * 1000.0
    error_type = failure.report_error_type if failure is not None else ""
    init_ms, restore_ms = environment.init_duration_ms, environment.restore_duration_ms
    if init_ms is None and restore_ms is None:
        return Report(
            invocation.request_id, hundredths(duration_ms), function.memory_mb, max_memory_mb, None, status, error_type
        )  # fmt: skip
    environment.init_duration_ms = environment.restore_duration_ms = None
    return Report(
        invocation.request_id,
        hundredths(duration_ms),
        function.memory_mb,
        max_memory_mb,
        None if init_ms is None else hundredths(init_ms),
        status,
        error_type,
        None if restore_ms is None else hundredths(restore_ms),
        0.0 if restore_ms is None else environment.billed_restore_duration_ms,
    )
