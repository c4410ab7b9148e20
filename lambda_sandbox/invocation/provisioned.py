"""Provisioned concurrency: environments of one version that are initialised before anybody asks, and kept.

Source: AWS Lambda Developer Guide, "Configuring provisioned concurrency for a function", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.resources import FunctionConfiguration, ProvisionedStatus

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
_READY_STATES = (State.FROZEN, State.INVOKE, State.ANSWERED)


@dataclass(slots=True, eq=False)
class Provision:
    """What was asked for one qualified ARN (of a version or an alias) and the version that it stands for."""

    qualified_arn: str
    function: FunctionConfiguration
    requested: int
    reason: str = ""


def status(provision: Provision, environments: Iterable[Environment]) -> ProvisionedStatus:
    """Return how many are initialised, and how many of these serve nobody right now."""
    ready = [environment for environment in environments if environment.state in _READY_STATES]
    free = sum(1 for environment in ready if environment.free)
    word = "READY" if len(ready) >= provision.requested else "IN_PROGRESS"
    word = "FAILED" if provision.reason else word
    return ProvisionedStatus(word, len(ready), free, provision.reason)
