"""Durable executions: what they need of the sandbox, and the role's permission where IAM is enforced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

from lambda_sandbox.drivers.durable import DurableExecutions
from lambda_sandbox.drivers.durable_api import DurableApi
from lambda_sandbox.drivers.durable_store import DurableStore
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.service_events import ServiceEvents
from lambda_sandbox.durable.answers import status_event
from lambda_sandbox.durable.states import Execution
from lambda_sandbox.iam import denial
from lambda_sandbox.iam.evaluation import Access, evaluate
from lambda_sandbox.telemetry.metrics_durable import DurableMetrics
from lambda_sandbox.wiring.parts import Parts

_INVOKE = "lambda:InvokeFunction"


def make_durable(
    parts: Parts, identities: Identities | None, service_events: ServiceEvents
) -> DurableExecutions:
    """Return what runs durable executions, known to those who start and who ask for them."""
    ground = parts.ground
    executions = DurableExecutions(
        parts.driver,
        parts.plane,
        DurableStore(ground.store),
        ground.waiting_clock,
        ground.note,
        _refusal(parts, identities) if identities is not None else None,
    )
    metrics = DurableMetrics(parts.driver.cloudwatch.metrics)
    wall = ground.waiting_clock.wall

    def changed(execution: Execution, running: int) -> None:
        (metrics.ended if execution.ended else metrics.started)(execution, running)
        service_events.put(status_event(execution, str(uuid4()), wall))

    executions.changed = changed
    parts.driver.durable = executions
    parts.bridge.durable = DurableApi(executions).answer
    return executions


def _refusal(parts: Parts, identities: Identities) -> Callable[[str, str], Awaitable[str]]:
    async def refusal(role_arn: str, function_arn: str) -> str:
        """Return which statement a role lacks to invoke a function, empty when none is missing."""
        role = await identities.role(role_arn)
        access = Access(role, _INVOKE, function_arn, function_arn.split(":")[4], {})
        policy = parts.plane.resource_policy(function_arn)
        decision = evaluate(access, policy)
        if decision.allowed:
            return ""
        why = denial.explanation(access, decision, policy)
        parts.ground.denied(role.arn, _INVOKE, function_arn, why)
        return why

    return refusal
