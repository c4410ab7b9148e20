"""Executes one submission in isolation against a sandbox of its own, and ends everything it started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import ForkServerLost, GraderFault
from autograder.fork_server import ForkServer, inside_environment
from autograder.inside.messages import Hearing
from autograder.isolation import FUNCTIONS, INSIDE_SCRATCH, Isolation, kept_folders, no_one, readable_paths
from autograder.limits import Limits
from autograder.notebook import Cell, Notebook
from autograder.processes import RunningTree, Watchdog, kill_tree
from autograder.sandbox_server import SandboxForkServer, SandboxServer
from autograder.text import cell_name

_INSIDE_PORT = 9000
_START_S = 60.0  # for a kernel on a slow, busy machine
_GRACE_S = 2.0
_THREADS = 64  # the limit on processes counts threads as well, and Jupyter needs about thirty


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
    fork_server: ForkServer,
    sandboxes: SandboxForkServer | None,
    isolation: Isolation,
    limits: Limits,
    slot: int = 0,
    clock: str = "real",
    enforce_iam: bool = False,
) -> Iterator[tuple[Execution, SandboxServer | None]]:
    """Run the notebook, end its whole process tree, and give its sandbox, still up, to the block.

    Without ``sandboxes`` there is none, and no network at all. ``clock`` is the sandbox's: ``real`` or ``scaled:FACTOR``;
    with ``enforce_iam`` it verifies signatures and lets policies decide.
    Call it in a process that grades this submission and nothing else: at the end every process below it is killed.
    Raises GraderFault when the machine or the grader fails, and SandboxLost when the sandbox does, which may be the
    notebook's doing; SandboxTooLarge when the notebook filled it.
    """
    with tempfile.TemporaryDirectory(prefix="t-") as scratch:
        os.chmod(scratch, 0o700)
        server: SandboxServer | None = None
        needs_sandbox = sandboxes is not None
        outside = needs_sandbox and not isolation.has_namespaces
        listener = socket.create_server(("127.0.0.1", 0)) if outside else None
        settings = _settings(Path(scratch), fork_server, isolation, limits, listener, needs_sandbox, slot)
        try:
            with _Inside(fork_server, settings, limits) as inside:
                listener = inside.listener or listener
                if sandboxes is not None and listener is not None:
                    server = sandboxes.start(
                        Path(scratch) / "sandbox", listener, clock, enforce_iam=enforce_iam, limits=limits
                    )
                    # Its own by now. When it ends nobody else listens, and the notebook is told so instead of waiting.
                    listener.close()
                    server.wait_ready()
                    _require_functions_apart(server, isolation)
                execution = inside.run(notebook)
            if server is not None:
                server.hand_over(limits.check_s)
            yield execution, server
        finally:
            if listener is not None:
                listener.close()
            if server is not None:
                server.stop()
            kill_tree(os.getpid())


def _require_functions_apart(server: SandboxServer, isolation: Isolation) -> None:
    """Where functions were kept apart when that was tried, a machine that is out of something must not run them without."""
    if FUNCTIONS in isolation.enforced and not server.functions_apart:
        raise GraderFault(
            "Its sandbox could not keep functions apart, which it can on this machine: look at memory and disk, and grade it again."
        )


def _settings(
    scratch: Path,
    fork_server: ForkServer,
    isolation: Isolation,
    limits: Limits,
    listener: socket.socket | None,
    needs_sandbox: bool,
    slot: int,
) -> dict[str, Any]:
    apart = isolation.has_namespaces
    home = INSIDE_SCRATCH if apart else str(_bare_home(scratch, fork_server.files))
    environment = inside_environment(home, fork_server.course)
    port = listener.getsockname()[1] if listener else _INSIDE_PORT
    environment["LAMBDA_SANDBOX_ENDPOINT"] = f"http://127.0.0.1:{port}"
    bare = not apart and isolation.holds_files
    return {
        "namespaces": apart,
        "own_network": apart and needs_sandbox,
        "home": home,
        "environment": environment,
        "files": fork_server.files_inside,
        "kept": kept_folders() if apart else [],
        "readable": [*readable_paths(), fork_server.course, *fork_server.course_folders] if bare else [],
        "scratch_mb": limits.scratch_mb,
        "scratch_files": limits.scratch_files,
        "output_bytes": limits.output_bytes,
        "user": no_one(slot) if isolation.own_user else None,
        "rlimits": _resource_limits(limits, counted=apart and (isolation.own_user or os.geteuid() != 0)),
    }


def _resource_limits(limits: Limits, *, counted: bool) -> dict[str, int]:
    wanted = {
        "RLIMIT_CPU": limits.cpu_s,
        "RLIMIT_AS": limits.address_space_mb << 20,
        "RLIMIT_FSIZE": limits.file_mb << 20,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
    }
    return {**wanted, "RLIMIT_NPROC": limits.processes + _THREADS} if counted else wanted


def _bare_home(scratch: Path, files: Path | None) -> Path:
    home = scratch / "h"
    home.mkdir(mode=0o700)
    if files is not None:
        shutil.copytree(files, home / files.name)
    return home


class _Inside:
    """One submission in its isolation, from the fork to the end of its last process. A context manager."""

    def __init__(self, fork_server: ForkServer, settings: dict[str, Any], limits: Limits) -> None:
        self.listener: socket.socket | None = None
        self._fork_server = fork_server
        self._limits = limits
        self._tree: RunningTree | None = None
        self._control, theirs = socket.socketpair()
        self._hearing = Hearing(self._control, 8 * limits.output_bytes + 1_000_000)
        with theirs:
            fork_server.start(settings, theirs)

    def __enter__(self) -> _Inside:
        try:
            first = self._expect("pid", "The isolated process could not start")
            if self._hearing.handles:
                self.listener = socket.socket(fileno=self._hearing.handles[0])
            self._tree = RunningTree(
                self._hearing.sender or int(first["pid"]), alone=self._fork_server.namespaced
            )
        except BaseException:
            self._control.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Kill the notebook's tree and whatever left it; only then may a check look."""
        self._control.close()
        assert self._tree is not None
        if not self._tree.end():
            raise GraderFault(
                "A process of the notebook could not be ended: grade it again on a quiet machine."
            )
        if not self._fork_server.namespaced:
            self._fork_server.sweep()

    def run(self, notebook: Notebook) -> Execution:
        """Execute the cells and return what they showed, within the limits."""
        self._expect("ready", "The notebook's kernel did not start")
        began = time.monotonic()
        limits = self._limits
        assert self._tree is not None
        with Watchdog(self._tree.pid, limits) as watchdog:
            self._order({"cells": [cell.source for cell in notebook.cells], "wall_s": limits.wall_s})
            answer = self._answer(began + limits.wall_s + _GRACE_S)
        if answer is None and not self._fork_server.alive():
            raise ForkServerLost("The process that starts notebooks ended while this one ran.")
        seconds = time.monotonic() - began
        return _execution(answer, watchdog.reason, limits, notebook.cells, seconds)

    def _order(self, job: dict[str, Any]) -> None:
        self._control.settimeout(_START_S)
        with contextlib.suppress(OSError):  # it has ended: no answer will come
            self._control.sendall(json.dumps(job).encode() + b"\n")

    def _expect(self, word: str, complaint: str) -> dict[str, Any]:
        try:
            message = self._hearing.line(time.monotonic() + _START_S)
        except TimeoutError:
            raise GraderFault(f"{complaint} in a minute: the machine is too busy.") from None
        except OSError:
            message = {}
        if word in message:
            return message
        if not self._fork_server.alive():
            raise ForkServerLost(f"{complaint}: the process that starts notebooks has ended.")
        reason = message.get("fault", "it said nothing")
        raise GraderFault(
            f"{complaint} ({reason}): grade it again, and look at the machine if that does not help."
        )

    def _answer(self, deadline: float) -> dict[str, Any] | None:
        """Return what the inside says, or ``None`` if it says nothing valid in time. It is only ever shown."""
        try:
            answer = self._hearing.line(deadline)
        except OSError:
            return None
        return answer if isinstance(answer.get("cells"), list) else None


_ENDINGS = {
    "finished": "",
    "time": "the notebook ran longer than {wall:g} seconds and was stopped in {at}",
    "died": "the notebook's kernel ended in {at}: out of memory, too much CPU time, or an exit call",
}


def _execution(
    answer: dict[str, Any] | None, limit_note: str, limits: Limits, cells: Sequence[Cell], seconds: float
) -> Execution:
    listed = answer["cells"][: len(cells)] if answer else []
    rows = [row if isinstance(row, dict) else {} for row in listed]
    texts = tuple(str(row.get("text", ""))[: limits.output_bytes] for row in rows)
    errors = tuple(str(row["error"])[:500] if row.get("error") else None for row in rows)
    if answer is None:
        ended = "time" if seconds >= limits.wall_s else "died"
    else:
        said = str(answer.get("ended"))
        ended = said if said in _ENDINGS else "died"
    at = max(1, len(rows))
    where = cell_name(at, cells[at - 1].source if cells else "")
    note = limit_note or _ENDINGS[ended].format(wall=limits.wall_s, at=where)
    return Execution(texts, errors, "limit" if limit_note else ended, note, seconds)
