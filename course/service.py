"""One of the processes that the launcher starts: its command, how it tells that it is ready, its last words."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import urllib.request
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LAST_LINES = 15
_POLL_S = 0.05
_LINE_LIMIT = 1 << 20
_PR_SET_PDEATHSIG = 1
_direct = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # a proxy knows nothing of this loopback


class ServiceFailed(Exception):
    """A service ended, or did not become ready in time; the text names it and quotes its last lines."""


@dataclass(eq=False)
class Service:
    """A child process in a process group of its own, so that Ctrl-C reaches the launcher alone.

    ``ready_url`` answers 200 once it serves. ``address`` is what a person opens. Its output goes to ``log``.
    ``environment`` is what it has beside ours; ``None`` takes a variable away.
    """

    name: str
    command: list[str]
    address: str
    ready_url: str
    log: Path
    environment: Mapping[str, str | None] = field(default_factory=dict)
    ready_headers: Mapping[str, str] = field(default_factory=dict)
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process; returns at once."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env={
                name: value for name, value in {**os.environ, **self.environment}.items() if value is not None
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._reader = asyncio.create_task(self._read())

    async def ready(self, timeout_s: float) -> None:
        """Wait until ``ready_url`` answers. Raises ``ServiceFailed`` when the process ends or the time is over."""
        assert self.process is not None
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not await asyncio.to_thread(self._answers):
            if self.process.returncode is not None:
                await self.ended()
            if asyncio.get_running_loop().time() > deadline:
                raise ServiceFailed(f"{self.name} did not answer within {timeout_s:g} s.{self._quote()}")
            await asyncio.sleep(_POLL_S)

    async def ended(self) -> None:
        """Wait for the process to end by itself, which always raises ``ServiceFailed``."""
        assert self.process is not None
        code = await self.process.wait()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=1)
        how = f"with exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"
        raise ServiceFailed(f"{self.name} ended {how}.{self._quote()}")

    async def stop(self, patience_s: float = 10.0) -> None:
        """End the process and everything in its group: politely first, then for sure."""
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), patience_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=1)
            self._reader.cancel()

    def _answers(self) -> bool:
        request = urllib.request.Request(self.ready_url, headers=dict(self.ready_headers))  # noqa: S310 - our own address
        try:
            with _direct.open(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with _opened(self.log) as log:
            while True:
                try:
                    line = await self.process.stdout.readline()
                except ValueError:  # one line over the limit: drop it, keep reading, or the child would block
                    continue
                if not line:
                    return
                with contextlib.suppress(OSError):  # the disk is full: the same
                    log.write(line)
                self.last_lines.append(line.decode(errors="replace").rstrip())

    def _quote(self) -> str:
        if not self.last_lines:
            return " It printed nothing."
        return f" Its last lines (all of them: {self.log}):\n" + "\n".join(
            f"  | {line}" for line in self.last_lines
        )


def _opened(log: Path) -> BinaryIO:
    """Return the file to write to, unbuffered; one that leads nowhere where the folder cannot be written."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("wb", buffering=0)
    except OSError:
        return open(os.devnull, "wb", buffering=0)


def _die_with_parent() -> None:
    """Have the kernel end this child when the launcher is killed outright."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
