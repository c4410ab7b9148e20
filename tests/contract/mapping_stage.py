"""What the stages of event source mappings share: the neighbours without a server before them, and how a scene is played."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.event_sources.mappings import Mappings
from lambda_sandbox.services.neighbours import Neighbours

ACCOUNT = "000000000000"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker"
Event = dict[str, Any]
Handler = Callable[[Event], Awaitable[Any]]


@dataclass(frozen=True)
class Result:
    payload: bytes
    function_error: str | None = None
    request_id: str = "request"
    executed_version: str = "$LATEST"


class HandlerFailed(Exception):
    """What a handler of these tests raises."""


class AnyStage(Protocol):
    """A stage, as far as ``playing`` knows it."""

    mappings: Mappings


Play = Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def neighbours(runner: asyncio.Runner) -> Iterator[Neighbours]:
    started = Neighbours(Config())
    runner.run(started.start())
    yield started
    runner.run(started.stop())


def playing(runner: asyncio.Runner, make_stage: Callable[[], AnyStage]) -> Play:
    """Return what runs one scene on a stage of its own and stops its mappings."""

    def run(scene: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        async def scene_and_end() -> None:
            stage = make_stage()
            try:
                await scene(stage)
            finally:
                await stage.mappings.stop()

        runner.run(scene_and_end())

    return run
