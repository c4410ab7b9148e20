"""A folder that somebody is editing, or an archive that a build writes: as a deployment package, and as a source of changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.packaging import ARCHIVES, IGNORED_NAMES, files, package
from lambda_sandbox.quotas import UNZIPPED_BYTES

if TYPE_CHECKING:
    from watchfiles import Change

# What editors write beside a file while it is saved, and watchfiles' own list does not know: vim's probe, emacs' copy.
_EDITORS = (r"^4913$", r"^#.*#$", r"^\.goutputstream-", r"\.tmp$")
# A save is several events (write, rename, permissions); they are one change when they come this close together.
_QUIET_MS = 30
_FIRST_LOOK_MS = 200


def source_at(path: Path) -> SourceFolder:
    """Return the folder or the archive at ``path``. Raises ``SandboxFault`` where there is neither."""
    return (
        SourceArchive(path) if path.suffix.lower() in ARCHIVES and not path.is_dir() else SourceFolder(path)
    )


class SourceFolder:
    """``root`` is the folder that is watched, ``source`` what becomes the function's code: the same folder."""

    recursive = True

    def __init__(self, root: Path) -> None:
        self.root = self.source = root.resolve()
        if not self.root.is_dir():
            such_as = f", such as {root.parent}" if root.is_file() else ""
            raise SandboxFault(
                f"{root} is not a folder; name the folder that holds the function's code{such_as}"
            )

    def package(self) -> bytes:
        """Return the deployment zip of what the folder holds now. Raises ``SandboxFault`` with what is in the way."""
        if not self.root.is_dir():
            raise SandboxFault(f"the folder {self.root} is gone; put it back")
        try:
            size = self._size()
        except ValueError as error:
            raise SandboxFault(f"{self.root} cannot be packaged: {error}") from None
        if size > UNZIPPED_BYTES:
            raise SandboxFault(
                f"{self.root} holds {size // 2**20} MB, and a function may have {UNZIPPED_BYTES // 2**20} MB: "
                "put the function in a folder of its own"
            )
        try:
            return package(self.root)
        except (ValueError, OSError) as error:
            raise SandboxFault(f"{self.root} cannot be packaged: {error}") from None

    def changes(self, stop: Event | None = None) -> Iterator[float]:
        """Yield the moment (``time.perf_counter``) of each change; blocks between them, until ``stop`` or an interrupt.

        The first may come without a change: what was saved while the watch began must not be missed, so whoever listens
        compares. A folder that is replaced by another of its name is watched on, and one that is gone is waited for.
        Raises ``SandboxFault`` where the system cannot watch the folder.
        """
        waiting = stop or Event()
        while not waiting.is_set():
            try:
                yield from self._changes_of_this(waiting)
            except FileNotFoundError:
                waiting.wait(_FIRST_LOOK_MS / 1000)
            except OSError as error:
                raise SandboxFault(f"{self.root} cannot be watched: {error}") from None

    def _changes_of_this(self, stop: Event) -> Iterator[float]:
        """Yield the moments until the folder is not the one any more that it was at the begin."""
        from watchfiles import watch

        # Held open, so that its number is not given to the folder that takes its place.
        held = os.open(self.root, os.O_RDONLY)
        try:
            watched = watch(
                self.root,
                watch_filter=self._matters(),
                step=_QUIET_MS,
                rust_timeout=_FIRST_LOOK_MS,
                yield_on_timeout=True,
                recursive=self.recursive,
                stop_event=stop,
            )
            began = False
            for found in watched:
                if found or not began:
                    yield time.perf_counter()
                began = True
                if not os.path.samestat(os.fstat(held), os.stat(self.root)):
                    return
        finally:
            os.close(held)

    def _matters(self) -> Callable[[Change, str], bool]:
        """Return what tells a source from an editor's own files; the names of the folders above do not count."""
        from watchfiles import DefaultFilter

        inside = DefaultFilter(
            ignore_dirs=(*DefaultFilter.ignore_dirs, *sorted(IGNORED_NAMES)),
            ignore_entity_patterns=(*DefaultFilter.ignore_entity_patterns, *_EDITORS),
        )
        return lambda change, path: inside(change, os.path.relpath(path, self.root))

    def _size(self) -> int:
        """Return the bytes of all files, or a little more than is allowed as soon as that is passed."""
        total = 0
        for path in files(self.root):
            try:
                total += path.stat().st_size
            except OSError:  # an editor's file that is gone again
                continue
            if total > UNZIPPED_BYTES:
                break
        return total


class SourceArchive(SourceFolder):
    """A ``.zip`` or ``.jar`` that is deployed as it is; ``root``, which is watched, is the folder that it is in."""

    recursive = False

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SandboxFault(f"there is no archive {path}; build it first")
        super().__init__(path.parent)
        self.source = self.root / path.name

    def package(self) -> bytes:
        """Return what the archive holds now. Raises ``SandboxFault`` for one that is gone or cannot be opened."""
        try:
            return package(self.source)
        except FileNotFoundError:
            raise SandboxFault(f"the archive {self.source} is gone; build it again") from None
        except ValueError as error:  # which names the archive
            raise SandboxFault(str(error)) from None
        except OSError as error:
            raise SandboxFault(f"{self.source} cannot be read: {error.strerror}") from None

    def _matters(self) -> Callable[[Change, str], bool]:
        return lambda change, path: os.path.basename(path) == self.source.name
