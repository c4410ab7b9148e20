"""Servers whose environments come from forks of one zygote have nothing to do with each other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from autograder.processes import children, descendants, reap
from lambda_sandbox.config import Config
from lambda_sandbox.environments.flavours import BOTO3
from lambda_sandbox.environments.zygote_starter import ZygoteProcess, ZygoteStarter
from lambda_sandbox.errors import SandboxFault
from tests.isolation.stage import Stage, shared_zygote

LOOKS = """
    import os, subprocess
    def handler(event, context):
        if event:
            open("/tmp/mark", "w").write(event)
            subprocess.Popen(["/bin/sleep", "1000"], stdin=subprocess.DEVNULL)
        return [sorted(os.listdir("/tmp")), sum(name.isdigit() for name in os.listdir("/proc"))]
"""
Play = Callable[[Stage, Stage, ZygoteProcess], Awaitable[None]]


@contextlib.asynccontextmanager
async def two_stages(folder: Path, mother: ZygoteProcess) -> AsyncIterator[tuple[Stage, Stage]]:
    stages = [Stage(folder / name, Config(), mother) for name in ("one", "other")]
    try:
        yield stages[0], stages[1]
    finally:
        for each in stages:
            await each.environments.close()


def play(folder: Path, scene: Play) -> None:
    for place in (folder, folder.parent, folder.parent.parent):
        place.chmod(0o755)
    for name in ("one", "other"):
        (folder / name).mkdir(mode=0o755)

    async def run() -> None:
        with shared_zygote() as mother:
            async with two_stages(folder, mother) as (one, other):
                await scene(one, other, mother)

    try:
        asyncio.run(run())
    except SandboxFault as reason:
        pytest.skip(str(reason))


def test_a_function_sees_neither_files_nor_processes_of_the_other_servers(tmp_path: Path) -> None:
    async def scene(one: Stage, other: Stage, mother: ZygoteProcess) -> None:
        assert one.environments.isolation.level == "namespaces"
        # The same name in both: each server keeps the /tmp of its environments by their names.
        assert await one.invoke(one.start(LOOKS, "same"), "mine") == [["mark"], 3]
        assert await other.invoke(other.start(LOOKS, "same")) == [[], 2]  # its launcher and itself

    play(tmp_path, scene)


def test_the_end_of_one_server_is_the_end_of_its_environments_alone(tmp_path: Path) -> None:
    async def scene(one: Stage, other: Stage, mother: ZygoteProcess) -> None:
        here = one.start(LOOKS, "here")
        there = other.start(LOOKS, "there")
        await one.invoke(here, "mine")
        await other.invoke(there, "theirs")
        before = set(descendants(os.getpid()))
        await one.environments.close()
        ended = before - set(descendants(os.getpid()))
        assert len(ended) >= 3  # its launcher, its runtime, what the function started
        assert await other.invoke(there) == [["mark"], 3]

    play(tmp_path, scene)


def test_the_end_of_the_zygote_is_the_end_of_all(tmp_path: Path) -> None:
    before = set(children(os.getpid()))

    async def scene(one: Stage, other: Stage, mother: ZygoteProcess) -> None:
        for each in (one, other):
            await each.invoke(each.start(LOOKS, "here"), "mine")
        mother.end()
        for each in (one, other):
            await each.ended("here")

    play(tmp_path, scene)
    ends = time.monotonic() + 10
    # Orphans of hers may come to this process, to be collected.
    while left := set(children(os.getpid())) - before:
        assert time.monotonic() < ends, left
        reap([*left])
        time.sleep(0.01)


def test_functions_go_on_after_the_interpreter_that_they_are_forked_from_was_killed(tmp_path: Path) -> None:
    knows_boto3 = "import sys, boto3\ndef handler(event, context):\n    return boto3.__name__\n"

    async def scene(one: Stage, other: Stage, mother: ZygoteProcess) -> None:
        starter = one.environments._starter
        assert isinstance(starter, ZygoteStarter)

        async def preloaded() -> None:
            for _ in range(3000):
                if starter.has_flavour(BOTO3):
                    return
                await asyncio.sleep(0.01)
            pytest.fail("no interpreter with boto3 in it was there within 30 s")

        await preloaded()
        first = starter._zygotes[BOTO3]
        assert first is not None
        first.requests.shutdown(socket.SHUT_RDWR)
        assert await one.run(knows_boto3) == "boto3"
        await preloaded()
        assert starter._zygotes[BOTO3] is not first
        assert await one.run(knows_boto3) == "boto3"

    play(tmp_path, scene)
