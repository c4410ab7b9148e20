"""Runs as the only program of a kernel that has control groups of version 2 alone: tries ours, and prints what happened as JSON.

``test_version_2.py`` starts that kernel. ``sys.argv[1]`` is where version 2 is mounted.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lambda_sandbox.environments import delegation
from lambda_sandbox.environments.limits import ControlGroup, ControlGroups, find_control_groups

MIB = 1 << 20


def main(mount: Path) -> None:
    found: dict[str, Any] = {}
    user = session(mount)
    groups = find_control_groups("corner")
    assert groups is not None
    found["version"], found["controllers"] = groups.version, sorted(groups.controllers)
    found["corner is beside the session"] = groups.parents["memory"].parent == user
    for scene in (out_of_memory, processes, processor, files):
        with one_of(groups) as group:
            found[scene.__name__] = scene(group)
    groups.close()
    found["left behind"] = sorted(entry.name for entry in user.iterdir() if entry.is_dir())
    found["scope"] = scope(user)
    print("FOUND " + json.dumps(found), flush=True)


def session(mount: Path) -> Path:
    """Make groups as systemd does for a user who has logged in, and join them."""
    user = mount / "user"
    (user / "session").mkdir(parents=True)
    (user / "session" / "cgroup.procs").write_text("0")
    delegation.hand_down(mount)
    delegation.hand_down(user)
    return user


def scope(user: Path) -> dict[str, Any]:
    """Ask for a group of one's own, of a stand-in that does with a process what systemd does, and look for a corner there."""
    busctl = Path("/dev/shm/bin/busctl")
    busctl.parent.mkdir()
    busctl.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {busctl}.asked\n'
        f'for last in "$@"; do before=$process; process=$last; done\n'
        f"mkdir {user}/own.scope && echo $before > {user}/own.scope/cgroup.procs\n"
    )
    busctl.chmod(0o755)
    os.environ["PATH"] = f"{busctl.parent}:{os.environ['PATH']}"
    delegation.ask_for_own_group()
    delegation.ask_for_own_group()  # the second time there is nothing to ask for
    groups = find_control_groups("corner")
    assert groups is not None
    found = {
        "asked": Path(f"{busctl}.asked").read_text().split(),
        "process": os.getpid(),
        "own group": Path("/proc/self/cgroup").read_text().strip(),
        "corner in": str(groups.parents["memory"].parent.relative_to(user)),
        "controllers": sorted(groups.controllers),
    }
    groups.close()
    return found


@contextmanager
def one_of(groups: ControlGroups) -> Iterator[ControlGroup]:
    group = groups.create("one", 64 * MIB, 10)
    try:
        yield group
    finally:
        while not group.is_empty():
            time.sleep(0.01)
        assert group.remove()


def inside(group: ControlGroup, work: Callable[[], object]) -> int:
    """Start a process that joins ``group`` itself and then works. Returns its id."""
    joins = group.open_join_fds()
    process = os.fork()
    if process == 0:
        try:
            for join in joins:
                os.write(join, b"0")
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    group.close_join_fds()
    return process


def out_of_memory(group: ControlGroup) -> dict[str, Any]:
    ready, told = os.pipe()

    def greedy() -> None:
        if os.fork() == 0:
            signal.pause()
        os.write(told, b"1")
        bytearray(b"1") * (96 * MIB)

    process = inside(group, greedy)
    os.read(ready, 1)
    _, status = os.waitpid(process, 0)
    before = group.peak_bytes()
    group.reset_peak()
    while not group.is_empty():
        time.sleep(0.01)
    return {
        "signal": os.WTERMSIG(status),
        "told": group.ran_out_of_memory(),
        "peak_mb": before / MIB,
        "peak_after_reset_mb": group.peak_bytes() / MIB,
    }


def processes(group: ControlGroup) -> dict[str, Any]:
    readable, told = os.pipe()

    def fork() -> None:
        children = []
        try:
            while len(children) < 50:
                child = os.fork()
                if child == 0:
                    signal.pause()
                children.append(child)
        except OSError:
            pass
        os.write(told, str(len(children)).encode())
        for child in children:
            os.kill(child, signal.SIGKILL)

    os.waitpid(inside(group, fork), 0)
    return {"children": int(os.read(readable, 9))}


def processor(group: ControlGroup) -> dict[str, Any]:
    group.share_cpu(512)
    begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)

    def burn() -> None:
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            pass

    os.waitpid(inside(group, burn), 0)
    since = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = since.ru_utime + since.ru_stime - used.ru_utime - used.ru_stime
    return {"share": seconds / (time.monotonic() - begin)}


def files(group: ControlGroup) -> dict[str, Any]:
    place = Path("/dev/shm/file")

    os.waitpid(inside(group, lambda: place.write_bytes(b"1" * (8 * MIB))), 0)
    in_files, in_no_file = group.file_bytes()
    used = group.usage_bytes()
    place.unlink()
    return {"files_mb": in_files / MIB, "shared_mb": in_no_file / MIB, "used_mb": used / MIB}


if __name__ == "__main__":
    main(Path(re.sub(r"/$", "", sys.argv[1])))
