"""``python -m benchmarks.telemetry_off serve …``: the sandbox without its recorders, to see what they cost.

No option of the sandbox does this: a sandbox that shows nothing is of no use to anybody. History, log, metrics, traces,
the bill's meters and the Telemetry API are cut off where the driver hands things over to them; the core still says them.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.__main__ import main
from lambda_sandbox.drivers.function_logs import FunctionLogs
from lambda_sandbox.drivers.server import ServerDriver


def nothing(*_: Any, **__: Any) -> None:
    """Stand for every recorder."""


def cut_off() -> None:
    """Replace what the driver does for telemetry on the way of an invocation."""
    recorders: dict[Any, tuple[str, ...]] = {
        ServerDriver: ("_record",),
        FunctionLogs: ("write", "say", "printed", "extension_printed", "drain"),
    }
    for owner, names in recorders.items():
        for name in names:
            getattr(owner, name)  # one that is gone or renamed must not go unnoticed
            setattr(owner, name, nothing)


if __name__ == "__main__":
    cut_off()
    raise SystemExit(main())
