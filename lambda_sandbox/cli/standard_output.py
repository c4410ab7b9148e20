"""Standard streams that are closed, full, or read by nobody any more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def ensure() -> None:
    """Let go nowhere what is printed to a standard output or error that is closed (``>&-``), and an input be empty.

    Python has ``None`` for these, and the first file or socket would get their number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def failed(error: OSError) -> bool:
    """Say whether ``error`` is one of writing to standard output: no file has a part in it."""
    return error.filename is None and error.errno in _NOT_WRITTEN


def discard() -> None:
    """Let go nowhere what is still to be written: the interpreter would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
