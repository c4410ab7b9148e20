"""Writes the history into the state, every second and at the end, in a thread of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.history_file import HistoryFile

EVERY_S = 1.0


class HistoryKeeper:
    """Belongs to the event loop that made it. ``history`` gets what earlier lives kept when this is made."""

    def __init__(self, folder: Path, history: History) -> None:
        """Raises ``SandboxFault`` when the file cannot be opened."""
        self._history = history
        self._file = HistoryFile(folder)
        for record in self._file.records():
            history.record(record)
        history.past_environments(self._file.environments())
        history.neighbours.restore(self._file.used())
        history.unsaved = []
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
        records, self._history.unsaved = self._history.unsaved or [], []
        environments, used = self._history.living_environments(), self._history.neighbours.sums()
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self._file.write, records, environments, used
        )
