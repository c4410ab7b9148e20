from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from lambda_sandbox.environments import blanks
from lambda_sandbox.environments.blanks import Blanks, Kind
from lambda_sandbox.environments.flavours import BOTO3, PLAIN
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault

LAUNCHER, RUNTIME = Kind(PLAIN, runtime_ahead=False), Kind(PLAIN, runtime_ahead=True)


class Factory:
    """Makes what is ready at once, unless its flavour is missing; remembers every kind it was asked for."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing
        self.asked: list[Kind] = []
        self.busy = False
        self.fault = False

    def make(self, kind: Kind) -> RunningEnvironment | None:
        self.asked.append(kind)
        if self.fault:
            raise SandboxFault("no means")
        if kind.flavour in self.missing:
            return None
        process = {"launcher_pid": 1, "runtime_pid": 2 if kind.runtime_ahead else 0, "kind": kind}
        return cast(RunningEnvironment, SimpleNamespace(**process))

    def kept(self, launchers: int, runtimes: int) -> Blanks:
        return Blanks(asyncio.get_running_loop(), launchers, runtimes, self.make, lambda: self.busy)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(cast(Any, scene()))


async def full(kept: Blanks) -> None:
    for _ in range(300):
        if kept.full():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("they never came")


def test_launchers_come_first_and_then_everything_that_may_be_wanted() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(2, 1)
        await asyncio.sleep(blanks._FIRST_FILL_S / 2)
        assert factory.asked == [LAUNCHER, LAUNCHER]
        await full(kept)
        assert sorted(factory.asked) == sorted(
            [LAUNCHER, LAUNCHER, RUNTIME, Kind(BOTO3, False), Kind(BOTO3, False), Kind(BOTO3, True)]
        )
        kept.close()

    play(scene)


def test_one_with_the_runtimes_process_is_taken_first_and_another_takes_its_place() -> None:
    async def scene() -> None:
        kept = Factory().kept(1, 1)
        await full(kept)
        assert [cast(Any, kept.take(PLAIN, runtime=True)).kind for _ in range(2)] == [RUNTIME, LAUNCHER]
        assert kept.take(PLAIN, runtime=True) is None
        await full(kept)
        assert cast(Any, kept.take(PLAIN, runtime=False)).kind == LAUNCHER
        kept.close()

    play(scene)


def test_a_flavour_that_is_not_there_keeps_no_other_waiting() -> None:
    async def scene() -> None:
        factory = Factory(BOTO3)
        kept = factory.kept(2, 2)
        await asyncio.sleep(blanks._FIRST_FILL_S + 0.2)
        assert not kept.full()
        taken = [kept.take(PLAIN, runtime=True) for _ in range(4)]
        assert None not in taken
        assert kept.take(BOTO3, runtime=True) is None
        kept.close()

    play(scene)


def test_another_interpreter_is_kept_from_its_first_function_on() -> None:
    async def scene() -> None:
        kept = Factory().kept(1, 1)
        await full(kept)
        assert kept.take("@python3.13", runtime=True) is None
        await full(kept)
        assert cast(Any, kept.take("@python3.13", runtime=True)).kind == Kind("@python3.13", True)
        kept.close()

    play(scene)


def test_none_is_started_while_somebody_waits_and_none_after_a_refusal_until_the_next_is_taken() -> None:
    async def scene() -> None:
        factory = Factory()
        factory.busy = True
        kept = factory.kept(1, 0)
        await asyncio.sleep(0.1)
        assert factory.asked == []
        factory.busy, factory.fault = False, True
        await asyncio.sleep(0.1)
        assert factory.asked == [LAUNCHER]
        factory.fault = False
        assert kept.take(PLAIN, runtime=True) is None
        await full(kept)
        assert kept.take(PLAIN, runtime=True) is not None
        kept.close()

    play(scene)


def test_what_is_left_is_handed_back_and_nothing_more_is_made() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(2, 0)
        await full(kept)
        left = kept.close()
        assert len(left) == 2
        await asyncio.sleep(0.1)
        assert len(factory.asked) == 2

    play(scene)


def test_with_no_sizes_nothing_is_ever_made() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(0, 0)
        assert kept.take(PLAIN, runtime=True) is None
        await asyncio.sleep(0.1)
        assert factory.asked == []
        assert kept.full()

    play(scene)
