"""The command line for tests: run as a process, and what is asked of every sentence that it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from lambda_sandbox.__main__ import main
from lambda_sandbox.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess(0, flags=("--no-neighbours",))
    yield process
    process.stop()


def run(*arguments: str, endpoint: str | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    environment.pop("LAMBDA_SANDBOX_ENDPOINT", None)
    if endpoint is not None:
        environment["LAMBDA_SANDBOX_ENDPOINT"] = endpoint
    command = [sys.executable, "-m", "lambda_sandbox", *arguments]
    return subprocess.run(
        command, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def is_one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and text.startswith("lambda_sandbox: ")


def plugin_is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(each.value == "lambda_sandbox.pytest_plugin" for each in entry_points(group="pytest11"))


class Talk:
    """A command that stays. Its lines are read as they come; a line that does not come is the test's own timeout."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, words: str, *, stream: str = "stdout") -> str:
        pipe: IO[str] = getattr(self._process, stream)
        seen = []
        for line in pipe:
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"it ended without {words!r}: {seen}")

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(10)


@contextmanager
def staying(*arguments: str, endpoint: str = "") -> Iterator[Talk]:
    """Run a command that watches; both streams come as one."""
    environment = os.environ | ({"LAMBDA_SANDBOX_ENDPOINT": endpoint} if endpoint else {})
    command = [sys.executable, "-u", "-m", "lambda_sandbox", *arguments]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield Talk(process)
    finally:
        process.kill()
        process.communicate()


def invoked(server: ServerProcess, name: str) -> Any:
    return json.loads(run("invoke", name, endpoint=server.endpoint).stdout)


def said(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int) -> str:
    """Run a command in this process and return its one sentence."""
    assert main(list(arguments)) == code
    text = capsys.readouterr().err
    assert is_one_sentence(text), text
    return text
