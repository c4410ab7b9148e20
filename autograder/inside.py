"""Runs one notebook's cells with nbclient, inside the isolation. Holds no check and no expected value.

This file is bound into the namespace alone and started with ``-I``: it imports nothing of the grader's. What it
sends back decides no score; it is only the text that the cells printed.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import ctypes
import json
import os
import resource
import socket
import sys
import time
from typing import Any

_PR_SET_DUMPABLE = 4
_ENDPOINT_PORT = 9000
_KEPT_IN_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")


def main() -> None:
    settings = json.loads(sys.argv[1])
    drop_privileges(settings)
    set_limits(settings)
    if sys.platform.startswith("linux"):
        # The kernel runs as the same user: keep it from reading this process's memory and descriptors.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    control = socket.socket(fileno=settings["control_fd"])
    control.set_inheritable(False)
    hand_over_listener(control, settings["own_network"])
    outcome = asyncio.run(run_notebook(control, settings))
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(outcome).encode())
    control.close()
    os._exit(0)  # no orderly end: whatever the notebook left running is killed from outside


def drop_privileges(settings: dict[str, Any]) -> None:
    user = settings["user"]
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def set_limits(settings: dict[str, Any]) -> None:
    limits = settings["limits"]
    wanted = {
        resource.RLIMIT_CPU: limits["cpu_s"],
        resource.RLIMIT_AS: limits["address_space_mb"] << 20,
        resource.RLIMIT_FSIZE: limits["file_mb"] << 20,
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_CORE: 0,
    }
    if settings["count_processes"]:
        # The limit counts threads as well, and Jupyter needs about thirty.
        wanted[resource.RLIMIT_NPROC] = limits["processes"] + 64
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
            resource.setrlimit(kind, (value, value))


def hand_over_listener(control: socket.socket, own_network: bool) -> None:
    """Listen inside this network namespace and give the socket to the sandbox outside, which serves on it."""
    if not own_network:
        control.sendall(b"-")
        return
    with socket.create_server(("127.0.0.1", _ENDPOINT_PORT), backlog=512) as listener:
        handles = array.array("i", [listener.fileno()])
        control.sendmsg([b"L"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])


def receive_job(control: socket.socket) -> dict[str, Any]:
    with control.makefile("rb") as stream:
        job: dict[str, Any] = json.loads(stream.readline())
        return job


async def run_notebook(control: socket.socket, settings: dict[str, Any]) -> dict[str, Any]:
    """Start the kernel while the sandbox starts outside, then execute the cells that come over ``control``."""
    # jsonschema, which nbformat imports, builds a grammar for IRIs with it: a second a notebook, for nothing here.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import nbformat
    from jupyter_client.manager import AsyncKernelManager

    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    client = kept_output_client()(notebook, kernel_name="python3", allow_errors=True, timeout=None)
    client.keep_bytes = settings["limits"]["output_bytes"]
    client.extra_arguments = ["--HistoryManager.enabled=False"]
    runtime = os.path.join(os.environ["HOME"], ".r")  # short: a socket's path has about a hundred characters
    os.makedirs(runtime, mode=0o700, exist_ok=True)
    client.km = AsyncKernelManager(
        kernel_name="python3", transport="ipc", connection_file=os.path.join(runtime, "k.json")
    )
    env = {name: os.environ[name] for name in _KEPT_IN_ENVIRONMENT if name in os.environ}
    env["LAMBDA_SANDBOX_ENDPOINT"] = settings["endpoint"]
    null = os.open(os.devnull, os.O_RDWR)
    async with client.async_setup_kernel(
        env=kernel_environment(env),
        cwd=os.environ["HOME"],
        stdin=null,
        stdout=null,
        stderr=null,
        cleanup_kc=False,
    ):
        control.sendall(b"R")
        job = await asyncio.to_thread(receive_job, control)
        client.kc.allow_stdin = False
        return await execute_cells(client, job["cells"], time.monotonic() + job["wall_s"])


def kernel_environment(env: dict[str, str]) -> dict[str, str]:
    folder = os.environ["HOME"]
    return {
        **env,
        "IPYTHONDIR": os.path.join(folder, ".ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLCONFIGDIR": os.path.join(folder, ".matplotlib"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def kept_output_client() -> Any:
    """Return nbclient's client, made to keep a bounded amount of output."""
    from nbclient import NotebookClient

    class KeptOutputClient(NotebookClient):
        """``keep_bytes`` of output are kept for the whole notebook; the rest is read and dropped."""

        keep_bytes = 0

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            kind = msg["msg_type"]
            if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                self.keep_bytes -= (
                    len(repr(msg["content"])) if kind != "stream" else len(msg["content"]["text"])
                )
                if self.keep_bytes < 0:
                    return None
            elif kind.startswith("comm"):
                return None
            return super().process_message(msg, cell, cell_index)

    return KeptOutputClient


async def execute_cells(client: Any, sources: list[str], deadline: float) -> dict[str, Any]:
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    new_cell: Any = nbformat.v4.new_code_cell
    client.nb.cells = [new_cell(source) for source in sources]
    cells: list[dict[str, Any]] = []
    for index, cell in enumerate(client.nb.cells):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return {"cells": cells, "ended": "time", "at": index}
        client.timeout = max(1, int(remaining))
        try:
            await client.async_execute_cell(cell, index)
        except CellTimeoutError:
            return {"cells": [*cells, seen(cell)], "ended": "time", "at": index}
        except DeadKernelError:
            return {"cells": [*cells, seen(cell)], "ended": "died", "at": index}
        cells.append(seen(cell))
    return {"cells": cells, "ended": "finished", "at": len(cells)}


def seen(cell: Any) -> dict[str, Any]:
    """Return what one cell showed as plain text, and the last error it raised."""
    texts: list[str] = []
    error: str | None = None
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            texts.append(str(output.get("text", "")))
        elif output["output_type"] == "error":
            error = f"{output.get('ename', '')}: {output.get('evalue', '')}"[:500]
        else:
            texts.append(str(output.get("data", {}).get("text/plain", "")))
    return {"text": "\n".join(texts), "error": error}


if __name__ == "__main__":
    main()
