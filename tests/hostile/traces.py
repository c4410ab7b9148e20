"""What a batch could leave behind: processes, temporary files, shared memory, control groups."""

from __future__ import annotations

import os
import re
from pathlib import Path

from autograder.processes import descendants

_SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/"))
# Names that the hostile submissions write wherever they can.
_PLANTED = {
    "result.json", "gradebook.csv", "conftest.py", "pytest.ini", "sitecustomize.py", "usercustomize.py", "evil.pth", "meeting",
    "zip-slipped", "unpickled-by-the-grader", "job.pickle", "link", "f0", "many",
}  # fmt: skip
_CORNER = re.compile(r"lambda-sandbox.*?-([0-9]+)(-[0-9]+)?\Z")


def running_below() -> set[int]:
    """Return the processes below this one; where it is a subreaper, whatever is left of a batch comes to it."""
    return set(descendants(os.getpid()))


def planted_files() -> set[Path]:
    """Return what lies in shared places, and beside Python's own modules, under a name that submissions plant."""
    python = Path(os.__file__).parent
    places = [
        *_SHARED,
        python,
        python / "site-packages",
        Path.home(),
        Path.cwd(),
        Path(__file__).resolve().parent,
    ]
    return {place / name for place in places for name in _PLANTED if os.path.lexists(place / name)}


def abandoned_control_groups() -> set[Path]:
    """Return the control groups of sandboxes whose process is gone."""
    found = set()
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            corner = _CORNER.match(name)
            if corner and not Path("/proc", corner[1]).exists():
                found.add(Path(folder, name))
    return found


def shared_memory() -> set[str]:
    """Return System V segments, semaphores and queues of users that submissions run as."""
    found = set()
    for kind in ("shm", "sem", "msg"):
        path = Path("/proc/sysvipc") / kind
        lines = path.read_text().splitlines()[1:] if path.is_file() else []
        found.update(f"{kind} {line}" for line in lines if re.search(r"\s2[0-9]{5}\s", line))
    return found
