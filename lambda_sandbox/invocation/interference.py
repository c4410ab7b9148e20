"""Where the rules of ``faults`` meet the core's decisions: who is throttled, how an init ends, what an event is told."""

from __future__ import annotations

from lambda_sandbox.invocation.core_state import SLOW, CoreState
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.faults import FaultKind, FaultRule
from lambda_sandbox.invocation.messages import (
    Action,
    DeliverEvent,
    FaultMet,
    FreezeEnvironment,
    Invocation,
    SetTimer,
    WriteLog,
)

_AT_START = (FaultKind.SLOW_START, FaultKind.INIT_CRASH)


def throttles(core: CoreState, invocation: Invocation) -> FaultRule | None:
    return core.faults.strike(FaultKind.THROTTLE, invocation.function.function_name)


def met(rule: FaultRule, invocation: Invocation) -> Action:
    """Tell of a fault that met an invocation which has no environment."""
    return FaultMet(rule.kind, invocation.function.function_name, invocation.request_id, str(rule))


def at_start(core: CoreState, environment: Environment) -> None:
    """Draw what will be wrong with the init that begins."""
    drawn = (core.faults.strike(kind, environment.function.function_name) for kind in _AT_START)
    environment.start_faults = tuple(rule for rule in drawn if rule is not None)
    environment.held_until = 0.0


def hold(core: CoreState, environment: Environment) -> list[Action]:
    """Init is over too soon for a rule that makes starts slow: come back later. Empty where there is no such rule."""
    slow = next((rule for rule in environment.start_faults if rule.kind is FaultKind.SLOW_START), None)
    if slow is None:
        return []
    environment.start_faults = tuple(rule for rule in environment.start_faults if rule is not slow)
    environment.held_until = core.clock.now() + slow.ms / 1000.0
    timer = SetTimer((SLOW, environment.environment_id), environment.held_until)
    return [*_told(environment, slow), timer]


def crash(environment: Environment) -> list[Action]:
    """Return the word that this init ends with the process; empty where no rule says so."""
    if not environment.start_faults:
        return []
    rule, environment.start_faults = environment.start_faults[0], ()
    return _told(environment, rule)


def at_deliver(core: CoreState, environment: Environment, event: DeliverEvent) -> list[Action]:
    """Change what the event is told of the time; return what happens right after it is handed over."""
    name = environment.function.function_name
    actions: list[Action] = []
    skew = core.faults.strike(FaultKind.CLOCK_SKEW, name)
    environment.skew_ms = skew.ms if skew is not None else 0.0
    if skew is not None:
        # To a clock that is ahead the deadline is nearer than it is.
        event.deadline -= skew.ms / 1000.0
        actions += _told(environment, skew)
    freeze = core.faults.strike(FaultKind.FREEZE, name)
    if freeze is not None:
        actions += [*_told(environment, freeze), FreezeEnvironment(environment, freeze.ms / 1000.0)]
    return actions


def _told(environment: Environment, rule: FaultRule) -> list[Action]:
    invocation = environment.invocation
    request_id = invocation.request_id if invocation is not None else ""
    return [
        FaultMet(rule.kind, environment.function.function_name, request_id, str(rule)),
        WriteLog(environment, f"SANDBOX_FAULT {rule}\tRequestId: {request_id or 'none'}"),
    ]
