"""How long the control plane takes when it holds many functions and versions."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambda_sandbox.clock import RealClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.packaging import package
from lambda_sandbox.resources import Caller

_CALLER = Caller("000000000000", "us-east-1")
_CODE = "def handler(event, context):\n    return event"


def measure(
    functions: int, versions: int, calls: int = 50, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Return medians in milliseconds of ``calls`` calls over a state of ``functions`` with ``versions`` each.

    ``restart_s`` is seconds from nothing to a control plane that has read the state from disk.
    """
    with tempfile.TemporaryDirectory(prefix="control-plane-") as folder:
        place = Path(folder)
        plane = _open(place)
        progress("making functions and versions")
        _fill(plane, functions, versions)
        progress("measuring")
        medians = _medians(plane, min(calls, functions))
        plane.close()
        began = time.perf_counter()
        _open(place).close()
        restart_s = time.perf_counter() - began
    figures = {"functions": functions, "versions": versions, "median_ms": medians}
    return figures | {"restart_s": round(restart_s, 3)}


def _open(folder: Path) -> ControlPlane:
    return ControlPlane(
        Context(
            config=Config(state=folder),
            clock=RealClock(),
            store=Store(folder),
            code=CodeStore(folder),
            fetch_object=lambda bucket, key, version: b"",
            base_url=lambda: "http://127.0.0.1:9000",
            on_change=lambda function_arn: None,
        )
    )


def _fill(plane: ControlPlane, functions: int, versions: int) -> None:
    """Make the state; one transaction a function, since nothing is measured here."""
    settings = {"Runtime": "python3.12", "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/x"}
    code = {"ZipFile": package(_CODE)}
    for number in range(functions):
        name = _name(number)
        with plane.store.database.transaction():
            _call(plane, "CreateFunction", name, Code=code, **settings)
            for version in range(versions):
                _call(plane, "UpdateFunctionConfiguration", name, Timeout=version + 1)
                _call(plane, "PublishVersion", name)


def _medians(plane: ControlPlane, calls: int) -> dict[str, float]:
    def change(name: str) -> None:
        _call(plane, "UpdateFunctionConfiguration", name, Timeout=899)

    measured: dict[str, Callable[[str], object]] = {
        "list": lambda name: plane.call("ListFunctions", {}, _CALLER),
        "list_versions": lambda name: _call(plane, "ListVersionsByFunction", name),
        "get": lambda name: _call(plane, "GetFunction", name),
        "update": change,
        "publish": lambda name: _call(
            plane, "PublishVersion", name
        ),  # of what was just changed: a new version
        "resolve": lambda name: plane.resolve(name, None, _CALLER),
    }
    return {what: _median_ms(call, calls) for what, call in measured.items()}


def _median_ms(call: Callable[[str], object], calls: int) -> float:
    taken = []
    for number in range(calls):
        name = _name(number)
        began = time.perf_counter()
        call(name)
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken) * 1000, 4)


def _call(plane: ControlPlane, operation: str, name: str, **params: Any) -> dict[str, Any]:
    return plane.call(operation, {"FunctionName": name, **params}, _CALLER)


def _name(number: int) -> str:
    return f"function-{number:05d}"
