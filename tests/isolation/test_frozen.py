"""Between invokes everything in an environment stands still, however it was started, and then goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault
from tests.isolation.stage import WAIT_S, Stage, stage

SOURCE = """
    import os, subprocess, tempfile, threading, time
    TICKS = tempfile.gettempdir() + "/ticks"
    LOOP = f"while :; do sleep 0.02; {command} echo >> {TICKS}; done # {mark}"
    waiting = threading.Event()

    def child():
        subprocess.Popen(["sh", "-c", LOOP])

    def child_of_a_thread():
        child()
        waiting.wait()

    def one_after_the_other():
        while True:
            subprocess.run(["sh", "-c", f"echo >> {TICKS} # {mark}"])

    def start(kind):
        if kind == "child":
            child()
        elif kind == "thread":
            threading.Thread(target=child_of_a_thread, daemon=True).start()
        elif kind == "orphan":
            subprocess.run(["sh", "-c", "(eval \\"$0\\") &", LOOP])
        elif kind == "session":
            subprocess.run(["sh", "-c", "setsid sh -c \\"$0\\" &", LOOP])
        elif kind == "many":
            threading.Thread(target=one_after_the_other, daemon=True).start()

    def handler(event, context):
        if event:
            start(event)
            while not os.path.exists(TICKS) or not os.path.getsize(TICKS):
                time.sleep(0.01)
        return TICKS
"""
KINDS = {
    "a child": "child",
    "a child of a thread that still runs": "thread",
    "an orphan": "orphan",
    "an orphan in a session of its own": "session",
    "children of a thread, one after the other": "many",
}
STILL = {"T", "D"}  # stopped, or a shell that waits in vfork for a child that is


def source(mark: str, command: str = "") -> str:
    return SOURCE.replace("{mark}", mark).replace("{command}", command)


def play(folder: Path, isolation: str, scene: Callable[[Stage], Awaitable[None]]) -> None:
    for place in (folder, *list(folder.parents)[:2]):
        place.chmod(0o755)

    async def run() -> None:
        async with stage(folder, isolation) as on_stage:
            await scene(on_stage)

    try:
        asyncio.run(run())
    except SandboxFault as fault:
        assert isolation == "bwrap"
        pytest.skip(f"bubblewrap is not possible on this machine: {fault}")


def states_of(mark: str) -> set[str]:
    """Return the states of all processes whose command has the mark: not looked for as the sandbox does."""
    states = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "cmdline").read_bytes():
                states.add((folder / "stat").read_text().rpartition(")")[2].split()[0])
    return states - {"Z"}


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def size(path: Path) -> int:
    return path.stat().st_size


def running(on_stage: Stage, environment_id: str) -> RunningEnvironment:
    return on_stage.environments._environments[environment_id]


@pytest.mark.parametrize("isolation", ["auto", "bwrap", "none"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_function_started_stands_still_until_the_next_invoke(
    tmp_path: Path, kind: str, isolation: str
) -> None:
    mark = f"mark-{uuid.uuid4()}"

    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(source(mark), memory_mb=512)
        path = await on_stage.invoke(environment_id, kind)
        ticks = Path(f"/proc/{running(on_stage, environment_id).runtime_pid}/root{path}")
        for _ in range(2):
            on_stage.environments.freeze(environment_id)
            await until(lambda: states_of(mark) <= STILL)
            before = size(ticks)
            await asyncio.sleep(0.3)
            assert size(ticks) == before
            on_stage.environments.thaw(environment_id)
            assert await on_stage.invoke(environment_id) == path
            await until(lambda: size(ticks) > before + 2)  # noqa: B023 - called at once

    play(tmp_path, isolation, scene)


def test_a_process_that_wakes_the_others_does_not_keep_them_awake(tmp_path: Path) -> None:
    mark = f"mark-{uuid.uuid4()}"

    async def scene(on_stage: Stage) -> None:
        if on_stage.environments.isolation.level == "process":
            pytest.skip("without a pid namespace it would wake the machine's processes")
        environment_id = on_stage.start(source(mark, "kill -CONT -1;"), memory_mb=512)
        await on_stage.invoke(environment_id, "orphan")
        pid = running(on_stage, environment_id).runtime_pid
        for _ in range(5):
            on_stage.environments.freeze(environment_id)
            await until(lambda: "T (stopped)" in Path(f"/proc/{pid}/status").read_text())
            await until(lambda: states_of(mark) <= STILL)
            on_stage.environments.thaw(environment_id)
            await on_stage.invoke(environment_id)

    play(tmp_path, "auto", scene)
