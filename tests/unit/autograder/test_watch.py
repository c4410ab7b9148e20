"""``labs watch`` beside an editor: every save is checked, one next step is shown, Ctrl-C ends it and leaves nothing."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.progress import progress_path
from tests.plain_checks import CHECKS

from .conftest import Write

Start = Callable[..., "Watching"]


class Watching:
    """A running ``labs watch``, its output read from a terminal of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._terminal, inner = pty.openpty()
        settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", "LABS_FOLDER": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograder", "watch", "7"],
            stdin=subprocess.DEVNULL,
            stdout=inner,
            stderr=inner,
            env={**settings, **environment},
            start_new_session=True,
        )
        os.close(inner)
        self._seen = ""

    def until(self, wanted: str) -> str:
        """Return what was printed since the last call, up to and with ``wanted``."""
        while wanted not in self._seen:
            try:
                self._seen += os.read(self._terminal, 1 << 16).decode("utf-8", "replace")
            except OSError:
                pytest.fail(f"it ended without {wanted!r}: {self._seen}")
        end = self._seen.index(wanted) + len(wanted)
        said, self._seen = self._seen[:end], self._seen[end:]
        return said

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        os.close(self._terminal)


@pytest.fixture
def course(tmp_path: Path, write_notebook: Write) -> Path:
    """A course of one lab; returns the folder of its labs."""
    folder = tmp_path / "labs"
    lab = folder / "07-plain"
    write_notebook(("facts", "total = 4"), folder=lab)
    (lab / "checks").mkdir()
    source = CHECKS.replace('"""The total"""', '"""The total\n\n    Sums are sums.\n    """')
    (lab / "checks" / "test_plain.py").write_text(source)
    (folder / "labs.toml").write_text('[[lab]]\nslug = "07-plain"\ntitle = "Plain"\nminutes = 20\n')
    return folder


@pytest.fixture
def start(course: Path) -> Iterator[Start]:
    started: list[Watching] = []

    def begin(**environment: str) -> Watching:
        started.append(Watching(course, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def test_each_save_is_checked_and_shows_one_next_step_then_the_why(
    start: Start, course: Path, write_notebook: Write
) -> None:
    watching = start(NO_COLOR="1")
    first = watching.until("labs hint 07 test_total")
    assert "0 of 1 checks pass. Next: The total" in re.sub(r"\x1b\[[0-9;]*m", "", first)
    assert "wanted: 3" in first
    assert "got: 4" in first
    assert "\x1b[3" not in first  # NO_COLOR
    write_notebook(("facts", "total = 3"), folder=course / "07-plain")
    assert "why: Sums are sums." in watching.until("labs next")
    watching.interrupt()
    watching.until("No longer watching.")
    assert watching.process.wait(30) == 0


def test_checks_run_within_a_second_of_a_save(
    start: Start, course: Path, write_notebook: Write, tmp_path: Path
) -> None:
    heard = tmp_path / "checks-run"
    os.mkfifo(heard)
    (course / "07-plain" / "checks" / "conftest.py").write_text(
        "import time\n\ndef pytest_runtest_setup(item):\n    if item.name == 'test_total':\n"
        f"        with open({str(heard)!r}, 'w') as pipe: pipe.write(str(time.monotonic()))\n"
    )
    watching = start()
    heard.read_text()  # blocks until the first check runs
    watching.until("labs hint")
    took = []
    # A busy machine only ever adds to it: the shortest of some is what watching itself takes.
    while len(took) < 10 and min(took, default=9.0) > 1.0:
        began = time.monotonic()
        write_notebook(("facts", f"total = {10 + len(took)}"), folder=course / "07-plain")
        took.append(float(heard.read_text()) - began)
        watching.until("labs hint")
    print("seconds from a save to its first check:", [round(each, 3) for each in took])
    assert min(took) <= 1.0, took


def test_a_save_ends_the_check_of_the_one_before(start: Start, course: Path, write_notebook: Write) -> None:
    write_notebook(("facts", "total = 4"), "while True: pass", folder=course / "07-plain")
    watching = start()
    watching.until("Ctrl-C ends this.")
    write_notebook(("facts", "total = 3"), folder=course / "07-plain")
    # The endless notebook alone would take two minutes, which is longer than this test may.
    said = watching.until("labs next")
    assert "\x1b[1;32m" in said  # bold green on a terminal


def test_ctrl_c_ends_a_check_that_is_under_way_and_leaves_no_process(
    start: Start, course: Path, write_notebook: Write
) -> None:
    write_notebook(("facts", "total = 4"), "while True: pass", folder=course / "07-plain")
    watching = start()
    watching.until("Ctrl-C ends this.")
    watching.interrupt()
    watching.until("No longer watching.")
    assert watching.process.wait(30) == 0
    alive = [path for path in Path("/proc").glob("[0-9]*") if _session(path) == watching.process.pid]
    assert alive == []


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, ValueError):
        return -1


def test_another_lab_s_notebook_in_the_lab_s_place_is_said_and_not_recorded(
    course: Path, write_notebook: Write, start: Start
) -> None:
    for slug, answer in (("07-plain", "facts"), ("08-other", "wiring")):
        write_notebook((answer, "total = 3"), folder=course / slug / "solution")
    write_notebook(("wiring", "total = 3"), folder=course / "07-plain")
    with (course / "labs.toml").open("a") as listed:
        listed.write('[[lab]]\nslug = "08-other"\ntitle = "Other"\nminutes = 20\n')
    watching = start()
    said = watching.until("your progress is unchanged.")
    assert "Not checked: " in said
    assert "is the notebook of lab 08-other, not of 07-plain: labs reset 07 brings the lab's own back" in said
    assert not progress_path().exists()
    write_notebook(("facts", "total = 3"), folder=course / "07-plain")
    watching.until("The lab is done")
