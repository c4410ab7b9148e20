"""A runtime client that is compiled once on a machine, by the toolchain that is there, and kept below ``XDG_CACHE_HOME``.

The server never waits for a compiler. Run as a script, this file is the process that does: it compiles into the cache and then
puts the client where environments see it, so that one that is waiting there can begin. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FAILED = ".failed"  # behind the target's name: what the compiler said
_DRAFT = "{draft}"
_PATIENCE_S = 300.0
_compilers: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Compiler:
    """``command`` and ``variables``, which go beside the server's own, write the client into the folder that it names."""

    command: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CompiledClient:
    """``name`` begins the cache's folder; ``variant`` tells clients of one source apart that are compiled differently."""

    name: str
    source: Path
    variant: str = ""

    def cache_folder(self) -> Path:
        """Return where the compiled client of this very source is kept."""
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        key = hashlib.sha256(self.source.read_bytes()).hexdigest()[:16]
        return base / "lambda-sandbox" / "-".join(filter(None, (self.name, key, self.variant)))

    def is_at(self, target: Path, compiler: Callable[[str], Compiler]) -> bool:
        """Return whether the client is in ``target``. Where it is not yet, a compiler is at work on it, once a server.

        ``compiler`` is told the folder to write to. Does not wait.
        """
        if target.is_dir():
            return True
        cache = self.cache_folder()
        if cache.is_dir():
            return _put(cache, target)
        running = _compilers.get(target)
        if running is None:
            made = compiler(_DRAFT)
            command = [sys.executable, "-I", "-S", __file__, str(cache), str(target), *made.command]
            null = subprocess.DEVNULL
            _compilers[target] = subprocess.Popen(
                command, stdin=null, stdout=null, stderr=null, env=os.environ | dict(made.variables)
            )
        else:
            running.poll()  # or its end would never be noticed
        return target.is_dir()


def compile_into(cache: Path, target: Path, command: list[str]) -> None:
    """Run ``command``, keep what it makes in ``cache`` and put it into ``target``; or write what it says beside ``target``."""
    draft = _draft(cache) or _draft(target)  # no place for a cache: for this server alone
    if draft is None:
        return
    words = [word.replace(_DRAFT, str(draft)) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        failure = (done.stdout + done.stderr).strip() or "no reason" if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    if failure:
        shutil.rmtree(draft, ignore_errors=True)
        with contextlib.suppress(OSError):
            _write_whole(target.with_name(target.name + FAILED), failure)
        return
    draft.chmod(0o755)
    with contextlib.suppress(OSError):  # another server was faster
        draft.rename(cache if draft.parent == cache.parent else target)
    if cache.is_dir():
        _put(cache, target)
    shutil.rmtree(draft, ignore_errors=True)


def _draft(beside: Path) -> Path | None:
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{beside.name}-", dir=beside.parent))
    except OSError:
        return None


def _put(folder: Path, target: Path) -> bool:
    """Copy ``folder`` to ``target`` so that it is there whole or not at all."""
    draft = _draft(target)
    if draft is None:
        return False
    try:
        shutil.copytree(folder, draft, dirs_exist_ok=True)  # with its permissions
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
    return target.is_dir()


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(path.name + "-")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    draft.rename(path)


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
