"""Executes one submission in isolation against a sandbox of its own, and ends everything it started."""

from __future__ import annotations

import array
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lambda_sandbox
from autograder.errors import GraderFault
from autograder.isolation import INSIDE_COURSE, INSIDE_SCRATCH, Isolation, bwrap_command, no_one
from autograder.limits import Limits
from autograder.notebook import Notebook
from autograder.processes import Watchdog, kill_tree
from autograder.sandbox import SandboxServer

_HERE = Path(__file__).resolve().parent
_INSIDE_PORT = 9000
_START_S = 60.0  # for a kernel on a slow, busy machine
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Execution:
    """What the notebook showed: ``texts[i]`` and ``errors[i]`` belong to code cell ``i``; ``ended`` is how it ended.

    ``ended`` is ``finished``, ``time``, ``died`` or ``limit``; ``note`` says it in a sentence and is empty for the first.
    """

    texts: tuple[str, ...]
    errors: tuple[str | None, ...]
    ended: str
    note: str
    seconds: float


@contextlib.contextmanager
def executed(
    notebook: Notebook,
    *,
    isolation: Isolation,
    limits: Limits,
    needs_sandbox: bool,
    files: Path | None,
    slot: int = 0,
) -> Iterator[tuple[Execution, SandboxServer | None]]:
    """Run the notebook, end its whole process tree, and give its sandbox, still up, to the block.

    ``files`` is a folder of the lab that the notebook may read under its own name. Call it in a process that grades
    this submission and nothing else: at the end every process below it is killed. Raises GraderFault when the
    machine or the grader fails, never for what the notebook does.
    """
    with tempfile.TemporaryDirectory(prefix="t-") as scratch:
        os.chmod(scratch, 0o700)
        server: SandboxServer | None = None
        listener = (
            None if isolation.has_namespaces or not needs_sandbox else socket.create_server(("127.0.0.1", 0))
        )
        process, control, errors_log = _start_inside(
            Path(scratch), isolation, limits, listener, needs_sandbox, files, slot
        )
        try:
            with control:
                listener = _receive_listener(control, errors_log) or listener
                if needs_sandbox and listener is not None:
                    server = SandboxServer.start(Path(scratch) / "sandbox", listener)
                try:
                    execution = _run(process, control, notebook, server, limits, errors_log)
                finally:
                    _end(process, frozenset({server.pid}) if server else frozenset())
            yield execution, server
        finally:
            if listener is not None:
                listener.close()
            if server is not None:
                server.stop()
            kill_tree(os.getpid())


def _start_inside(
    scratch: Path,
    isolation: Isolation,
    limits: Limits,
    listener: socket.socket | None,
    needs_sandbox: bool,
    files: Path | None,
    slot: int,
) -> tuple[subprocess.Popen[bytes], socket.socket, Path]:
    ours, theirs = socket.socketpair()
    errors_log = scratch / "inside.log"
    settings: dict[str, Any] = {
        "limits": asdict(limits),
        "control_fd": theirs.fileno(),
        "own_network": isolation.has_namespaces and needs_sandbox,
        "user": no_one(slot) if isolation.own_user else None,
        "count_processes": isolation.has_namespaces and (isolation.own_user or os.geteuid() != 0),
        "endpoint": f"http://127.0.0.1:{listener.getsockname()[1] if listener else _INSIDE_PORT}",
    }
    home = INSIDE_SCRATCH if isolation.has_namespaces else str(_bare_home(scratch, files))
    environment = _environment(home, isolation)
    command = _command(isolation, limits, files, environment)
    with theirs, errors_log.open("wb") as log:
        process = subprocess.Popen(
            [*command, json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/" if isolation.has_namespaces else home,
            env=environment,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    return process, ours, errors_log


def _environment(home: str, isolation: Isolation) -> dict[str, str]:
    course = INSIDE_COURSE if isolation.has_namespaces else str(Path(home).parent / "course")
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": course,
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _command(
    isolation: Isolation, limits: Limits, files: Path | None, environment: dict[str, str]
) -> list[str]:
    if not isolation.has_namespaces:
        return [sys.executable, "-I", str(_HERE / "inside.py")]
    binds = [(path, f"{INSIDE_COURSE}/{inside}") for inside, path in _course_files().items()]
    binds.append((_HERE / "inside.py", f"{INSIDE_COURSE}/inside.py"))
    if files is not None and files.is_dir():
        binds.append((files, f"{INSIDE_SCRATCH}/{files.name}"))
    command = bwrap_command(own_user=isolation.own_user, limits=limits, binds=binds)
    for name, value in environment.items():
        command += ["--setenv", name, value]
    return [*command, sys.executable, "-I", f"{INSIDE_COURSE}/inside.py"]


def _course_files() -> dict[str, Path]:
    """Return what a notebook may import besides installed packages: the sandbox's front and an empty check runner."""
    return {
        "lambda_sandbox": Path(lambda_sandbox.__file__).resolve().parent,
        "autograder/__init__.py": _HERE / "__init__.py",
        "autograder/checks.py": _HERE / "checks.py",
    }


def _bare_home(scratch: Path, files: Path | None) -> Path:
    home, course = scratch / "h", scratch / "course"
    home.mkdir(mode=0o700)
    for inside, path in _course_files().items():
        target = course / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    if files is not None and files.is_dir():
        shutil.copytree(files, home / files.name)
    return home


def _receive_listener(control: socket.socket, errors_log: Path) -> socket.socket | None:
    control.settimeout(_START_S)
    try:
        word, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(4))
    except TimeoutError:
        raise GraderFault(
            "The isolated process did not start in a minute: the machine is too busy."
        ) from None
    if not word:
        raise GraderFault(f"The isolated process could not start: {_tail(errors_log)}")
    handles = array.array("i")
    for _level, _kind, data in ancillary:
        handles.frombytes(data[: len(data) - len(data) % handles.itemsize])
    return socket.socket(fileno=handles[0]) if handles else None


def _run(
    process: subprocess.Popen[bytes],
    control: socket.socket,
    notebook: Notebook,
    server: SandboxServer | None,
    limits: Limits,
    errors_log: Path,
) -> Execution:
    if server is not None:
        server.wait_ready()
    if control.recv(1) != b"R":
        raise GraderFault(f"The notebook's kernel did not start: {_tail(errors_log)}")
    began = time.monotonic()
    job = {"cells": [cell.source for cell in notebook.cells], "wall_s": limits.wall_s}
    with Watchdog(process.pid, memory_bytes=limits.memory_mb << 20, processes=limits.processes) as watchdog:
        control.sendall(json.dumps(job).encode() + b"\n")
        answer = _answer(control, limits, began + limits.wall_s + _GRACE_S)
    return _execution(answer, watchdog.reason, limits, len(notebook.cells), time.monotonic() - began)


def _answer(control: socket.socket, limits: Limits, deadline: float) -> dict[str, Any] | None:
    """Return what the inside says, or ``None`` if it says nothing valid in time. It is bounded and only ever shown."""
    received = bytearray()
    most = 8 * limits.output_bytes + 1_000_000
    while len(received) <= most:
        control.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            chunk = control.recv(1 << 16)
        except OSError:
            return None
        if not chunk:
            break
        received += chunk
    try:
        answer = json.loads(received)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and isinstance(answer.get("cells"), list) else None


_ENDINGS = {
    "finished": "",
    "time": "the notebook ran longer than {wall:g} seconds and was stopped in code cell {at}",
    "died": "the notebook's kernel ended in code cell {at}: out of memory, too much CPU time, or an exit call",
}


def _execution(
    answer: dict[str, Any] | None, limit_note: str, limits: Limits, cells: int, seconds: float
) -> Execution:
    listed = answer["cells"][:cells] if answer else []
    rows = [row if isinstance(row, dict) else {} for row in listed]
    texts = tuple(str(row.get("text", ""))[: limits.output_bytes] for row in rows)
    errors = tuple(str(row["error"])[:500] if row.get("error") else None for row in rows)
    ended = str(answer.get("ended")) if answer else "died"
    if answer is None and seconds >= limits.wall_s:
        ended = "time"
    note = _ENDINGS.get(ended, _ENDINGS["died"]).format(wall=limits.wall_s, at=max(1, len(rows)))
    if limit_note:
        ended, note = "limit", limit_note
    return Execution(
        texts, errors, ended if ended in _ENDINGS else ("limit" if limit_note else "died"), note, seconds
    )


def _end(process: subprocess.Popen[bytes], keep: frozenset[int]) -> None:
    """Kill the notebook's tree and whatever left it; only then may a check look."""
    kill_tree(process.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if kill_tree(os.getpid(), keep=keep):
        raise GraderFault("A process of the notebook could not be ended: grade it again on a quiet machine.")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
