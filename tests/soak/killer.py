"""Kills the grader's own processes at random while a batch is graded."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from pathlib import Path

from autograder.processes import descendants

WORKERS = ("labs-worker",)


class Killer:
    """Kills one worker of this process's batch every ``every_s`` seconds; a context manager. ``killed`` counts them."""

    def __init__(self, every_s: float, seed: int) -> None:
        self.killed = 0
        self._every_s = every_s
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            workers = _workers()
            if workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._random.choice(workers), signal.SIGKILL)
                    self.killed += 1


def _workers() -> list[int]:
    return sorted(pid for pid in descendants(os.getpid()) if _name(pid) in WORKERS)


def _name(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "comm").read_text().strip()
    except OSError:
        return ""
