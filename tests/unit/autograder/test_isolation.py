from __future__ import annotations

from pathlib import Path

import pytest

from autograder import isolation
from autograder.errors import GraderFault


@pytest.fixture
def bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that the test writes; what else is on PATH stays."""
    program = tmp_path / "bwrap"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")
    return program


def test_bubblewrap_that_refuses_is_done_without(bubblewrap: Path) -> None:
    bubblewrap.write_text("#!/bin/sh\nexit 1\n")
    assert isolation.best_isolation() == isolation.bare_isolation()


def test_bubblewrap_that_takes_too_long_is_a_fault_and_never_less_isolation(
    bubblewrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bubblewrap.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(isolation, "_TRIAL_S", 0.2)
    for _ in range(2):  # nor is it remembered as a failure
        with pytest.raises(GraderFault, match="too busy"):
            isolation.best_isolation()


WALLS = isolation.Isolation("bwrap", (isolation.SECCOMP,), (isolation.LANDLOCK,))


def test_a_kernel_that_lacks_a_second_lock_is_not_told_to_allow_namespaces() -> None:
    told = isolation.lack(WALLS.with_functions(apart=True), "here")
    assert told.startswith("Isolation is not complete here (missing: file access (Landlock))")
    assert "this kernel lacks it" in told
    assert "namespaces" not in told


@pytest.mark.usefixtures("bubblewrap")
def test_where_functions_are_not_apart_the_advice_is_about_namespaces() -> None:
    told = isolation.lack(WALLS.with_functions(apart=False), "here")
    assert told.startswith("Nothing keeps notebooks from your files")
    assert "namespaces are forbidden" in told
