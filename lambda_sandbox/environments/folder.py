"""The server's private folder: locked while in use, so that what a killed server left behind can be told apart and removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "lambda-sandbox-environments-"


def make_folder(parent: Path | None = None) -> tuple[Path, int]:
    """Return a new private folder and the descriptor whose lock says that it is in use.

    Folders whose owner was killed hold no lock any more and are removed. ``parent`` is the system's place for such folders.
    """
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_uid == os.getuid():
                lock = _lock(left)
                shutil.rmtree(left, ignore_errors=True)
                os.close(lock)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        # Another server may take it for a left one before it is locked. That nothing can be locked there is another matter.
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(folder)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _lock(folder: Path) -> int:
    """Lock a folder and return the descriptor that holds the lock. Raises ``OSError`` when it is in use."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
