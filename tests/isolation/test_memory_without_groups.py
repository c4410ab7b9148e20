"""The memory of every process counts where no control group can be written, however the process was started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambda_sandbox.environments import factory
from lambda_sandbox.resources import Exit
from tests.isolation.stage import Stage, stage

SOURCE = """
    import subprocess, sys, threading, time

    def start(event):
        program = f"x = bytearray(b'1') * ({event['mb']} << 20); print(1, flush=True); import time; time.sleep(0.3)"
        command = [sys.executable, "-S", "-c", program]
        if event["kind"] == "orphan":
            command = ["sh", "-c", "\\"$@\\" &", "sh", *command]
        return subprocess.Popen(command, stdout=subprocess.PIPE).stdout

    def live(event, found):
        found.append(start(event))
        time.sleep(100)

    def handler(event, context):
        found = []
        if event["kind"] == "thread":
            threading.Thread(target=live, args=(event, found), daemon=True).start()
            while not found:
                time.sleep(0.01)
        elif event["kind"]:
            found.append(start(event))
        for output in found:
            output.read()  # to the end of the process
"""
KINDS = {"a child": "child", "a child of a thread that still runs": "thread", "an orphan": "orphan"}


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.fixture(params=["auto", "none"])
def play(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    for place in (tmp_path, *list(tmp_path.parents)[:2]):
        place.chmod(0o755)
    # As on a machine that lets nobody write to its control groups.
    monkeypatch.setattr(factory, "find_control_groups", lambda name: None)

    def run(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with stage(tmp_path, request.param) as on_stage:
                await scene(on_stage)

        asyncio.run(main())

    return run


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_too_much_memory_ends_the_environment(play: Play, kind: str) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(SOURCE, memory_mb=128)
        await on_stage.send(environment_id, {"kind": kind, "mb": 200})
        assert await on_stage.answer(environment_id) == Exit(signal=9, out_of_memory=True)

    play(scene)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_fits_is_in_the_peak_of_its_invocation_only(play: Play, kind: str) -> None:
    async def scene(on_stage: Stage) -> None:
        environment_id = on_stage.start(SOURCE, memory_mb=256)
        await on_stage.invoke(environment_id, {"kind": kind, "mb": 150})
        assert 150 < on_stage.environments.peak_memory_mb(environment_id) < 185
        on_stage.environments.begin_invocation(environment_id)
        await on_stage.invoke(environment_id, {"kind": ""})
        assert on_stage.environments.peak_memory_mb(environment_id) < 50

    play(scene)
