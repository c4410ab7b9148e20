"""Provisioned concurrency: environments of one version that are initialised before anybody asks, and kept.

Source: AWS Lambda Developer Guide, "Configuring provisioned concurrency for a function", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.resources import FunctionConfiguration

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
_READY_STATES = (State.FROZEN, State.INVOKE, State.ANSWERED)


@dataclass(slots=True, eq=False)
class Provision:
    """What was asked for one qualified ARN (of a version or an alias) and the version that it stands for."""

    qualified_arn: str
    function: FunctionConfiguration
    requested: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionedStatus:
    """``allocated`` environments are initialised, ``available`` of them are free; ``status`` as the API spells it."""

    requested: int
    allocated: int
    available: int
    status: str
    reason: str = ""


def status(provision: Provision, environments: Iterable[Environment]) -> ProvisionedStatus:
    ready = [environment for environment in environments if environment.state in _READY_STATES]
    free = sum(1 for environment in ready if environment.free)
    word = "READY" if len(ready) >= provision.requested else "IN_PROGRESS"
    return ProvisionedStatus(
        provision.requested, len(ready), free, "FAILED" if provision.reason else word, provision.reason
    )
