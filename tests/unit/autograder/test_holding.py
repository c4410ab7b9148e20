"""What holds a submission, each shown by itself: the end of its processes, its files, its output, its first process."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.discover import Lab
from autograder.execute import Execution, _execution
from autograder.grade import Job
from autograder.inside.cells import notebook_client
from autograder.inside.messages import Hearing
from autograder.isolation import Isolation, bare_isolation, best_isolation
from autograder.limits import Limits
from autograder.notebook import Cell
from autograder.processes import RunningTree, cpu_seconds
from autograder.result import Result
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_one

from .conftest import Write
from .test_foreman import named

ISOLATIONS = list(dict.fromkeys([best_isolation(), bare_isolation()]))
NAMESPACED = pytest.mark.skipif(not best_isolation().has_namespaces, reason="needs bubblewrap")
# Two processes that ignore what may be ignored, the second below the first.
_STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = os.fork()
print(os.getpid() if inner else "", end="", flush=True)
if inner: print("", inner, flush=True)
while True: time.sleep(60)
"""


def graded(
    lab: Lab, path: Path, isolation: Isolation, foremen: Foremen | None = None, **limits: Any
) -> Result:
    settings = Limits(**{"wall_s": 60.0, "check_s": 10.0, **limits})
    job = Job(lab, Submission("ada", "ada", path), "s", settings, isolation, needs_sandbox=False)
    return grade_one(job, foremen)


def printed(result: Result) -> str:
    """Return what the facts cell printed; ``plain_lab``'s second check says it when it is not hello."""
    [got] = [check.got for check in result.checks if check.id == "test_printed"]
    return str(json.loads(got))


@pytest.mark.parametrize("alone", [True, False])
def test_the_end_of_a_tree_is_the_end_of_its_processes(alone: bool) -> None:
    first = subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    inner = int(first.stdout.readline().split()[1])
    handle = os.pidfd_open(inner)
    try:
        tree = RunningTree(first.pid, alone=alone)
        assert not tree.ended()
        assert tree.end(patience_s=10.0)
        assert first.wait(10) == -signal.SIGKILL
        # Of a namespace's first process the kernel itself takes the others along: here there is none.
        ended = not alone
        assert _ended(handle, 5.0 if ended else 0.0) is ended
    finally:
        signal.pidfd_send_signal(handle, signal.SIGKILL) if not _ended(handle, 0.0) else None
        os.close(handle)
        first.stdout.close()


def _ended(handle: int, within_s: float) -> bool:
    return bool(select.select([handle], [], [], within_s)[0])


_COUNTING = """
import os, pathlib
from autograder.processes import descendants

def pytest_runtest_setup(item):
    count = 0
    for pid in descendants(os.getppid()):
        try: count += b"autograder.inside.server" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError: pass
    pathlib.Path(%r).write_text(str(count))
"""


def stop_the_first_process(known: set[int], stopped: list[int]) -> None:
    """Wait until a notebook is busy, and stop the process that listens to it: it can end neither the notebook nor itself."""
    while not stopped:
        new = [pid for pid in named("autograder.inside.server") if pid not in known]
        if len(new) > 1 and cpu_seconds([new[-1]]) > 1.5:  # more than a kernel takes to start
            os.kill(new[0], signal.SIGSTOP)
            stopped += new
        time.sleep(0.02)


@pytest.mark.parametrize("isolation", ISOLATIONS, ids=lambda isolation: isolation.level)
def test_nothing_of_a_notebook_runs_any_more_when_the_checks_look(
    plain_lab: Lab, write_notebook: Write, tmp_path: Path, isolation: Isolation
) -> None:
    counted = tmp_path / "count"
    (plain_lab.checks / "conftest.py").write_text(_COUNTING % str(counted))
    facts = ("facts", "total = 3\nprint('hello')")
    with Foremen() as foremen:
        assert graded(plain_lab, write_notebook(facts), isolation, foremen).score == 3
        fork_server_alone = int(counted.read_text())
        counted.unlink()
        stopped: list[int] = []
        known = set(named("autograder.inside.server"))
        stopping = threading.Thread(target=stop_the_first_process, args=(known, stopped), daemon=True)
        stopping.start()
        result = graded(plain_lab, write_notebook(facts, "while True: pass"), isolation, foremen, wall_s=8.0)
        stopping.join(10)
        assert len(stopped) == 2
        assert "ran longer than 8 seconds" in " ".join(result.warnings)
        assert int(counted.read_text()) == fork_server_alone > 0


@NAMESPACED
def test_files_are_counted_as_well_as_weighed(plain_lab: Lab, write_notebook: Write) -> None:
    source = (
        "import errno, json, os\nmade = {}\nfor folder in ('/scratch', '/tmp', '/dev/shm'):\n"
        "    made[folder] = 0\n    try:\n        for n in range(2_000):\n"
        "            os.close(os.open(f'{folder}/f{n}', os.O_CREAT | os.O_WRONLY)); made[folder] += 1\n"
        "    except OSError as error: made[folder] = [made[folder], errno.errorcode[error.errno]]\n"
        "total = 3\nprint(json.dumps(made))"
    )
    path = write_notebook(("facts", source))
    made = json.loads(printed(graded(plain_lab, path, best_isolation(), scratch_files=1_000)))
    assert {folder: why for folder, (_, why) in made.items()} == dict.fromkeys(made, "ENOSPC")
    assert all(900 < count < 1_000 for count, _ in made.values())


@NAMESPACED
def test_the_process_that_listens_to_the_kernel_is_closed_to_it(
    plain_lab: Lab, write_notebook: Write
) -> None:
    # Of a process that may not be looked into the kernel gives all files below /proc to root.
    source = (
        "import json, os\ntotal = 3\n"
        "print(json.dumps([os.stat(f'/proc/{pid}/mem').st_uid == os.getuid() for pid in (os.getpid(), os.getppid())]))"
    )
    result = graded(plain_lab, write_notebook(("facts", source)), best_isolation())
    assert json.loads(printed(result)) == [True, False]


# --- output ------------------------------------------------------------------------------------------


def message(kind: str, **content: Any) -> dict[str, Any]:
    return {"msg_type": kind, "content": content, "header": {"msg_type": kind}, "parent_header": {}}


def test_output_beyond_what_is_kept_is_dropped_inside_whatever_its_kind() -> None:
    client = notebook_client(None, None, 1_000)
    cell: Any = nbformat.v4.new_code_cell("1")  # type: ignore[no-untyped-call]
    client.nb.cells = [cell]
    client.clear_before_next_output = False  # as when nbclient begins a cell
    for _ in range(50):
        client.process_message(message("stream", name="stdout", text="x" * 90), cell, 0)
        client.process_message(message("display_data", data={"text/plain": "y" * 90}, metadata={}), cell, 0)
        client.process_message(message("error", ename="E", evalue="z" * 90, traceback=[]), cell, 0)
    assert 100 < len(json.dumps(cell.outputs)) < 2_000


def test_output_beyond_what_is_kept_is_dropped_outside_too() -> None:
    answer = {"cells": [{"text": "x" * 5_000, "error": "E: " + "y" * 5_000}], "ended": "finished"}
    execution: Execution = _execution(answer, "", Limits(output_bytes=1_000), [Cell("", ())], 0.5)
    assert execution.texts == ("x" * 1_000,)
    assert len(execution.errors[0] or "") == 500


def test_who_says_more_than_the_grader_keeps_is_not_heard_out() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        hearing = Hearing(ours, 1_000)
        theirs.sendall(b'{"text": "' + b"x" * 2_000 + b'"}\n')
        assert hearing.line(time.monotonic() + 10.0) == {}


def test_a_notebook_with_more_output_than_is_kept_goes_on_and_is_graded(
    plain_lab: Lab, write_notebook: Write
) -> None:
    checks = plain_lab.checks / "test_plain.py"
    text = checks.read_text().replace(
        'outputs_text("facts"), wanted="hello\\n"', 'outputs_text("loud").__len__() <= 1000, wanted=True'
    )
    checks.write_text(text)
    cells = [("loud", "for _ in range(50): print('x' * 990, flush=True)"), ("facts", "total = 3")]
    result = graded(plain_lab, write_notebook(*cells), best_isolation(), output_bytes=1_000)
    assert (result.score, result.warnings) == (3, ())
