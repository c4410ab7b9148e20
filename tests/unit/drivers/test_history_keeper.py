"""The history on disk, where the disk is full for a while or the file is not what it was."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from lambda_sandbox.drivers.history_keeper import HistoryKeeper
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, Status
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry import history_file
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.history_file import HistoryFile

FUNCTION = FunctionConfiguration(
    "000000000000", "us-east-1", "f", "python3.13", "app.handler", "role", "sha", 1, "revision", ""
)
FILE = "history.sqlite3"


def record(name: str, payload: bytes = b"{}", revision: str = "revision") -> InvocationRecord:
    invocation = Invocation(name, replace(FUNCTION, revision_id=revision), payload, 0.0)
    return InvocationRecord(invocation, "environment", Status.SUCCESS, 0.0, 0.1, None, "", False, "")


def kept(folder: Path) -> list[str]:
    """Return the ids of the requests that the next life of the sandbox knows."""

    async def read() -> list[str]:
        history = History()
        await HistoryKeeper(folder, history).close()
        return [each.invocation.request_id for each in history.records]

    return asyncio.run(read())


def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def live() -> None:
        history = History()
        keeper = HistoryKeeper(tmp_path, history)
        disk = keeper._file._connection
        pages = disk.execute("PRAGMA page_count").fetchone()[0]
        disk.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(2):
            history.record(record(f"early-{number}", b"x" * 100_000, "new"))
            await keeper._write()
        disk.execute(f"PRAGMA max_page_count = {1 << 30}")
        history.record(record("late", revision="new"))
        await keeper.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(live())
    assert caplog.messages == ["the history cannot be written (database or disk is full); is the disk full?"]
    assert kept(tmp_path) == ["early-0", "early-1", "late"]


def test_a_disk_that_stays_full_does_not_keep_the_sandbox_from_ending(tmp_path: Path) -> None:
    async def live() -> None:
        history = History()
        keeper = HistoryKeeper(tmp_path, history)
        disk = keeper._file._connection
        disk.execute(f"PRAGMA max_page_count = {disk.execute('PRAGMA page_count').fetchone()[0]}")
        history.record(record("lost", b"x" * 100_000))
        await keeper.close()

    asyncio.run(live())
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET document = x'00'",
        "DELETE FROM functions",
        "INSERT INTO environments VALUES ('e', 'no JSON')",
    ],
    ids=["another version's records", "a function that is missing", "a row that cannot be read"],
)
def test_a_history_that_cannot_be_read_says_what_to_do(tmp_path: Path, statement: str) -> None:
    async def live() -> None:
        history = History()
        keeper = HistoryKeeper(tmp_path, history)
        history.record(record("one"))
        await keeper.close()

    asyncio.run(live())
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute(statement)
    file.close()
    with pytest.raises(SandboxFault, match=f"remove {FILE} to begin a new one"):
        kept(tmp_path)


def test_environments_and_functions_that_nobody_asks_for_leave_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "ENVIRONMENTS", 2)
    monkeypatch.setattr(history_file, "RECORDS", 1)

    async def live() -> None:
        keeper = HistoryKeeper(tmp_path, History())
        rows = [{"environment_id": name} for name in ("first", "second", "third")]
        keeper._file.write([record("early", revision="old"), record("late", revision="new")], rows, [])
        await keeper.close()

    asyncio.run(live())
    HistoryFile(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as disk:
        assert disk.execute("SELECT environment_id FROM environments").fetchall() == [("second",), ("third",)]
        assert disk.execute("SELECT revision FROM functions").fetchall() == [("new",)]
