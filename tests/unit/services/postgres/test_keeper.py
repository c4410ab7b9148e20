"""The process that keeps a server, and ends it with whoever started it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.services.postgres import keeper


class Kept:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        guard = json.dumps({"signal": int(signal.SIGTERM), "remove": [str(folder)]})
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, guard],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, op: str, *command: str, **more: Any) -> None:
        program = {"command": command, "environment": {}, "uid": None, "gid": None, "cwd": "/"}
        text = json.dumps({"op": op, **program, "log": str(self.folder / "log"), **more})
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def state(self) -> str:
        self.order("state")
        found: str = self.answer()["state"]
        return found

    def until(self, state: str) -> None:
        end = time.monotonic() + 20
        while (now := self.state()) != state:
            assert time.monotonic() < end, f"it is still {now}"
            time.sleep(0.01)

    def keep(self) -> None:
        self.order("keep", file=str(self.folder / "pid"))
        assert self.answer() == {}

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in text.split()]

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.leave()
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    if sys.platform != "linux":
        pytest.skip("looks at /proc")
    made = Kept(tmp_path / "folder")
    yield made
    made.close()


def gone(process_id: int) -> bool:
    """Whether the process ends soon. Its parent may be this one by then, which waits for nobody: a zombie has ended."""
    end = time.monotonic() + 10
    while (alive := _runs(process_id)) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def started(kept: Kept) -> int:
    kept.order("start", "/bin/sleep", "600")
    assert kept.answer() == {}
    (process_id,) = kept.children()
    return process_id


def test_a_program_is_run_to_its_end(kept: Kept) -> None:
    kept.order("run", "/bin/sh", "-c", "echo said; exit 3")
    assert kept.answer() == {"status": 3}
    assert (kept.folder / "log").read_text() == "said\n"


def test_a_server_that_is_stopped_leaves_its_files(kept: Kept) -> None:
    process_id = started(kept)
    assert kept.state() == "running"
    kept.order("stop", signal=int(signal.SIGTERM))
    assert kept.answer() == {}
    assert gone(process_id)
    assert kept.state() == "stopped"
    assert kept.folder.exists()


def test_the_end_of_its_input_ends_the_server_and_its_folder(kept: Kept) -> None:
    process_id = started(kept)
    kept.leave()
    assert gone(process_id)
    assert not kept.folder.exists()


def test_the_end_of_its_input_ends_a_program_that_is_run(kept: Kept) -> None:
    kept.order("run", "/bin/sleep", "600")
    end = time.monotonic() + 10
    while not kept.children() and time.monotonic() < end:
        time.sleep(0.01)
    (process_id,) = kept.children()
    kept.leave()
    assert gone(process_id)
    assert not kept.folder.exists()


def test_a_server_ends_with_a_keeper_that_is_killed(kept: Kept) -> None:
    process_id = started(kept)
    kept.process.kill()
    kept.process.wait(10)
    assert gone(process_id)


def test_a_server_that_ends_by_itself_is_known_to_have_ended(kept: Kept) -> None:
    kept.order("start", "/bin/true")
    assert kept.answer() == {}
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if kept.state() == "stopped":
            return
        time.sleep(0.01)
    raise AssertionError("it is still thought to run")


def test_orders_that_come_in_pieces_are_put_together(kept: Kept) -> None:
    assert kept.process.stdin is not None
    kept.process.stdin.write('{"op": "st')
    kept.process.stdin.flush()
    time.sleep(0)
    kept.process.stdin.write('ate"}\n')
    kept.process.stdin.flush()
    assert kept.answer() == {"state": "stopped"}


# A server that says, as PostgreSQL does in the eighth line of postmaster.pid, that it takes connections. The word is its
# argument; a grandchild of it stands for a connection that is busy.
SERVER = """
echo $$ >> "$0.starts"
printf '%s\\n' $$ 2 3 4 5 6 7 "$1" > "$0"
/bin/sleep 600 &
wait
"""


def serving(kept: Kept, says: str = "ready") -> int:
    kept.order("start", "/bin/sh", "-c", SERVER, str(kept.folder / "pid"), says)
    assert kept.answer() == {}
    (process_id,) = kept.children()
    return process_id


def children_of(process_id: int) -> list[int]:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
        if text:
            return [int(each) for each in text.split()]
        time.sleep(0.01)
    raise AssertionError("it has no children")


def test_a_server_that_is_killed_is_started_again_without_what_it_left_behind(kept: Kept) -> None:
    first = serving(kept)
    (busy,) = children_of(first)
    kept.keep()
    kept.until("running")
    os.kill(first, signal.SIGKILL)
    kept.until("starting")
    assert gone(busy)
    kept.until("running")
    (second,) = kept.children()
    assert second != first


def test_what_a_killed_server_left_behind_ends_with_the_keeper(kept: Kept) -> None:
    first = serving(kept)
    (busy,) = children_of(first)
    os.kill(first, signal.SIGKILL)
    kept.leave()
    assert gone(busy)
    assert not kept.folder.exists()


def test_a_server_that_does_not_come_to_take_connections_is_given_up(kept: Kept) -> None:
    kept.order("start", "/bin/sh", "-c", 'echo >> "$0.starts"; sleep 0.1', str(kept.folder / "pid"))
    assert kept.answer() == {}
    kept.keep()
    kept.until("failed")
    assert (kept.folder / "pid.starts").read_text().count("\n") == 1 + 5
    assert kept.children() == []


def test_a_server_that_took_connections_may_end_any_number_of_times(kept: Kept) -> None:
    serving(kept)
    kept.keep()
    for _ in range(7):
        kept.until("running")
        (process_id,) = kept.children()
        os.kill(process_id, signal.SIGKILL)
        kept.until("starting")
    kept.until("running")


def test_a_server_that_is_stopped_while_it_waits_for_its_next_start_stays_stopped(kept: Kept) -> None:
    process_id = serving(kept)
    kept.keep()
    kept.until("running")
    os.kill(process_id, signal.SIGKILL)
    kept.until("starting")
    kept.order("stop", signal=int(signal.SIGTERM))
    assert kept.answer() == {}
    assert kept.state() == "stopped"
    assert select.select([kept.process.stdout], [], [], 0.8)[0] == []  # longer than the pause before a start
    assert kept.children() == []


def test_the_end_of_its_input_ends_a_server_that_waits_for_its_next_start(kept: Kept) -> None:
    process_id = serving(kept)
    kept.keep()
    kept.until("running")
    os.kill(process_id, signal.SIGKILL)
    kept.until("starting")
    kept.leave()
    assert not kept.folder.exists()
