"""How provisioned concurrency is kept: as many initialised environments as were asked for, no more and no fewer."""

from __future__ import annotations

from lambda_sandbox.invocation import provisioned, retiring, room, running
from lambda_sandbox.invocation.core_state import CoreState
from lambda_sandbox.invocation.environment import Environment, InitializationType
from lambda_sandbox.invocation.messages import Action
from lambda_sandbox.invocation.version_keys import pool_key
from lambda_sandbox.resources import FunctionConfiguration, ProvisionedStatus


def provision(
    core: CoreState, qualified_arn: str, function: FunctionConfiguration, requested: int
) -> list[Action]:
    """Stop what is too many or of another version, then start what is missing."""
    core.concurrency.set_provisioned(function.arn, qualified_arn, requested)
    core.provisions.pop(qualified_arn, None)
    provision = provisioned.Provision(qualified_arn, function, requested)
    if requested:
        core.provisions[qualified_arn] = provision
    there = core.pool.of_provision(qualified_arn)
    there.sort(key=lambda environment: environment.invocation is None)  # the busy ones stay
    kept = [e for e in there if e.pool_key == pool_key(function)][:requested]
    actions: list[Action] = []
    for environment in there:
        if environment not in kept:
            actions += _release(core, environment)
    for _ in range(requested - len(kept)):
        ended, provision.reason = room.make_room(core, function)
        if provision.reason:
            break
        actions += ended
        actions += running.prepare(core, function, InitializationType.PROVISIONED, qualified_arn)
    return actions


def provisioned_status(core: CoreState, qualified_arn: str) -> ProvisionedStatus | None:
    known = core.provisions.get(qualified_arn)
    return None if known is None else provisioned.status(known, core.pool.of_provision(qualified_arn))


def _release(core: CoreState, environment: Environment) -> list[Action]:
    return retiring.retire(core, environment, "provisioned concurrency was reduced")
