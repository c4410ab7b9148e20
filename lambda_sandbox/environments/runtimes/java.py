"""Java functions: our client, one source file, compiled once a machine by the JDK that is there.

While no compiled client is at hand, ``java`` compiles the source itself at start (a second more) and a compiler fills the
cache beside it, so that the first environment does not hold up the server. The cache is below ``XDG_CACHE_HOME``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lambda_sandbox.environments.runtimes.launch import Launch, Request
from lambda_sandbox.environments.runtimes.toolchains import Toolchain

SOURCE = Path(__file__).parent / "JavaClient.java"
_CLASS = "JavaClient"
_RELEASE = "17"
_HEAP_PERCENT = (
    75  # POLICY: the rest is for metaspace, code cache, thread stacks and the virtual machine itself
)
_compilers: dict[Path, tuple[subprocess.Popen[bytes], Path]] = {}


def launch(request: Request, jdk: Toolchain, home: str) -> Launch:
    """Return how to start Java. ``home`` is the JDK's folder as the function sees it."""
    options = (
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Xshare:auto",
        f"-Xmx{max(32, request.memory_mb * _HEAP_PERCENT // 100)}m",
        "-Dfile.encoding=UTF-8",
        "-Dstdout.encoding=UTF-8",
        "-Dstderr.encoding=UTF-8",
    )
    compiled = request.runtime_folder / "java"
    if compiled.is_dir() or _take_from_cache(compiled, jdk):
        what: tuple[str, ...] = ("-cp", f"{request.places.runtime}/java", _CLASS)
    else:
        what = (f"{request.places.runtime}/{SOURCE.name}",)
    places = request.places
    return Launch(
        ((f"{home}/bin/java", *options, *what),),
        {"LAMBDA_SANDBOX_LAYERS": places.layers} if places.bare else {},
    )


def cache_folder() -> Path:
    """Return where the compiled client of this very source is kept."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "lambda-sandbox" / f"java-client-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"


def _take_from_cache(target: Path, jdk: Toolchain) -> bool:
    """Copy the compiled client to ``target``. False, and a compiler at work, when there is none yet."""
    folder = cache_folder()
    if not folder.is_dir() and not _compile(folder, jdk):
        return False
    try:
        shutil.copytree(folder, target)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True


def _compile(folder: Path, jdk: Toolchain) -> bool:
    """Start the compiler, or look whether it has ended. True when ``folder`` is there."""
    running = _compilers.get(folder)
    if running is None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix="java-client-", dir=folder.parent))
        except OSError:
            return False  # no place for a cache: java compiles at each start
        draft.chmod(0o755)
        command = [str(jdk.home / "bin" / "javac"), "--release", _RELEASE, "-d", str(draft), str(SOURCE)]
        null = subprocess.DEVNULL
        _compilers[folder] = (subprocess.Popen(command, stdin=null, stdout=null, stderr=null), draft)
        return False
    process, draft = running
    if process.poll() is None:
        return False
    if process.returncode == 0 and not folder.exists():
        draft.rename(folder)
    else:
        shutil.rmtree(draft, ignore_errors=True)
    return folder.is_dir()
