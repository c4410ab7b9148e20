"""Ends the server with the process that started it, on every operating system."""

from __future__ import annotations

import os
import signal
import sys
import threading


def stop_with_stdin() -> None:
    """Send this process ``SIGTERM`` when standard input ends; the system closes the pipe when its other end dies."""
    threading.Thread(target=_wait, args=(sys.stdin.fileno(),), daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
