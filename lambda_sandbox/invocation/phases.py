"""How an environment goes from phase to phase: ready, init failed, shut down, reset, stopped.

Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.errors import SnapStartException, SnapStartTimeoutException
from lambda_sandbox.invocation import ends, failures, interference, provisioned, running
from lambda_sandbox.invocation.core_state import IDLE, SHUTDOWN, CoreState
from lambda_sandbox.invocation.environment import (
    ANSWERED,
    INIT,
    NEXT,
    RESTORE,
    Environment,
    InitializationType,
    Signal,
    State,
)
from lambda_sandbox.invocation.extension import statuses
from lambda_sandbox.invocation.failures import Failure
from lambda_sandbox.invocation.messages import (
    Action,
    PhaseEnd,
    SetTimer,
    ShutdownEnvironment,
    SnapshotEnvironment,
    SnapshotFailed,
    StopEnvironment,
    TellExtensions,
    WriteLog,
)
from lambda_sandbox.invocation.snapshots import SnapshotState
from lambda_sandbox.resources import Exit

_SHORTEST_LIFE_S = 1.0

# --- ready -------------------------------------------------------------------------------------------


def ready(core: CoreState, environment: Environment) -> list[Action]:
    """Runtime and extensions asked for the next event: init is over, or the invocation is."""
    actions: list[Action] = []
    now = core.clock.now()
    if environment.state is ANSWERED:
        if environment.answer is not None:
            actions = ends.extensions_done(core, environment)
            now = core.clock.now()
        else:
            environment.asks_after_s = now - environment.answered_at
    elif environment.state is INIT:
        if environment.start_faults and (met := _faulty_start(core, environment)):
            return met
        if environment.initialization_type is InitializationType.SNAP_START:
            environment.runtime_waits = True  # a runtime that knows nothing of snapshots
            return checkpoint(core, environment)
        actions = _init_done(core, environment)
        now = core.clock.now()
    elif environment.state is RESTORE:
        actions = running.restored(core, environment)
        now = core.clock.now()
    environment.move(NEXT)
    environment.idle_since = now
    if environment.invocation is not None:
        return actions + running.deliver(core, environment, now)
    if environment.retiring:
        return actions + stop(core, environment, environment.stop_reason)
    if not environment.free:
        core.pool.give_back(environment)
    if core.queue.waiting:
        actions += running.run_waiting(core, environment.function)
    return actions if core.idle_timer_set else actions + arm_idle(core)


def _faulty_start(core: CoreState, environment: Environment) -> list[Action]:
    """Init is over, but a rule says that it takes longer, or that it ends with the process."""
    held = interference.hold(core, environment)
    if held:
        return held
    crashed = interference.crash(environment)
    return (
        crashed + broke(core, environment, ends.exit_failure(environment, Exit(code=1)), 0) if crashed else []
    )


def held_over(core: CoreState, environment: Environment) -> list[Action]:
    """A slow start has taken its time."""
    due = environment.state is INIT and 0.0 < environment.held_until <= core.clock.now() + 1e-6
    return ready(core, environment) if due else []


def _init_done(core: CoreState, environment: Environment) -> list[Action]:
    now = core.clock.now()
    environment.ready_at = now
    environment.past.append(("init", environment.started_at, now))
    took_ms = (now - environment.started_at) * 1000.0
    told = _tell_extensions(environment)
    if environment.initialization_type is InitializationType.ON_DEMAND:
        if environment.init_attempt == 1:
            environment.init_duration_ms = took_ms
        return told
    return [*told, _init_report(environment, took_ms, "init", "success")]


def _tell_extensions(environment: Environment) -> list[Action]:
    """AWS: what became of each extension is told once an init, at its end."""
    if not environment.launched and not environment.extensions:
        return []
    return [TellExtensions(environment, statuses(environment.launched, environment.extensions.values()))]


def checkpoint(core: CoreState, environment: Environment) -> list[Action]:
    """Init is over and before-snapshot hooks ran: later cold starts of the version are restored from here."""
    environment.ready_at = core.clock.now()
    environment.past.append(("init", environment.started_at, environment.ready_at))
    took_ms = (environment.ready_at - environment.started_at) * 1000.0
    environment.move(Signal.CHECKPOINT)
    core.snapshots[environment.function.qualified_arn].state = SnapshotState.READY
    told = _tell_extensions(environment)
    return [*told, _init_report(environment, took_ms, "init", "success"), SnapshotEnvironment(environment)]


# --- failures ----------------------------------------------------------------------------------------


def broke(core: CoreState, environment: Environment, failure: Failure, max_memory_mb: int) -> list[Action]:
    """Something ended the environment's work, in whatever phase: a crash, a timeout, an extension's error."""
    max_memory_mb = max_memory_mb or core.peak_memory_mb(environment.environment_id)
    match environment.state:
        case State.INIT:
            return init_failed(core, environment, failure, max_memory_mb)
        case State.RESTORE:
            return restore_failed(core, environment, failure)
        case State.FROZEN if environment.provisioned_by:
            return _provisioned_ended(core, environment, failure)
        case State.FROZEN:
            return stop(core, environment, "exited while idle", "failure")
        case State.SNAPSHOT:
            return stop(core, environment, "exited while it waited to be restored", "failure")
        case State.SHUTDOWN | State.RESET | State.STOPPED:
            return []
        case _:
            return _invoke_failed(core, environment, failure, max_memory_mb)


def _invoke_failed(
    core: CoreState, environment: Environment, failure: Failure, max_memory_mb: int
) -> list[Action]:
    reason = "timeout" if failure.status == "timeout" else "failure"
    if environment.state is State.ANSWERED and environment.answer is None:
        # The invocation it holds, if any, has not begun: a caller right behind one that was answered.
        environment.why = (
            "cold: the runtime never asked for another event"
            if reason == "timeout"
            else "cold: the environment ended after its last answer"
        )
        return shut_down(core, environment, reason, keep_tmp=True)
    actions = ends.failed(core, environment, failure, max_memory_mb)
    return actions + shut_down(core, environment, reason, keep_tmp=True)


def init_failed(
    core: CoreState, environment: Environment, failure: Failure, max_memory_mb: int
) -> list[Action]:
    """AWS: a failed or slow init is repeated once, as part of the first invocation and under its timeout."""
    phase = "init" if environment.init_attempt == 1 else "invoke"
    environment.past.append(("init", environment.started_at, core.clock.now()))
    took_ms = (core.clock.now() - environment.started_at) * 1000.0
    actions = _tell_extensions(environment)
    actions.append(_init_report(environment, took_ms, phase, failure.status, failure.report_error_type))
    reason = "timeout" if failure.status == "timeout" else "failure"
    invocation = environment.invocation
    if invocation is None:
        return actions + _preparation_failed(core, environment, failure, reason)
    if environment.init_attempt == 1:
        environment.why = f"cold: the first init ended with {failure.status}"
        return actions + shut_down(core, environment, reason, keep_tmp=True)
    actions.append(WriteLog(environment, "", invocation))
    actions += ends.failed(core, environment, failure, max_memory_mb)
    return actions + shut_down(core, environment, reason, keep_tmp=True)


def _provisioned_ended(core: CoreState, environment: Environment, failure: Failure) -> list[Action]:
    """POLICY: a provisioned environment that ends is replaced, unless it ended as soon as it was ready: that would go on for ever."""
    lived_s = core.clock.now() - (environment.ready_at or 0.0)
    if lived_s < _SHORTEST_LIFE_S:
        return _preparation_failed(core, environment, failure, "failure")
    return shut_down(core, environment, "failure", keep_tmp=True)


def _preparation_failed(
    core: CoreState, environment: Environment, failure: Failure, reason: str
) -> list[Action]:
    """Nobody waits for this init; what wanted the environment says in its status that it failed."""
    snapshot = core.snapshots.get(environment.function.qualified_arn)
    mine = snapshot is not None and snapshot.parked == environment.environment_id
    told: list[Action] = []
    if snapshot is not None and mine and snapshot.state is SnapshotState.PENDING:
        snapshot.state, snapshot.reason = SnapshotState.FAILED, failure.report_error_type or failure.status
        told.append(SnapshotFailed(environment.function, snapshot.reason))
    provision = core.provisions.get(environment.provisioned_by)
    if provision is not None:
        provision.reason = provisioned.INIT_FAILURE
    return told + stop(core, environment, "its init failed before anybody asked for it", reason)


def restore_failed(core: CoreState, environment: Environment, failure: Failure) -> list[Action]:
    """The after-restore hooks failed or took over 10 s: the caller gets an API error, the next one another try."""
    environment.past.append(("restore", environment.started_at, core.clock.now()))
    took_ms = (core.clock.now() - environment.started_at) * 1000.0
    text = f"RESTORE_REPORT Restore Duration: {took_ms:.2f} ms\tStatus: {failure.status}"
    if failure.report_error_type:
        text += f"\tError Type: {failure.report_error_type}"
    timeout = failure.status == "timeout"
    end = PhaseEnd(took_ms, failure.status, failure.report_error_type)
    actions: list[Action] = [WriteLog(environment, text, end)]
    error = (
        SnapStartTimeoutException("Lambda couldn't restore the snapshot within the timeout limit.")
        if timeout
        else SnapStartException(f"The afterRestore runtime hook failed: {failure.report_error_type}.")
    )
    if environment.invocation is not None:
        actions += ends.refused(core, environment, error)
    return actions + stop(core, environment, "its restore failed", "timeout" if timeout else "failure")


def exited(core: CoreState, environment: Environment, exit_: Exit, max_memory_mb: int) -> list[Action]:
    """The processes are gone: there is nobody left to give time for a shutdown."""
    if environment.state is State.SHUTDOWN:
        return _shut(core, environment)
    told = _tell_extensions(environment) if environment.state is INIT else []
    environment.extensions.clear()
    environment.launched.clear()
    if exit_.out_of_memory:
        max_memory_mb = environment.function.memory_mb
    return told + broke(core, environment, ends.exit_failure(environment, exit_), max_memory_mb)


def runtime_exited(
    core: CoreState, environment: Environment, exit_: Exit, max_memory_mb: int
) -> list[Action]:
    """Only the runtime is gone, and the internal extensions that lived in its process."""
    gone = [each.extension_id for each in environment.extensions.values() if not each.external]
    for extension_id in gone:
        del environment.extensions[extension_id]
    if exit_.out_of_memory:
        max_memory_mb = environment.function.memory_mb
    return broke(core, environment, ends.exit_failure(environment, exit_), max_memory_mb)


def watchdog(core: CoreState, environment: Environment) -> list[Action]:
    environment.watchdog_at = 0.0
    watched = environment.invocation is not None or environment.state in (State.INIT, State.RESTORE)
    if not watched or environment.state in (State.SHUTDOWN, State.STOPPED):
        return []
    if core.clock.now() < environment.deadline:
        return running.watch(environment, environment.deadline)
    invocation = environment.invocation
    request_id = invocation.request_id if invocation is not None else ""
    failure = failures.timed_out(request_id, environment.function.timeout_s, core.timestamp())
    return broke(core, environment, failure, 0)


# --- shutdown ----------------------------------------------------------------------------------------


def stop(core: CoreState, environment: Environment, reason: str, cause: str = "spindown") -> list[Action]:
    """End an environment for good. ``cause`` is what its extensions are told."""
    environment.stop_reason = reason
    core.pool.withdraw(environment)
    if environment.state is State.RESET:
        environment.move(Signal.RETIRE)
        return _gone(core, environment)
    return shut_down(core, environment, cause, keep_tmp=False)


def shut_down(core: CoreState, environment: Environment, cause: str, *, keep_tmp: bool) -> list[Action]:
    """Begin the Shutdown phase; without extensions it takes no time."""
    environment.keeps_tmp = keep_tmp
    environment.move(Signal.FAIL if keep_tmp else Signal.RETIRE)
    core.pool.withdraw(environment)
    grace_ms = environment.shutdown_ms
    if not grace_ms:
        return _shut(core, environment)
    environment.shutdown_at = core.clock.now()
    ends_at = environment.shutdown_at + grace_ms / 1000.0
    return [
        ShutdownEnvironment(environment, cause, grace_ms),
        SetTimer((SHUTDOWN, environment.environment_id), ends_at),
    ]


def shutdown_over(core: CoreState, environment: Environment) -> list[Action]:
    return _shut(core, environment) if environment.state is State.SHUTDOWN else []


def _shut(core: CoreState, environment: Environment) -> list[Action]:
    environment.extensions.clear()
    environment.launched.clear()
    environment.extension_fault = ""
    environment.runtime_waits = False
    if environment.shutdown_at is not None:
        environment.past.append(("shutdown", environment.shutdown_at, core.clock.now()))
        environment.shutdown_at = None
    if not environment.keeps_tmp:
        environment.move(Signal.GONE)
        return _gone(core, environment)
    environment.move(Signal.EMPTY)
    actions: list[Action] = [StopEnvironment(environment, keep_tmp=True)]
    if environment.invocation is not None or (environment.provisioned_by and not environment.retiring):
        return actions + running.restart(core, environment, environment.why)
    environment.idle_since = core.clock.now()
    if environment.retiring:
        return actions + stop(core, environment, environment.stop_reason)
    core.pool.give_back(environment)
    return actions + running.run_waiting(core, environment.function) + arm_idle(core)


def _gone(core: CoreState, environment: Environment) -> list[Action]:
    environment.stopped_at = core.clock.now()
    core.pool.remove(environment)
    return [StopEnvironment(environment, keep_tmp=False)]


# --- idle --------------------------------------------------------------------------------------------


def arm_idle(core: CoreState) -> list[Action]:
    oldest = core.pool.oldest_idle()
    if oldest is None or core.idle_timer_set:
        return []
    core.idle_timer_set = True
    return [SetTimer((IDLE, ""), oldest + core.idle_lifetime_s)]


def stop_idle(core: CoreState) -> list[Action]:
    """POLICY: an execution environment that nobody calls is stopped after five minutes, or after ``LAMBDA_SANDBOX_IDLE_LIFETIME_S``
    seconds. AWS documents no number; do not build on one."""
    core.idle_timer_set = False
    actions: list[Action] = []
    for environment in core.pool.idle_before(core.clock.now() - core.idle_lifetime_s):
        actions += stop(core, environment, f"idle for {core.idle_lifetime_s:.0f} s")
    return actions + arm_idle(core)


def _init_report(
    environment: Environment, took_ms: float, phase: str, status: str, error_type: str = ""
) -> Action:
    text = f"INIT_REPORT Init Duration: {took_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
    end = PhaseEnd(took_ms, status, error_type)
    return WriteLog(environment, f"{text}\tError Type: {error_type}" if error_type else text, end)
