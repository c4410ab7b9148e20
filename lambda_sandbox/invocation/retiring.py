"""How environments go when what they were made for is gone: an update, a deletion, the end of the sandbox."""

from __future__ import annotations

from lambda_sandbox.invocation import ends, phases
from lambda_sandbox.invocation.async_queue import AsyncQueue
from lambda_sandbox.invocation.concurrency import Concurrency
from lambda_sandbox.invocation.core_state import CoreState
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import Action, ForgetEvent
from lambda_sandbox.resources import Exit, FunctionConfiguration

_AT_REST = (State.FROZEN, State.RESET, State.SNAPSHOT)
_BEFORE_READY = (State.INIT, State.RESTORE)


def replace_latest(core: CoreState, replacement: FunctionConfiguration) -> list[Action]:
    """Retire the environments of the old ``$LATEST``; its waiting events run the new one."""
    core.concurrency.set_reserved(replacement.arn, replacement.reserved_concurrency)
    core.queue.replace_function(replacement)
    actions: list[Action] = []
    for environment in core.pool.of_function(replacement.arn):
        old = environment.function
        if old.version == replacement.version and old.revision_id != replacement.revision_id:
            actions += retire(core, environment, "function updated")
    return actions


def forget_version(core: CoreState, qualified_arn: str) -> list[Action]:
    """Retire the environments of one version, and drop its snapshot and its waiting events."""
    core.snapshots.pop(qualified_arn, None)
    actions: list[Action] = []
    for environment in list(core.pool.environments.values()):
        if environment.function.qualified_arn == qualified_arn:
            actions += retire(core, environment, "version deleted")
    gone = core.queue.forget(lambda function: function.qualified_arn == qualified_arn)
    return actions + [ForgetEvent(event.request_id) for event in gone]


def forget_function(core: CoreState, function_arn: str) -> list[Action]:
    """Retire the environments of every version, and drop all that was kept for the function."""
    actions: list[Action] = []
    for qualified_arn in [q for q, p in core.provisions.items() if p.function.arn == function_arn]:
        del core.provisions[qualified_arn]
        core.concurrency.set_provisioned(function_arn, qualified_arn, 0)
    for qualified_arn in [q for q in core.snapshots if q.rpartition(":")[0] == function_arn]:
        del core.snapshots[qualified_arn]
    for environment in core.pool.of_function(function_arn):
        actions += retire(core, environment, "function deleted")
    core.concurrency.set_reserved(function_arn, None)
    core.concurrency.forget(function_arn)
    gone = core.queue.forget(lambda function: function.arn == function_arn)
    return actions + [ForgetEvent(event.request_id) for event in gone]


def retire(core: CoreState, environment: Environment, reason: str) -> list[Action]:
    """Stop an environment that serves nobody now, and one that does when it is done."""
    environment.provisioned_by = ""
    unasked = environment.state in _BEFORE_READY and environment.invocation is None
    if unasked or environment.state in _AT_REST:
        return phases.stop(core, environment, reason)
    environment.retiring, environment.stop_reason = True, reason
    core.pool.withdraw(environment)
    return []


def stop_all(core: CoreState, reason: str) -> list[Action]:
    """Stop every environment at once, without the time of a shutdown."""
    actions: list[Action] = []
    core.provisions.clear()
    core.snapshots.clear()
    for environment in list(core.pool.environments.values()):
        environment.extensions.clear()
        environment.retiring, environment.provisioned_by = True, ""
        if environment.invocation is not None:
            actions += ends.failed(core, environment, ends.exit_failure(environment, Exit(signal=9)), 0)
        if environment.state is State.SHUTDOWN:
            environment.keeps_tmp, environment.stop_reason = False, reason
            actions += phases.shutdown_over(core, environment)
        elif environment.state is not State.STOPPED:
            actions += phases.stop(core, environment, reason)
    core.queue = AsyncQueue()
    core.concurrency = Concurrency(core.concurrency.account_limit)
    return actions
