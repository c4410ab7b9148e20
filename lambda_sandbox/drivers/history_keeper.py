"""Writes the history into the state, every second and at the end, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.history_file import RECORDS, HistoryFile

EVERY_S = 1.0
_log = logging.getLogger(__name__)


class HistoryKeeper:
    """Belongs to the event loop that made it. ``history`` gets what earlier lives kept when this is made."""

    def __init__(self, folder: Path, history: History) -> None:
        """Raises ``SandboxFault`` when the file cannot be opened or read."""
        self._history = history
        self._file = HistoryFile(folder)
        with self._file.readable():
            for record in self._file.records():
                history.record(record)
            history.past_environments(self._file.environments())
            history.neighbours.restore(self._file.used())
        history.unsaved = []
        self._failing = False
        self._thread = ThreadPoolExecutor(1, "history")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="history")

    async def close(self) -> None:
        """Write what is left, and close the file."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._write()
        self._thread.shutdown()
        self._file.close()

    async def clear(self) -> None:
        """Forget what is kept, as the history in memory was forgotten."""
        self._history.unsaved = []
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.clear)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if self._history.unsaved:
                await self._write()

    async def _write(self) -> None:
        """Write what is new. What a full disk does not take is written once there is room again."""
        history = self._history
        records, history.unsaved = history.unsaved or [], []
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread,
                self._file.write,
                records,
                history.living_environments(),
                history.neighbours.sums(),
            )
        except sqlite3.Error as problem:
            history.unsaved = [*records, *history.unsaved][-RECORDS:]
            if not self._failing:
                _log.warning("the history cannot be written (%s); is the disk full?", problem)
            self._failing = True
        else:
            self._failing = False
