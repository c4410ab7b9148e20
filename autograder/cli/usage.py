"""What the command line takes and says: seconds, one sentence for wrong usage, and a standard output that fails."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any

import click

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


class Seconds(click.FloatRange):
    """Seconds of a ``--timeout``. POLICY: at most a day; ``nan`` passes every comparison, and no clock can wait for it."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(1, 86_400)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if seconds != seconds:
            self.fail("nan is not a number of seconds", param, ctx)
        return seconds


def sentence(error: click.UsageError) -> str:
    """Return the message on one line, without its full stop, so that more can follow."""
    text = " ".join(error.format_message().split())
    return text.replace("is not a valid integer range", "is not a whole number").removesuffix(".")


def ensure_output() -> None:
    """Let go nowhere what is printed to a standard output or error that is closed (``>&-``): Python has ``None`` for it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def output_failed(error: OSError) -> bool:
    """Say whether ``error`` is one of writing to standard output: no file has a part in it."""
    return error.filename is None and error.errno in _NOT_WRITTEN


def discard_output() -> None:
    """Let go nowhere what is still to be written: the interpreter would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
