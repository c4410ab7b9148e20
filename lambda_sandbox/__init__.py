"""A local AWS Lambda: the real protocol, enforced limits, an honest bill, and the reason for every decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_sandbox.notebook import Sandbox, connect, disconnect
    from lambda_sandbox.packaging import package

__version__ = "0.1.0"
__all__ = ["Sandbox", "__version__", "connect", "disconnect", "package"]

_HOMES = {
    "Sandbox": "lambda_sandbox.notebook",
    "connect": "lambda_sandbox.notebook",
    "disconnect": "lambda_sandbox.notebook",
    "package": "lambda_sandbox.packaging",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the server, the command line and pytest import this package and need none of it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
