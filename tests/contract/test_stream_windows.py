"""Tumbling windows of stream mappings, in manual time."""

from __future__ import annotations

import time
from typing import Any

from lambda_sandbox.event_sources.aws_json import Headers
from tests.contract.mapping_stage import Event, Play
from tests.contract.stream_stage import Stage, data_of
from tests.contract.stream_stage import neighbours as neighbours
from tests.contract.stream_stage import play as play
from tests.contract.stream_stage import runner as runner


def test_tumbling_window_hands_its_state_on_and_ends_with_one_last_invocation(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def add(event: Event) -> Any:
            return {"state": {"sum": event["state"].get("sum", 0) + sum(map(int, data_of(event)))}}

        stage.handler = add
        stream = await stage.stream()
        await stage.put(stream, "1", "2", "3", key="k")
        await stage.map(stream, tumbling_window_s=600, batch_size=2)
        await stage.until(lambda: len(stage.flat()) == 3)
        await stage.restart()
        await stage.advance(600)
        first, second, last = stage.invoked
        assert (first["state"], second["state"], last["state"]) == ({}, {"sum": 3}, {"sum": 6})
        assert [event["isFinalInvokeForWindow"] for event in stage.invoked] == [False, False, True]
        assert last["Records"] == []
        assert last["shardId"] == "shardId-000000000000"
        assert last["eventSourceARN"].endswith(stream)
        assert not last["isWindowTerminatedEarly"]
        start, end = (time.strptime(last["window"][name], "%Y-%m-%dT%H:%M:%SZ") for name in ("start", "end"))
        assert time.mktime(end) - time.mktime(start) == 600

    play(scene)


def test_window_ends_only_once_all_that_came_within_it_has_been_read(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def add(event: Event) -> Any:
            return {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}

        stage.handler = add
        stream = await stage.stream()
        await stage.put(stream, "early")
        await stage.map(stream, tumbling_window_s=600)
        await stage.until(lambda: stage.flat() == ["early"])
        forward, late = stage.neighbour.forward, ["late"]

        async def slow_read(method: bytes, target: bytes, headers: Headers, body: bytes) -> Any:
            """The window's end passes while a read finds nothing; what came before that end is there only afterwards."""
            answer = await forward(method, target, headers, body)
            if late and any(b"GetRecords" in value for _, value in headers):
                data = late.pop()
                stage.clock.advance(600)
                await stage.put(stream, data)
            return answer

        stage.neighbour.forward = slow_read  # type: ignore[method-assign]
        await stage.until(lambda: any(event["isFinalInvokeForWindow"] for event in stage.invoked))
        assert stage.flat() == ["early", "late"]
        assert [event["state"] for event in stage.invoked] == [{}, {"count": 1}, {"count": 2}]

    play(scene)


def test_answer_without_state_fails_a_windowed_batch(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def forget_once(event: Event) -> Any:
            return {} if len(stage.invoked) == 1 else {"state": {"n": 1}}

        stage.handler = forget_once
        stream = await stage.stream()
        await stage.put(stream, "a")
        await stage.map(stream, tumbling_window_s=600)
        await stage.until(lambda: stage.result() == "OK")
        assert stage.data() == [["a"], ["a"]]

    play(scene)


def test_window_whose_state_is_too_large_ends_early_and_goes_on_afresh(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def hoard(event: Event) -> Any:
            return {"state": {"all": "x" * 1_100_000}}

        stage.handler = hoard
        stream = await stage.stream()
        await stage.put(stream, "a", "b", key="k")
        await stage.map(stream, tumbling_window_s=600, batch_size=1)
        await stage.until(lambda: len(stage.invoked) >= 4)
        early, after = stage.invoked[1:3]
        assert (early["isWindowTerminatedEarly"], early["isFinalInvokeForWindow"]) == (True, True)
        assert (after["state"], data_of(after)) == ({}, ["b"])
        assert after["window"] == early["window"]

    play(scene)
