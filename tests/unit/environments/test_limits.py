from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambda_sandbox.environments.limits import find_control_groups, resource_limits
from lambda_sandbox.resources import FunctionConfiguration

FUNCTION = FunctionConfiguration("1", "r", "f", "python3.12", "a.b", "", "", 0, "", "", memory_mb=256)


def fake_proc(folder: Path, mounts: str, own: str) -> Path:
    proc = folder / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(mounts)
    (proc / "cgroup").write_text(own)
    return proc


def test_without_any_hierarchy_there_are_no_control_groups(tmp_path: Path) -> None:
    assert find_control_groups("corner", fake_proc(tmp_path, "", "")) is None
    assert find_control_groups("corner", tmp_path / "absent") is None


def test_version_1_groups_lie_below_the_servers_own(tmp_path: Path) -> None:
    mounts = ""
    for controller in ("memory", "pids", "cpu"):
        (tmp_path / controller / "mine").mkdir(parents=True)
        mounts += f"1 2 0:3 / {tmp_path}/{controller} rw - cgroup cgroup rw,{controller}\n"
    groups = find_control_groups(
        "corner", fake_proc(tmp_path, mounts, "3:memory:/mine\n2:pids:/mine\n1:cpu:/mine\n")
    )
    assert groups is not None
    assert groups.version == 1
    assert groups.parents["memory"] == tmp_path / "memory" / "mine" / f"corner-{os.getpid()}"
    assert groups.controllers == {"memory", "pids", "cpu"}


def test_version_2_is_left_alone_where_the_memory_controller_is_not_handed_down(tmp_path: Path) -> None:
    (tmp_path / "tree" / "mine").mkdir(parents=True)
    mounts = f"1 2 0:3 / {tmp_path}/tree rw - cgroup2 cgroup2 rw\n"
    assert find_control_groups("corner", fake_proc(tmp_path, mounts, "0::/mine\n")) is None
    assert list((tmp_path / "tree" / "mine").iterdir()) == []


@pytest.mark.skipif(find_control_groups("probe") is None, reason="no control group can be written here")
def test_a_real_group_has_its_limits_and_goes_away() -> None:
    groups = find_control_groups("corner")
    assert groups is not None
    try:
        group = groups.create("one", 64 << 20, 10)
        name = "memory.limit_in_bytes" if group.version == 1 else "memory.max"
        assert int((group.folders["memory"] / name).read_text()) == 64 << 20
        assert group.ran_out_of_memory() is False
        assert group.remove() is True
    finally:
        groups.close()
    assert not any(parent.exists() for parent in groups.parents.values())


def test_the_memory_of_each_process_is_limited_only_without_a_group() -> None:
    assert "RLIMIT_DATA" not in resource_limits(FUNCTION, frozenset({"memory"}), 0, None)
    assert resource_limits(FUNCTION, frozenset(), 5, 77) == {
        "RLIMIT_NOFILE": 1024,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 77,
        "RLIMIT_DATA": (512 << 20) + 5,
    }
