"""Two pipes as one connection, on both kinds of loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from lambda_sandbox.environments import wire

Scene = Callable[["Heard", int, int], Awaitable[None]]


class Heard(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.data = b""
        self.lost: list[Exception | None] = []
        self.came = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self.came.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                self.came.clear()
                await self.came.wait()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Scene], None]:
    """Run a scene with a connection and the other end's two descriptors, for reading and for writing."""

    def run(scene: Scene) -> None:
        async def main() -> None:
            (reading, to_other), (from_other, writing) = os.pipe(), os.pipe()
            heard = Heard()
            await wire.connect(asyncio.get_running_loop(), lambda: heard, to_other, from_other)
            await scene(heard, reading, writing)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    return run


def test_messages_go_both_ways(play: Callable[[Scene], None]) -> None:
    async def scene(heard: Heard, reading: int, writing: int) -> None:
        os.write(writing, b"there")
        await heard.until(lambda: heard.data == b"there")
        assert heard.transport is not None
        heard.transport.write(b"back")
        await asyncio.sleep(0.01)
        assert os.read(reading, 100) == b"back"
        os.close(reading)
        os.close(writing)
        await heard.until(lambda: bool(heard.lost))

    play(scene)


def test_what_was_sent_before_the_end_is_heard(play: Callable[[Scene], None]) -> None:
    async def scene(heard: Heard, reading: int, writing: int) -> None:
        def speak() -> None:
            view = memoryview(b"x" * 1_000_000)
            while view:
                view = view[os.write(writing, view) :]
            os.close(writing)
            os.close(reading)

        await asyncio.gather(asyncio.to_thread(speak), heard.until(lambda: bool(heard.lost)))
        assert (len(heard.data), len(heard.lost)) == (1_000_000, 1)

    play(scene)


def test_more_than_a_pipe_takes_arrives_behind_a_close(play: Callable[[Scene], None]) -> None:
    async def scene(heard: Heard, reading: int, writing: int) -> None:
        def listen() -> int:
            size = 0
            while data := os.read(reading, 65_536):
                size += len(data)
            os.close(reading)
            os.close(writing)
            return size

        assert heard.transport is not None
        heard.transport.write(b"x" * 3_000_000)
        heard.transport.close()
        size, _ = await asyncio.gather(asyncio.to_thread(listen), heard.until(lambda: bool(heard.lost)))
        assert size == 3_000_000
        assert heard.transport.is_closing()

    play(scene)


def test_a_descriptor_is_closed_by_the_loop_or_by_its_file_and_not_by_both(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second close would be of whatever has the number by then."""
    files: list[Any] = []
    fdopen: Any = os.fdopen

    def opened(*arguments: Any, **options: Any) -> Any:
        files.append(fdopen(*arguments, **options))
        return files[-1]

    monkeypatch.setattr(os, "fdopen", opened)

    async def scene(heard: Heard, reading: int, writing: int) -> None:
        closes = isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)
        assert [file.closefd for file in files] == [closes, closes]
        descriptors = [file.fileno() for file in files]
        os.close(reading)
        os.close(writing)
        await heard.until(lambda: bool(heard.lost))
        await asyncio.sleep(0.01)
        for fd in descriptors:
            with pytest.raises(OSError):
                os.fstat(fd)

    play(scene)
