"""Grades all the submissions once at each level of isolation, as one batch with others running beside them."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.isolation import bare_isolation, best_isolation
from autograder.processes import become_subreaper
from autograder.result import Result

from . import own_network, traces
from .attacks import HOSTILE
from .batch import graded_batch, hand_in, jobs_of
from .malformed import MALFORMED, make_odd_files
from .submitted import ADD, ALL, ALL_PLAIN, CONNECT, FACTS, FILES, NAMESPACES, OWN_NETWORK, WORK, Submitted

# The labs' checks are for the grader to run, not for this run.
collect_ignore = ["lab", "plain_lab"]

LEVELS = {"best": best_isolation(), "bare": bare_isolation()}

# Honest ones in between: what stands beside them must not change what they get.
NEIGHBOURS: dict[str, Submitted] = {
    **{f"{first}-neighbour": Submitted([CONNECT, FACTS, ADD], ALL) for first in ("a", "hostile-n", "z")},
    **{
        f"{first}-plain-neighbour": Submitted([FACTS, WORK], ALL_PLAIN)
        for first in ("a", "cells-n", "hostile-m")
    },
    # Names that look alike, differ in case only, or would be more than a name to a spreadsheet, a shell or a path.
    "ada": Submitted([FACTS, WORK], ALL_PLAIN),
    "Ada": Submitted([FACTS], 2),
    "аda": Submitted([WORK], 3),
    "ada ": Submitted([("facts", "total = 3")], 1),
    "A\u0301da": Submitted([("facts", "flag = True"), WORK], 4),
    "\u00c1da": Submitted([], 0),
    "-rf, \n=1+1;$(touch zip-slipped)`": Submitted([FACTS, WORK], ALL_PLAIN),
    "@SUM(1)": Submitted([FACTS], 2),
}
EVERYTHING = {**NEIGHBOURS, **HOSTILE}


@dataclass
class Batch:
    """One graded batch: results by submission, and what was there before and after that should not be."""

    results: Mapping[str, Result]
    out: Path
    odd: Mapping[str, str]
    left: Mapping[str, set[object]]


def lacks(submitted: Submitted, level: str) -> str:
    """Return what isolation at ``level`` does not give that this submission needs; empty if all is there."""
    isolation = LEVELS[level]
    held = {
        NAMESPACES: isolation.has_namespaces,
        FILES: isolation.has_namespaces or isolation.holds_files,
        OWN_NETWORK: isolation.has_namespaces or own_network.possible(),
    }
    return "" if held.get(submitted.needs, True) else f"needs {submitted.needs}"


def _graded(level: str, folders: pytest.TempPathFactory) -> Batch:
    folder, out = folders.mktemp(f"in-{level}"), folders.mktemp(f"out-{level}")
    chosen = {name: one for name, one in EVERYTHING.items() if not lacks(one, level)}
    if level == "bare":  # every way of trying once more, but the longest only where it matters
        chosen = {name: one for name, one in chosen.items() if not one.aws or name in _AWS_AT_BARE}
    hand_in(folder, chosen)
    for name, (content, _) in MALFORMED.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    odd = make_odd_files(folder, folder / "ada.ipynb")
    # What a planted file could change, if the grader ever looked at it.
    (folder / "conftest.py").write_text("import os; os._exit(0)\n")
    (folder / "sitecustomize.py").write_text("import os; os._exit(0)\n")
    jobs = jobs_of(folder, (name for name, one in chosen.items() if one.aws), LEVELS[level])
    shared = not LEVELS[level].has_namespaces and own_network.possible()
    with own_network.entered() if shared else contextlib.nullcontext():
        results = {result.submission: result for result in graded_batch(jobs, out)}
    return Batch(results, out, odd, {})


_AWS_AT_BARE = {
    "a-neighbour",
    "z-neighbour",
    "hostile-patches-everything",
    "hostile-admin-calls",
    "hostile-leaves-faults-on",
    "hostile-knocks-at-every-port",
    "hostile-function-knocks-at-every-port",
    "hostile-function-exits",
}
_LOOKS = {
    "processes": traces.running_below,
    "planted files": traces.planted_files,
    "control groups": traces.abandoned_control_groups,
    "shared memory": traces.shared_memory,
}


def graded_and_looked_after(level: str, folders: pytest.TempPathFactory) -> Batch:
    """Grade the batch with a temporary folder and a secret of its own, and note what it left behind."""
    become_subreaper()
    folders.getbasetemp()  # while temporary files still go elsewhere
    with pytest.MonkeyPatch.context() as patch:
        # A short path: without namespaces the kernel's Unix sockets lie in here, and those take 107 bytes.
        scratch = Path(tempfile.mkdtemp(prefix="h-"))
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.setenv("SECRET_FOR_THE_TEST", "1")
        before = {name: set(look()) for name, look in _LOOKS.items()}
        with socket.create_server(("127.0.0.1", 0)) as door:  # as a sandbox of somebody else has one
            batch = _graded(level, folders)
            knocks = _knocks_at(door)
        left = {name: set(look()) - before[name] for name, look in _LOOKS.items()}
        batch.left = {**left, "temporary files": set(os.listdir(scratch)), "knocks": knocks}
        scratch.rmdir()
    return batch


def _knocks_at(door: socket.socket) -> set[object]:
    """Return who came to a door that nobody of the batch was given."""
    door.setblocking(False)
    found: set[object] = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            caller, address = door.accept()
            caller.close()
            found.add(address)
    return found


@pytest.fixture(scope="session")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Batch]:
    """Return a function that grades the batch of a level when it is first asked for it."""
    return functools.cache(lambda level: graded_and_looked_after(level, tmp_path_factory))


@pytest.fixture
def batch(request: pytest.FixtureRequest, batches: Callable[[str], Batch]) -> Batch:
    """Return the graded batch of the level that the test asks for by an indirect parameter."""
    return batches(request.param)
