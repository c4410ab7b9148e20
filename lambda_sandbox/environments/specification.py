"""What a launcher is told: limits, user, paths, variables and what to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.environments.limits import resource_limits
from lambda_sandbox.environments.starters import Starter
from lambda_sandbox.environments.variables import variables
from lambda_sandbox.resources import FunctionConfiguration

# A bare interpreter's data segments, measured with /proc/PID/status VmData; it must not count as the function's.
_INTERPRETER_BYTES = 24 * quotas.MIB


def specification(
    starter: Starter,
    controllers: frozenset[str],
    client: str,
    function: FunctionConfiguration,
    code: Path,
    layers: Path | None,
    log_stream: str,
    number: int,
) -> dict[str, Any]:
    """Return the launcher's specification. ``number`` counts environments: it chooses a user of its own where one is needed."""
    bare = starter.level == "process"
    places = {"task": str(code), "runtime": str(starter.image.runtime), "layers": str(layers or "/opt")}
    values = variables(function, log_stream, bare=True, **places) if bare else variables(function, log_stream)
    processes = None if bare or "pids" in controllers else quotas.PROCESSES
    return {
        "level": starter.level,
        "client": client,
        "python": starter.image.python,
        "task": values["LAMBDA_TASK_ROOT"],
        "variables": values,
        "rlimits": resource_limits(function, controllers, _INTERPRETER_BYTES, processes),
        "user": starter.user(number, "pids" in controllers),
        "mapped_user": starter.mapped_user,
    }
