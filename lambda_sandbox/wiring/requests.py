"""What answers requests: the endpoint with the gate before it, the sandbox's own routes and the front doors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from lambda_sandbox.drivers.endpoint import Endpoint
from lambda_sandbox.drivers.execution_roles import ExecutionRoles
from lambda_sandbox.drivers.front_door_wiring import make_front_doors
from lambda_sandbox.drivers.gate import Gate
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.log_copies import LogCopies
from lambda_sandbox.drivers.own_routes import OwnRoutes
from lambda_sandbox.drivers.resource_policies import ResourcePolicies
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.gateway.codec import Codec
from lambda_sandbox.iam.credentials import RoleSessions
from lambda_sandbox.wiring.invoking import Invoking
from lambda_sandbox.wiring.parts import Parts
from lambda_sandbox.wiring.triggers import Triggers


def make_identities(parts: Parts) -> Identities | None:
    """Return who access keys belong to; ``None`` where IAM is not enforced."""
    if not parts.ground.config.enforce_iam:
        return None
    parts.driver.role_sessions = RoleSessions()
    return Identities(parts.neighbours, parts.driver.role_sessions)


def make_permissions(parts: Parts, identities: Identities | None) -> TriggerPermissions:
    """Return what services, and Lambda for a function, may send. ``identities`` is ``None`` where IAM is not enforced."""
    policies = ResourcePolicies(parts.plane.resource_policy, parts.neighbours)
    return TriggerPermissions(policies, identities, parts.ground.denied)


def make_endpoint(
    parts: Parts,
    worker: Executor,
    identities: Identities | None,
    log_copies: LogCopies | None,
    own_routes: OwnRoutes,
) -> Endpoint:
    """Return the endpoint. ``worker`` is the thread in which the control plane works."""
    ground = parts.ground
    return Endpoint(
        config=ground.config,
        driver=parts.driver,
        model=ground.model,
        gateway=Codec(ground.model),
        plane=parts.plane,
        neighbours=parts.door if ground.config.neighbours else None,
        log_copies=log_copies,
        own_routes=own_routes,
        worker=worker,
        gate=_make_gate(parts, identities) if identities is not None else None,
    )


def make_own_routes(
    parts: Parts, invoking: Invoking, triggers: Triggers, reset: Callable[[], Awaitable[None]]
) -> OwnRoutes:
    return OwnRoutes(
        parts.ground.config,
        parts.driver,
        parts.plane.code_zip,
        reset,
        lambda: parts.neighbours.status,
        invoking.debuggable,
        triggers.routes.answer,
    )


def make_log_copies(parts: Parts) -> LogCopies | None:
    """Return what copies function logs into CloudWatch Logs; ``None`` where nobody asked for copies."""
    config = parts.ground.config
    if not config.log_copies:
        return None
    shared = config.neighbours_socket is not None
    return LogCopies(parts.ground.logs, parts.neighbours.forward, prompt=shared)


def open_front_doors(
    parts: Parts, endpoint: Endpoint, permissions: TriggerPermissions, identities: Identities | None
) -> None:
    """Give ``endpoint`` its front doors, where there are neighbours: what the doors serve is defined there."""
    if not parts.ground.config.neighbours:
        return
    doors = make_front_doors(
        parts.ground.config,
        parts.driver,
        parts.plane,
        parts.neighbours,
        permissions,
        identities,
        endpoint.spawn,
    )
    endpoint.front_doors = doors
    endpoint.own_routes.trust = doors.trust


def _make_gate(parts: Parts, identities: Identities) -> Gate:
    plane = parts.plane
    policies = ResourcePolicies(plane.resource_policy, parts.neighbours)
    return Gate(
        parts.ground.clock,
        identities,
        parts.ground.model,
        parts.ground.history,
        policies,
        ExecutionRoles(
            identities, policies, lambda name, caller: plane.context.lookup.function(name, caller).role
        ),
    )
