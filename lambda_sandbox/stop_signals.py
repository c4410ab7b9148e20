"""The signals that end a program in order."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """Return them: Ctrl-C, SIGTERM, and the end of the terminal unless ``nohup`` has it ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])]
