"""Mappings of Kinesis streams over moto in its process, in manual time: where reading begins, and how it goes on."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

from tests.contract.mapping_stage import Event, Play
from tests.contract.stream_stage import Stage, data_of
from tests.contract.stream_stage import neighbours as neighbours
from tests.contract.stream_stage import play as play
from tests.contract.stream_stage import runner as runner


def test_a_record_reaches_the_function_in_the_shape_of_aws(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "hello")
        await stage.map(stream)
        await stage.until(lambda: stage.result() == "OK")
        (record,) = stage.invoked[0]["Records"]
        assert record["kinesis"]["data"] == "aGVsbG8="
        assert record["kinesis"]["kinesisSchemaVersion"] == "1.0"
        assert record["kinesis"]["partitionKey"] == "hello"
        assert abs(record["kinesis"]["approximateArrivalTimestamp"] - time.time()) < 60
        assert record["eventID"] == f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"
        assert record["eventName"] == "aws:kinesis:record"
        assert record["eventSourceARN"].endswith(stream)
        assert stage.counted["PolledEventCount"] == stage.counted["InvokedEventCount"] == 1

    play(scene)


def test_batches_follow_one_another_in_order_and_none_is_larger_than_asked(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        sent = [f"{n}" for n in range(25)]
        await stage.put(stream, *sent)
        await stage.map(stream, batch_size=10)
        await stage.until(lambda: len(stage.flat()) == 25)
        assert stage.flat() == sent
        assert list(map(len, stage.data())) == [10, 10, 5]

    play(scene)


def test_a_window_gathers_what_comes_within_it(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "a")
        await stage.map(stream, maximum_batching_window_s=20)
        await stage.advance(10)
        await stage.put(stream, "b")
        await stage.advance(9)
        assert stage.invoked == []
        await stage.advance(2)
        assert stage.data() == [["a", "b"]]

    play(scene)


def test_latest_begins_with_the_mapping_even_after_a_restart(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "before")
        await stage.map(stream, starting_position="LATEST", last_modified=time.time() + 0.001)
        await stage.quiet()
        await stage.mappings.stop()
        await stage.put(stream, "while away")
        await stage.restart()
        await stage.put(stream, "after")
        await stage.until(lambda: len(stage.flat()) == 2)
        assert stage.flat() == ["while away", "after"]

    play(scene)


def test_at_timestamp_begins_with_the_first_record_of_that_moment(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "old")
        moment = time.time() + 0.001
        while time.time() < moment + 0.001:
            pass  # two milliseconds, so that the clock is past the moment
        await stage.put(stream, "new")
        await stage.map(stream, starting_position="AT_TIMESTAMP", starting_position_timestamp=moment)
        await stage.until(lambda: bool(stage.invoked))
        assert stage.flat() == ["new"]

    play(scene)


def test_nothing_is_repeated_and_nothing_skipped_after_a_restart(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream(2)
        sent = [f"{n}" for n in range(40)]
        await stage.put(stream, *sent[:20])
        await stage.map(stream, batch_size=3, parallelization_factor=2)
        await stage.until(lambda: len(stage.flat()) == 20)
        await stage.restart()
        await stage.put(stream, *sent[20:])
        await stage.until(lambda: len(stage.flat()) == 40)
        assert sorted(stage.flat(), key=int) == sent

    play(scene)


def test_keys_keep_their_order_while_lanes_run_side_by_side(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        running, peak = 0, 0
        seen: dict[str, list[int]] = defaultdict(list)

        async def slow(event: Event) -> None:
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            for each in data_of(event):
                key, _, number = each.partition(":")
                seen[key].append(int(number))
            for _ in range(50):
                await asyncio.sleep(0)
            running -= 1

        stage.handler = slow
        stream = await stage.stream()
        await stage.put(stream, *(f"k{n % 12}:{n}" for n in range(120)))
        await stage.map(stream, batch_size=5, parallelization_factor=4)
        await stage.until(lambda: sum(map(len, seen.values())) == 120)
        assert all(numbers == sorted(numbers) for numbers in seen.values())
        assert peak == 4

    play(scene)


def test_children_of_a_shard_wait_for_their_parent(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        hold = asyncio.Event()

        async def hold_the_first(event: Event) -> Any:
            if len(stage.invoked) == 1:
                await hold.wait()

        stage.handler = hold_the_first
        stream = await stage.stream()
        await stage.map(stream)
        await stage.put(stream, *(f"k{n}:before" for n in range(8)))
        await stage.quiet()
        await stage.kinesis(
            "SplitShard",
            StreamName=stream,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        await stage.put(stream, *(f"k{n}:after" for n in range(8)))
        await stage.advance(30)
        assert len(stage.invoked) == 1
        hold.set()
        await stage.until(lambda: len(stage.flat()) == 16)
        order = [each.partition(":")[2] for each in stage.flat()]
        assert order == ["before"] * 8 + ["after"] * 8
        shards = {record["eventID"].split(":")[0] for event in stage.invoked for record in event["Records"]}
        assert shards == {"shardId-000000000000", "shardId-000000000001", "shardId-000000000002"}

    play(scene)


def test_merged_shards_are_both_read_before_what_they_became(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream(2)
        await stage.put(stream, *(f"k{n}:before" for n in range(8)))
        await stage.kinesis(
            "MergeShards",
            StreamName=stream,
            ShardToMerge="shardId-000000000000",
            AdjacentShardToMerge="shardId-000000000001",
        )
        await stage.put(stream, *(f"k{n}:after" for n in range(8)))
        await stage.map(stream)
        await stage.until(lambda: len(stage.flat()) == 16)
        assert [each.partition(":")[2] for each in stage.flat()] == ["before"] * 8 + ["after"] * 8

    play(scene)


def test_records_that_no_filter_matches_are_passed_over(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, '{"size": 1}', '{"size": 9}', "plain", key="k")
        await stage.map(stream, filters=('{"data": {"size": [{"numeric": [">", 5]}]}}',))
        await stage.until(lambda: bool(stage.invoked))
        assert stage.flat() == ['{"size": 9}']
        assert stage.counted["FilteredOutEventCount"] == 2
        await stage.restart()
        await stage.put(stream, '{"size": 7}', key="k")
        await stage.until(lambda: len(stage.invoked) == 2)
        assert stage.flat() == ['{"size": 9}', '{"size": 7}']

    play(scene)


def test_disabled_mapping_stops_and_goes_on_where_it_was(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "a")
        mapping = await stage.map(stream)
        await stage.until(lambda: stage.result() == "OK")
        stage.rows[0] = replace(mapping, state="Disabled")
        await stage.mappings.sync()
        await stage.put(stream, "b")
        await stage.advance(60)
        assert stage.flat() == ["a"]
        stage.rows[0] = mapping
        await stage.mappings.sync()
        await stage.until(lambda: len(stage.flat()) == 2)
        assert stage.flat() == ["a", "b"]

    play(scene)


def test_update_waits_for_the_batch_in_flight_and_repeats_nothing(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        hold = asyncio.Event()

        async def hold_the_first(event: Event) -> Any:
            if len(stage.invoked) == 1:
                await hold.wait()

        stage.handler = hold_the_first
        stream = await stage.stream()
        await stage.put(stream, "a", "b", "c")
        mapping = await stage.map(stream, batch_size=1)
        await stage.until(lambda: bool(stage.invoked))
        stage.rows[0] = replace(mapping, batch_size=10)
        await stage.mappings.sync()
        await stage.advance(10)
        assert len(stage.invoked) == 1
        hold.set()
        await stage.until(lambda: len(stage.flat()) == 3)
        assert stage.data() == [["a"], ["b", "c"]]

    play(scene)


def test_stream_that_is_deleted_and_made_again_is_read_from_its_start(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.put(stream, "a", "b")
        await stage.map(stream, starting_position="LATEST")
        await stage.put(stream, "c")
        await stage.until(lambda: stage.flat()[-1:] == ["c"])
        await stage.kinesis("DeleteStream", StreamName=stream)
        await stage.until(lambda: stage.result().startswith("PROBLEM: the stream"))
        await stage.kinesis("CreateStream", StreamName=stream, ShardCount=1)
        await stage.put(stream, "anew")
        await stage.until(lambda: stage.flat()[-1] == "anew")
        assert stage.flat().count("c") == 1

    play(scene)
