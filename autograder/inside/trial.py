"""Tries on this machine what every submission will be held by, and prints as JSON what held.

``python -m autograder.inside.trial SETTINGS`` runs where the fork server would run. It ends with an error where a
submission could not be shut in at all.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from autograder.inside import confine

if sys.platform == "linux":
    from lambda_sandbox.environments import confinement, namespaces


def main() -> None:
    settings = json.loads(sys.argv[1])
    if settings["namespaces"]:
        namespaces.unshare(namespaces.NEWPID)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, json.dumps(held(settings)).encode())
        os._exit(0)
    os.close(writing)
    found = os.read(reading, 4096)
    if os.waitpid(pid, 0)[1] or not found:
        sys.exit("a process cannot be shut in here")
    print(found.decode())


def held(settings: dict[str, Any]) -> dict[str, bool]:
    """Shut this process in and return what the kernel really refuses. Raises ``OSError`` or ``ImportError``."""
    confine.enter(settings)
    confine.drop_user(settings)
    import ssl  # noqa: F401 (readable for that user, with the libraries below it)

    import zmq  # noqa: F401

    if sys.platform != "linux":
        return {"seccomp": False, "landlock": False}
    return {"landlock": _landlock_holds(settings["home"]), "seccomp": _seccomp_holds()}


def _landlock_holds(home: str) -> bool:
    confinement.hold_files(("/",), (), ("/dev", "/proc"))
    try:
        os.mkdir(os.path.join(home, "trial"))
    except PermissionError:
        return True
    return False


def _seccomp_holds() -> bool:
    # That the call below is refused tells nothing alone: many containers refuse it by themselves.
    if not confinement.filter_system_calls():
        return False
    try:
        namespaces.unshare(0)  # allowed to everyone, and does nothing
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    main()
