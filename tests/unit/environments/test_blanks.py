from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from lambda_sandbox.environments import blanks
from lambda_sandbox.environments.blanks import Ahead, Blanks, Kind
from lambda_sandbox.environments.flavours import BOTO3, PLAIN
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault

LAUNCHER, PYTHON = Kind(PLAIN, None), Kind(PLAIN, Ahead())
OF_BOTO3 = [Kind(BOTO3, Ahead()), Kind(BOTO3, None)]
PROGRAMS = [Kind(PLAIN, Ahead(("node", str(number)))) for number in range(5)]


class Factory:
    """Makes what is ready at once, unless its flavour is missing; remembers every kind it was asked for."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing
        self.asked: list[Kind] = []
        self.busy = False
        self.fault = False
        self.ended: list[Kind] = []

    def make(self, kind: Kind) -> RunningEnvironment | None:
        self.asked.append(kind)
        if self.fault:
            raise SandboxFault("no means")
        if kind.flavour in self.missing:
            return None
        process = {"launcher_pid": 1, "runtime_pid": 0 if kind.ahead is None else 2, "kind": kind}
        return cast(RunningEnvironment, SimpleNamespace(**process))

    def kept(self, launchers: int, runtimes: int) -> Blanks:
        def end(environment: RunningEnvironment) -> None:
            self.ended.append(kind_of(environment))

        return Blanks(asyncio.get_running_loop(), launchers, runtimes, self.make, end, lambda: self.busy)


def kind_of(environment: RunningEnvironment | None) -> Kind:
    return cast(Kind, cast(Any, environment).kind)


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
        assert Counter(factory.asked) == Counter([LAUNCHER, LAUNCHER, PYTHON, *OF_BOTO3, OF_BOTO3[1]])
        kept.close()

    play(scene)


def test_one_with_the_runtimes_process_is_taken_first_and_another_takes_its_place() -> None:
    async def scene() -> None:
        kept = Factory().kept(1, 1)
        await full(kept)
        assert [kind_of(kept.take([PYTHON, LAUNCHER])) for _ in range(2)] == [PYTHON, LAUNCHER]
        assert kept.take([PYTHON, LAUNCHER]) is None
        await full(kept)
        assert kind_of(kept.take([LAUNCHER, PYTHON])) == LAUNCHER
        kept.close()

    play(scene)


def test_a_flavour_that_is_not_there_keeps_no_other_waiting() -> None:
    async def scene() -> None:
        factory = Factory(BOTO3)
        kept = factory.kept(2, 2)
        await asyncio.sleep(blanks._FIRST_FILL_S + 0.2)
        assert not kept.full()
        taken = [kept.take([PYTHON, LAUNCHER]) for _ in range(4)]
        assert None not in taken
        assert kept.take(OF_BOTO3) is None
        kept.close()

    play(scene)


def test_another_interpreter_is_kept_from_its_first_function_on() -> None:
    async def scene() -> None:
        kept = Factory().kept(1, 1)
        await full(kept)
        other = Kind("@python3.13", Ahead())
        assert kept.take([other]) is None
        await full(kept)
        assert kind_of(kept.take([other])) == other
        kept.close()

    play(scene)


def test_of_programs_those_wait_that_were_asked_for_last() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(1, 2)
        await full(kept)
        for program in [*PROGRAMS[:3], PROGRAMS[0], PROGRAMS[3]]:
            kept.take([program, LAUNCHER])
            await full(kept)
        assert factory.ended == [PROGRAMS[1]]
        assert (
            Counter(factory.asked)[PROGRAMS[0]] == 2
        )  # one of each: the second time the first had been taken
        kept.close()
        assert {kind for kind in factory.ended if kind in PROGRAMS} == set(PROGRAMS[:4])

    play(scene)


def test_without_runtimes_no_program_waits_either() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(1, 0)
        await full(kept)
        assert kind_of(kept.take([PROGRAMS[0], LAUNCHER])) == LAUNCHER
        await full(kept)
        assert set(factory.asked) == {LAUNCHER}
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
        assert kept.take([PYTHON, LAUNCHER]) is None
        await full(kept)
        assert kept.take([PYTHON, LAUNCHER]) is not None
        kept.close()

    play(scene)


def test_what_is_left_is_ended_and_nothing_more_is_made() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(2, 0)
        await full(kept)
        kept.close()
        assert factory.ended == [LAUNCHER, LAUNCHER]
        await asyncio.sleep(0.1)
        assert len(factory.asked) == 2

    play(scene)


def test_with_no_sizes_nothing_is_ever_made() -> None:
    async def scene() -> None:
        factory = Factory()
        kept = factory.kept(0, 0)
        assert kept.take([PYTHON, LAUNCHER]) is None
        await asyncio.sleep(0.1)
        assert factory.asked == []
        assert kept.full()

    play(scene)
