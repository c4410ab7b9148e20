"""A sandbox that ends gives everything back: when it is told to, when it cannot start, and while it is at work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from lambda_sandbox import app
from lambda_sandbox.app import Application
from lambda_sandbox.config import Config
from lambda_sandbox.errors import SandboxFault

ALONE = Config(port=0, neighbours=False, isolation="none", blank_environments=0)
SERVE = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0", "--no-neighbours"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_stop_waits_for_what_the_control_plane_still_asks_of_the_loop() -> None:
    async def run() -> str:
        application = Application(ALONE)
        await application.start()
        loop = asyncio.get_running_loop()

        def ask() -> str:
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1, "told"), loop).result(5)

        asked: Future[str] = application._worker.submit(ask)
        await application.stop()
        return asked.result(0)

    assert asyncio.run(run()) == "told"


def test_a_start_that_fails_leaves_nothing_behind(temporary: Path) -> None:
    reader, writer = os.pipe()
    try:
        wrong = Config(port=0, neighbours=False, isolation="none", blank_environments=0, listen_fd=reader)
        with pytest.raises(SandboxFault, match="no socket that was inherited"):
            asyncio.run(Application(wrong).start())
    finally:
        os.close(reader)
        os.close(writer)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_sandbox_in_order(temporary: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"ready")
        server.send_signal(number)
        assert server.wait(30) == 0
    assert list(temporary.iterdir()) == []


def test_a_server_that_shall_not_hear_the_end_of_its_terminal_goes_on(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(["nohup", *SERVE], stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"ready")
        server.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.5)
        server.terminate()
        assert server.wait(30) == 0


def test_what_a_killed_server_left_goes_when_the_next_one_starts(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(SERVE, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdout is not None
            assert server.stdout.readline().startswith(b"ready")
            server.send_signal(number)
    assert list(temporary.iterdir()) == []


def test_a_sandbox_knows_the_time_after_the_machine_has_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> float:
        monkeypatch.setattr(app, "_LOOK_AT_THE_CLOCK_S", 0.01)
        application = Application(ALONE)
        await application.start()
        clock = application.driver.clock
        wall = time.time() + 3600.0
        monkeypatch.setattr(time, "time", lambda: wall)
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if clock.now() > wall - 60.0:
                break
        await application.stop()
        return clock.now() - wall

    assert asyncio.run(run()) == pytest.approx(0.0, abs=60.0)


def test_a_server_that_is_told_to_stop_while_it_starts_gives_everything_back(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, env=environment) as server:
        while not list(temporary.iterdir()):  # it has begun
            time.sleep(0.001)
        server.terminate()
        assert server.wait(30) == 0
    assert list(temporary.iterdir()) == []
