"""The trace header's variable: what the interpreter has and what a program gets that it starts are the same."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import subprocess
from collections.abc import Callable, Iterator

import pytest

from lambda_sandbox.environments.runtimes.python_trace import TraceVariable

NAME = "_X_AMZN_TRACE_ID"


@pytest.fixture(params=[pytest.param(ctypes, id="with ctypes"), pytest.param(None, id="without")])
def variable(request: pytest.FixtureRequest) -> Iterator[TraceVariable]:
    yield TraceVariable(request.param)
    os.environ.pop(NAME, None)


def seen() -> tuple[str | None, str]:
    program = subprocess.run(
        ["/bin/sh", "-c", f'printf %s "${{{NAME}-nothing}}"'], capture_output=True, text=True, check=True
    )
    return os.environ.get(NAME), program.stdout


def test_each_event_has_its_own(variable: TraceVariable) -> None:
    for header in ("Root=1;Parent=2", "Root=3", "Root=1-a-b;Parent=c;Sampled=1", "Root=ö"):
        variable.set(header)
        assert seen() == (header, header)


@pytest.mark.parametrize("header", [None, ""])
def test_without_a_header_there_is_none(variable: TraceVariable, header: str | None) -> None:
    variable.set("Root=1")
    variable.set(header)
    assert seen() == (None, "nothing")
    variable.set("Root=2")
    assert seen() == ("Root=2", "Root=2")


def test_what_the_function_makes_of_it_lasts_until_its_next_event(variable: TraceVariable) -> None:
    variable.set("Root=1")
    os.environ[NAME] = "mine"
    assert seen() == ("mine", "mine")
    variable.set("Root=2")
    assert seen() == ("Root=2", "Root=2")
    del os.environ[NAME]
    assert seen() == (None, "nothing")
    variable.set("Root=3")
    assert seen() == ("Root=3", "Root=3")


@pytest.mark.parametrize(
    "does",
    [
        lambda: os.unsetenv(NAME),
        lambda: os.putenv(NAME, "mine"),
        lambda: os.environb.update(dict(os.environb)),
        lambda: os.environ.clear(),
    ],
    ids=["unsetenv", "putenv", "environb", "clear"],
)
def test_also_where_it_went_by_another_way(
    variable: TraceVariable, does: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = dict(os.environ)
    variable.set("Root=1")
    does()
    variable.set("Root=2")
    found = seen()
    os.environ.update(kept)
    assert found == ("Root=2", "Root=2")


def test_a_mapping_in_the_place_of_os_environ_has_it_too(
    variable: TraceVariable, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable.set("Root=1")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    variable.set("Root=2")
    assert os.environ[NAME] == "Root=2"


def test_what_c_points_to_outlives_whoever_set_it() -> None:
    variable = TraceVariable(ctypes)
    variable.set("Root=1-5759e988-bd862e3fe1be46a994272793")
    del variable
    gc.collect()
    _ = [bytes(1000 + number) for number in range(1000)]
    assert seen()[1] == "Root=1-5759e988-bd862e3fe1be46a994272793"
    os.environ.pop(NAME, None)


def test_a_header_longer_than_its_place(variable: TraceVariable) -> None:
    for header in ("Root=1", "R" * 5000, "Root=2", "R" * 1006, "R" * 1007):
        variable.set(header)
        assert seen() == (header, header)


def test_many_events_take_no_more_memory_than_one() -> None:
    variable = TraceVariable(ctypes)
    variable.set("Root=0")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(100_000):
        variable.set(f"Root=1-{number:08x}-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 4096
    os.environ.pop(NAME, None)
