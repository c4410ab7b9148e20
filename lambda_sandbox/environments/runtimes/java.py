"""Java functions: our client, one source file, compiled once a machine by the JDK that is there.

While no compiled client is at hand, ``java`` compiles the source itself at start (a second more) and a compiler fills the
cache beside it, so that the first environment does not hold up the server.
"""

from __future__ import annotations

from pathlib import Path

from lambda_sandbox.environments.runtimes.compiled_client import CompiledClient, Compiler
from lambda_sandbox.environments.runtimes.launch import Launch, Request
from lambda_sandbox.environments.runtimes.toolchains import Toolchain

SOURCE = Path(__file__).parent / "JavaClient.java"
CLIENT = CompiledClient("java-client", SOURCE)
_CLASS = "JavaClient"
_RELEASE = "17"
# POLICY: a Java function's heap is 75 percent of its memory; the rest is for metaspace, code cache, thread stacks and the virtual
# machine itself. AWS documents no share.
_HEAP_PERCENT = 75


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
    if CLIENT.is_at(request.runtime_folder / "java", lambda folder: _compiler(jdk, folder)):
        what: tuple[str, ...] = ("-cp", f"{request.places.runtime}/java", _CLASS)
    else:
        what = (f"{request.places.runtime}/{SOURCE.name}",)
    places = request.places
    return Launch(
        ((f"{home}/bin/java", *options, *what),),
        {"LAMBDA_SANDBOX_LAYERS": places.layers} if places.bare else {},
    )


def _compiler(jdk: Toolchain, folder: str) -> Compiler:
    return Compiler((str(jdk.home / "bin" / "javac"), "--release", _RELEASE, "-d", folder, str(SOURCE)), {})
