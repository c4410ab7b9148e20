"""What how-to pages show was printed: their commands run here in order, and each line shown comes, numbers aside."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.server_process import ServerProcess
from tests.docs.conftest import ROOT

HOW_TO = ROOT / "docs" / "how-to"
# Pages whose every command can be typed as it stands, beside the folders of the functions that they show.
SESSIONS = sorted(
    page
    for page in HOW_TO.glob("*.md")
    if "create-function" in page.read_text() and "--code ." not in page.read_text()
)
FUNCTIONS = ("catalogue", "payments")
_BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```", re.M | re.S)
FAILS = "# fails"


def masked(line: str) -> str:
    """Leave out what differs from run to run: ids, times, numbers, and how wide a column is."""
    line = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}\b", "ID", line)
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,:]*", "N", line)).strip()


def typed(command: str, folder: Path, endpoint: str) -> list[str]:
    """Run one line of a page; return what it printed on both streams. It fails exactly where the page says so."""
    words = shlex.split(command.removesuffix(FAILS))
    done = subprocess.run(
        [sys.executable, "-m", "lambda_sandbox", *words[1:]],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LAMBDA_SANDBOX_ENDPOINT": endpoint,
            "COLUMNS": "200",
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == (1 if command.endswith(FAILS) else 0), done.stdout
    return [masked(line) for line in done.stdout.replace("\r", "\n").splitlines()]


def test_the_mask_keeps_words() -> None:
    assert (
        masked("20:52:02.865  payments  1  error   0.88 ms  ea9cc247  warm")
        == "N payments N error N ms ID warm"
    )
    assert len(SESSIONS) >= 5


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_a_page_shows_what_its_commands_print(
    page: Path, lambda_sandbox_server: ServerProcess, tmp_path: Path
) -> None:
    ServerClient(lambda_sandbox_server.endpoint).post("/_sandbox/reset")
    for name in FUNCTIONS:
        shutil.copytree(HOW_TO / name, tmp_path / name)
    printed: list[str] = []
    for language, text in _BLOCK.findall(page.read_text()):
        if language == "bash":
            printed = [
                line
                for command in text.splitlines()
                for line in typed(command, tmp_path, lambda_sandbox_server.endpoint)
            ]
        elif printed:
            missing = [line for line in text.splitlines() if masked(line) not in printed]
            assert not missing, printed
