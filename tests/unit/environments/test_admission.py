from __future__ import annotations

from pathlib import Path

import pytest

from lambda_sandbox.environments.admission import MemoryAdmission


def machine(folder: Path, available_mb: int, total_mb: int = 8192, own: str = "") -> Path:
    (folder / "self").mkdir(parents=True)
    (folder / "self" / "cgroup").write_text(own)
    (folder / "meminfo").write_text(
        f"MemTotal: {total_mb * 1024} kB\nMemFree: 5 kB\nMemAvailable: {available_mb * 1024} kB\n"
    )
    return folder


def test_a_budget_is_the_sum_of_configured_memory() -> None:
    admission = MemoryAdmission(1000)
    assert admission.refusal(512, 488, 0) == ""
    refusal = admission.refusal(512, 489, 0)
    assert "budget of 1000 MB" in refusal
    assert "489 MB are taken" in refusal


@pytest.mark.parametrize(
    ("available_mb", "memory_mb", "starting", "admitted"),
    [
        pytest.param(4000, 10_240, 0, True, id="a large function is not refused for memory it may never use"),
        pytest.param(600, 10_240, 0, False, id="too little is left for what a function fills at once"),
        pytest.param(600, 128, 0, True, id="a small function still fits"),
        pytest.param(600, 128, 3, False, id="those in init will fill what is left"),
    ],
)
def test_without_a_budget_the_machine_is_looked_at(
    tmp_path: Path, available_mb: int, memory_mb: int, starting: int, admitted: bool
) -> None:
    admission = MemoryAdmission(None, machine(tmp_path, available_mb))
    assert (admission.refusal(memory_mb, 1, starting) == "") is admitted


def test_the_first_environment_may_always_try(tmp_path: Path) -> None:
    admission = MemoryAdmission(None, machine(tmp_path, 10))
    assert admission.refusal(128, 0, 0) == ""
    assert "does not hold" in admission.refusal(128, 128, 0)


@pytest.mark.parametrize(
    ("own", "folder", "limit", "usage", "cache"),
    [
        ("4:memory:/mine\n", "memory/mine", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ("0::/mine\n", "mine", "memory.max", "memory.current", "inactive_file"),
    ],
    ids=["version 1", "version 2"],
)  # fmt: skip
def test_a_control_group_that_the_server_is_in_counts_as_the_machine(
    tmp_path: Path, own: str, folder: str, limit: str, usage: str, cache: str
) -> None:
    group = tmp_path / "groups" / folder
    group.mkdir(parents=True)
    (group / limit).write_text(f"{1024 << 20}\n")
    (group / usage).write_text(f"{900 << 20}\n")
    (group / "memory.stat").write_text(f"{cache} {100 << 20}\nother 5\n")
    proc = machine(tmp_path / "proc", 8000, own=own)
    assert "does not hold" in MemoryAdmission(None, proc, tmp_path / "groups").refusal(128, 128, 0)
    (group / "memory.stat").write_text(f"{cache} {400 << 20}\n")
    assert MemoryAdmission(None, proc, tmp_path / "groups").refusal(128, 128, 0) == ""
    (group / limit).write_text("max\n")
    assert MemoryAdmission(None, proc, tmp_path / "groups").refusal(128, 128, 0) == ""


def test_where_the_machine_does_not_tell_nothing_is_refused(tmp_path: Path) -> None:
    assert MemoryAdmission(None, tmp_path).refusal(10_240, 99_999, 50) == ""
