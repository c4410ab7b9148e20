"""What a launcher is told: limits, user, paths, variables and what to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lambda_sandbox import quotas, runtime_identifiers
from lambda_sandbox.environments.blanks import Ahead
from lambda_sandbox.environments.limits import resource_limits
from lambda_sandbox.environments.node_modules import NAME
from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.environments.runtimes.launch import Places
from lambda_sandbox.environments.starters import Starter
from lambda_sandbox.environments.variables import starting, variables
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
    initialization_type: str = "on-demand",
    anew: bool = False,
    node_modules: Path | None = None,
) -> dict[str, Any]:
    """Return the launcher's specification. ``number`` counts environments: it chooses a user of its own where one is needed.

    ``anew``: the runtime is a program of its own, which starts when the code is there. ``node_modules`` is a folder of the
    host whose packages Node.js functions find. ``mounts``, in the specification, maps a path inside to such a folder of the host.
    """
    bare = starter.level == "process"
    places = Places(starter.image.python)
    if bare:
        runtime = str(starter.image.runtime)
        packages = str(node_modules or f"{runtime}/{NAME}")
        places = Places(
            starter.image.python, runtime, str(code), str(layers or "/opt"), bare=True, node_modules=packages
        )
    launch = registry.launch(function, places, starter.image.runtime, client == "native", anew, code)
    values = variables(
        function,
        log_stream,
        task=places.task,
        runtime=places.runtime,
        layers=places.layers,
        bare=bare,
        launch=launch,
        initialization_type=initialization_type,
    )
    return {
        **_limits(starter, controllers, function, number),
        "commands": launch.commands,
        "fork": launch.fork,
        # A program that is there already takes no further resource limits: the group must be enough.
        "ahead": starting(launch) if launch.ahead and "memory" in controllers else None,
        "missing": launch.missing,
        "task": values["LAMBDA_TASK_ROOT"],
        "extensions": f"{places.layers}/extensions" if layers is not None else "",
        "variables": values,
        "mounts": _mounts(function, places, node_modules),
    }


def _mounts(function: FunctionConfiguration, places: Places, node_modules: Path | None) -> dict[str, str]:
    identifier = runtime_identifiers.find(function.runtime)
    if node_modules is None or identifier is None or identifier.language != "nodejs":
        return {}
    # A link would lead to a place of the root folder that is mounted in.
    return {places.node_modules: os.path.realpath(node_modules)}


def blank_specification(
    starter: Starter, controllers: frozenset[str], number: int, ahead: Ahead | None
) -> dict[str, Any]:
    """Return what can be said before it is known which function an environment is for.

    ``ahead`` is what its runtime's process does until then, if that is to be there.
    """
    limits = _limits(starter, controllers, None, number)
    commands, variables_ = ([ahead.command], dict(ahead.variables)) if ahead and ahead.command else ((), {})
    blank = {"commands": commands, "variables": variables_, "missing": "", "runtime_ahead": ahead is not None}
    return {**limits, **blank}


def _limits(
    starter: Starter, controllers: frozenset[str], function: FunctionConfiguration | None, number: int
) -> dict[str, Any]:
    processes = None if starter.level == "process" or "pids" in controllers else quotas.PROCESSES
    return {
        "level": starter.level,
        "rlimits": resource_limits(function, controllers, _INTERPRETER_BYTES, processes),
        "user": starter.user(number, "pids" in controllers),
        "mapped_user": starter.mapped_user,
    }
