"""Runs a Python runtime client under debugpy: waits for a debugger before the first line of the function's code.

Standard library and debugpy only; it lies beside debugpy in the folder that a debugged function sees as a layer.
"""

from __future__ import annotations

import importlib
import os
import runpy
import socket
import sys

PORT, READY_PORT = "LAMBDA_SANDBOX_DEBUG_PORT", "LAMBDA_SANDBOX_DEBUG_READY_PORT"
MEMORY = "LAMBDA_SANDBOX_DEBUG_MEMORY_MB"


def main(arguments: list[str]) -> None:
    """Listen, wait, and become ``arguments``: the interpreter's own options, then ``-m module`` or a file."""
    # The limit was raised by what the debugger takes; the function shall see its own.
    os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = os.environ.pop(MEMORY)
    port, ready_port = int(os.environ.pop(PORT)), int(os.environ.pop(READY_PORT))
    debugpy = importlib.import_module("debugpy")
    debugpy.configure(subProcess=False)  # a child would listen where nobody outside can reach it
    debugpy.listen(("127.0.0.1", port))
    # debugpy's adapter fails a client that comes while it starts: whoever finds this port open is not too early.
    with socket.create_server(("127.0.0.1", ready_port)):
        print("waiting for a debugger", flush=True)
        debugpy.wait_for_client()
    _become(arguments)


def _become(arguments: list[str]) -> None:
    while arguments and arguments[0].startswith("-") and arguments[0] != "-m":
        del arguments[: 2 if arguments[0] == "-X" else 1]
    if arguments[0] == "-m":
        paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.path[:1] = [os.getcwd(), *paths]
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(arguments[0])
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
