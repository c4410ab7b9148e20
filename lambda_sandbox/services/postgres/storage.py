"""How much of its storage a database uses, and a look at it every other second.

AWS: a DB instance whose storage is full has the status ``storage-full``, and its owner is to give it more at once.
Source: Amazon RDS User Guide, "Viewing Amazon RDS DB instance status", "Increasing DB instance storage capacity"; RDS API
Reference, "ModifyDBInstance"; read 2026-11.
POLICY: what a full RDS instance still answers AWS does not document. Here its server stops until there is more storage.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from lambda_sandbox.services.postgres.settings import GIB

STORAGE_FULL = "storage-full"
LOOK_S = 2.0


def is_full(folder: Path, allocated_gib: int) -> bool:
    return used_bytes(folder) >= allocated_gib * GIB


def used_bytes(folder: Path) -> int:
    """Return the size of all files below ``folder``, while PostgreSQL makes and deletes them."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += _size(entry)
        except OSError:  # it has just been deleted
            continue
    return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def grown(allocated_gib: int, wanted_gib: int) -> int:
    """Return what a change of the storage comes to: AWS rounds it up to a tenth more at least.

    >>> grown(20, 100), grown(20, 21), grown(20, 20)
    (100, 22, 20)
    """
    if wanted_gib == allocated_gib:
        return allocated_gib
    return max(wanted_gib, -(-allocated_gib * 11 // 10))


class StorageWatch:
    """Calls ``look`` every ``LOOK_S`` seconds from a thread of its own, once ``begin`` was called."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="storage of databases", daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self._look()
            except Exception as error:  # the thread must live on: there will be room to write again
                print(f"the storage of databases was not looked at: {error!r}", file=sys.stderr, flush=True)
