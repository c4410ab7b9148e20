"""Waits inside an environment until the client that the sandbox compiles is there, and then becomes the runtime.

Called with the client's folder and the runtime's command. A compiler takes a second or two, once on a machine; the environment
waits for it in its init, so that the server does not. Lies alone beside the launcher; standard library only.
"""

from __future__ import annotations

import os
import sys
import time

FAILED = ".failed"
_LOOK_S = 0.02


def main(folder: str, command: list[str]) -> None:
    """Return only when the client could not be compiled, after saying so as an init error."""
    if not os.path.isdir(folder):
        print("The sandbox's client for this runtime is being compiled, once on this machine.", flush=True)
    while not os.path.isdir(folder):
        if os.path.exists(folder + FAILED):
            _refuse(folder + FAILED)
            return
        time.sleep(_LOOK_S)
    os.execv(command[0], command)  # noqa: S606


def _refuse(failure: str) -> None:
    with open(failure, encoding="utf-8") as file:
        reason = file.read()
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from python_client import report_init_error  # type: ignore[import-not-found]

    print(reason, flush=True)
    first = reason.splitlines()[0] if reason else "no reason"
    report_init_error(
        "Sandbox.RuntimeNotInstalled", f"the client for this runtime could not be compiled: {first}"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
    sys.exit(1)
