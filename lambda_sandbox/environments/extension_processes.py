"""External extensions: every file in ``/opt/extensions`` is a process of its own, started before the runtime.

Part of the launcher: lies beside it inside the environment, standard library only, imported only where there are extensions.
"""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

# AWS keeps these from extensions. Source: Developer Guide, "Using the Lambda Extensions API", read 2026-11.
_NOT_FOR_EXTENSIONS = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
)

# Sends an object, and descriptors with it.
Send = Callable[[socket.socket, dict[str, Any], list[int]], None]


def start(control: socket.socket, folder: str, send: Send, prepare: Callable[[], None]) -> dict[int, str]:
    """Start all files of ``folder`` and return their names by process id. ``prepare`` makes a child what the runtime is.

    The server is told their names before any of them can register; what they print comes to it by a pipe of its own.
    """
    names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
    reader, writer = os.pipe2(os.O_CLOEXEC)
    send(control, {"event": "extensions", "names": names}, [reader])
    os.close(reader)
    started: dict[int, str] = {}
    for name in names:
        pid = os.fork()
        if pid == 0:
            _become(control, os.path.join(folder, name), send, prepare, writer)
        started[pid] = name
    os.close(writer)
    return started


def _become(
    control: socket.socket, path: str, send: Send, prepare: Callable[[], None], output: int
) -> NoReturn:
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        prepare()
        os.setsid()
        send(control, {"event": "extension", "name": os.path.basename(path)}, [])
        # It closes by itself in what is executed, and is left to say so where nothing is.
        control.set_inheritable(False)
        os.closerange(3, control.fileno())
        os.closerange(control.fileno() + 1, 64)
        for name in _NOT_FOR_EXTENSIONS:
            os.environ.pop(name, None)
        os.chdir("/")
        try:
            os.execv(path, [path])  # noqa: S606
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            send(
                control,
                {"event": "extension_refused", "name": os.path.basename(path), "reason": reason},
                [],
            )
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(127)
