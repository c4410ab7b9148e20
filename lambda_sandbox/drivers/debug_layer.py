"""The layer of a debugged function: the debugger itself, and the wrapper script that starts the runtime under it."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.environments.runtimes import python_debugger
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import FunctionConfiguration

_FOLDER = "lambda-sandbox-debug"
_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_WRAPPED = "LAMBDA_SANDBOX_DEBUG_WRAPPED"
# A function of a few lines with debugpy and its adapter was measured at 63 MB; the function's own memory stays its own.
_DEBUGPY_MB = 128

# AWS hands a wrapper script the runtime's command line. A wrapper that the function has of its own comes before it;
# without isolation neither it nor this script lies where AWS has it.
_SCRIPT = f"""#!/bin/sh
here=${{0%/*}}
program=$1
shift
case ${{program##*/}} in
  python*)
    set -- "$program" -E -S -X utf8 -X frozen_modules=off "$here/python_debugger.py" "$@" ;;
  *)
    if [ "$("$program" -p 'process.allowedNodeEnvironmentFlags.has("--inspect-wait")')" = true ]
    then how=--inspect-wait; else how=--inspect-brk; fi
    set -- "$program" "$how=127.0.0.1:${python_debugger.PORT}" "$@" ;;
esac
own=${_WRAPPED}
case $own in
  /var/task/*) own=$LAMBDA_TASK_ROOT${{own#/var/task}} ;;
  /opt/*) own=${{here%/*}}${{own#/opt}} ;;
esac
unset {_WRAPPED}
exec ${{own:+"$own"}} "$@"
"""


def language(function: FunctionConfiguration) -> str:
    """Return ``python`` or ``nodejs``. Raises ``SandboxFault`` for a runtime that no debugger here knows."""
    runtime = runtime_identifiers.find(function.runtime)
    found = runtime.language if runtime is not None else ""
    if found not in ("python", "nodejs"):
        raise SandboxFault(f"{function.runtime} functions cannot be debugged here: Python and Node.js can")
    return found


def make(folder: Path) -> None:
    """Fill ``folder`` with the layer. Raises ``SandboxFault`` where debugpy is not installed."""
    spec = importlib.util.find_spec("debugpy")
    if spec is None or not spec.submodule_search_locations:
        raise SandboxFault("debugpy is not installed beside the sandbox: pip install debugpy")
    inside = folder / _FOLDER
    # With its compiled files: the layer is read-only, so every start would compile them anew.
    shutil.copytree(spec.submodule_search_locations[0], inside / "debugpy")
    shutil.copy(python_debugger.__file__, inside)
    wrapper = inside / "wrapper"
    wrapper.write_text(_SCRIPT, encoding="ascii")
    wrapper.chmod(0o755)
    folder.chmod(0o755)


def equipped(function: FunctionConfiguration, port: int, ready_port: int) -> FunctionConfiguration:
    """Return ``function`` as it is started: under the wrapper, with the debugger listening on ``port`` inside.

    Python opens ``ready_port`` once a debugger may come.
    """
    own = function.environment.get(_WRAPPER)
    variables = {
        **function.environment,
        **({_WRAPPED: own} if own else {}),
        _WRAPPER: f"/opt/{_FOLDER}/wrapper",
        python_debugger.PORT: str(port),
        python_debugger.READY_PORT: str(ready_port),
        python_debugger.MEMORY: str(function.memory_mb),
    }
    more_mb = _DEBUGPY_MB if language(function) == "python" else 0
    return replace(function, environment=variables, memory_mb=function.memory_mb + more_mb)
