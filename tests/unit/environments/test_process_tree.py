from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lambda_sandbox.environments import process_tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

SLEEP = "subprocess.Popen(['sleep', '60'])"
PROGRAMS = {
    "alone": "",
    "with a child": SLEEP,
    "with a second thread": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "with a child of a second thread": f"threading.Thread(target=lambda: ({SLEEP}, time.sleep(60))).start(); time.sleep(.3)",
    "beside an orphan": "subprocess.run(['sh', '-c', 'sleep 60 &'])",
}
CHILDREN = {"alone": 0, "with a second thread": 0}  # of the others, one

# As a launcher does: adopts orphans, and tells by a line that the program has begun.
LAUNCHER = """
import ctypes, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
program = "import subprocess, threading, time\\n" + sys.argv[1] + "\\nprint('begun', flush=True)\\ntime.sleep(60)"
subprocess.run([sys.executable, "-c", program])
"""


@contextmanager
def launched(program: str) -> Iterator[tuple[int, int]]:
    """Give the process ids of a launcher and of the program that it runs."""
    command = [sys.executable, "-c", LAUNCHER, program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as launcher:
        try:
            assert launcher.stdout is not None
            assert launcher.stdout.readline() == b"begun\n"
            with open(f"/proc/{launcher.pid}/task/{launcher.pid}/children", encoding="ascii") as file:
                yield launcher.pid, int(file.read().split()[0])
        finally:
            os.killpg(launcher.pid, signal.SIGKILL)


@pytest.mark.parametrize("case", PROGRAMS)
def test_every_process_is_found_and_only_one_without_company_is_alone(case: str) -> None:
    with launched(PROGRAMS[case]) as (launcher, program):
        found = list(process_tree.descendants(launcher))
        assert program in found
        assert len(found) == len(set(found)) == 1 + CHILDREN.get(case, 1)
        assert process_tree.is_alone(program, launcher) == (case == "alone")
        assert process_tree.parent(program) == launcher


def test_a_process_is_at_rest_when_all_its_threads_are_stopped() -> None:
    with launched(PROGRAMS["with a second thread"]) as (_, program):
        assert not process_tree.at_rest(program)
        os.kill(program, signal.SIGSTOP)
        while not process_tree.at_rest(program):
            os.sched_yield()
        os.kill(program, signal.SIGCONT)
        assert not process_tree.at_rest(program)


def test_an_ended_process_has_nothing_and_is_at_rest() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert list(process_tree.descendants(process.pid)) == []
    assert process_tree.at_rest(process.pid)
    assert process_tree.parent(process.pid) == 0
    assert not process_tree.is_alone(process.pid, os.getpid())
