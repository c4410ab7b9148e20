"""Mappings of Kinesis streams and of DynamoDB streams over moto in its process, in manual time."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.errors import ResourceNotFoundException, TooManyRequestsException
from lambda_sandbox.event_sources.aws_json import Headers
from lambda_sandbox.services.neighbours import Neighbours
from tests.contract.stream_stage import Event, HandlerFailed, Stage, data_of, failures

QUEUE = "arn:aws:sqs:us-east-1:000000000000:failures"
Play = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]


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


@pytest.fixture
def play(runner: asyncio.Runner, neighbours: Neighbours) -> Play:
    """Run one scene on a stage and stop its mappings."""

    def run(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
        async def scene_and_end() -> None:
            stage = Stage(neighbours)
            try:
                await scene(stage)
            finally:
                await stage.mappings.stop()

        runner.run(scene_and_end())

    return run


def failing_on(*poison: str) -> Callable[[Event], Coroutine[Any, Any, Any]]:
    async def handler(event: Event) -> Any:
        if set(poison) & set(data_of(event)):
            raise HandlerFailed

    return handler


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


def test_bisecting_finds_the_one_bad_record(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.handler = failing_on("poison")
        stream = await stage.stream()
        await stage.put(stream, "a", "b", "c", "poison", "d", "e")
        await stage.map(
            stream,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=1,
            on_failure_arn=QUEUE,
        )
        await stage.until(lambda: bool(stage.discarded) and "e" in stage.flat() and stage.result() == "OK")
        good = [batch for batch in stage.data() if "poison" not in batch]
        assert [each for batch in good for each in batch] == ["a", "b", "c", "d", "e"]
        assert stage.data().count(["poison"]) == 2  # splits do not use up the quota
        (record,) = stage.discarded
        assert record["KinesisBatchInfo"]["batchSize"] == 1

    play(scene)


def test_range_that_is_given_up_is_told_to_the_destination(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.handler = failing_on("b")
        stream = await stage.stream()
        await stage.put(stream, "a", "b", "c")
        mapping = await stage.map(stream, maximum_retry_attempts=2, on_failure_arn=QUEUE)
        await stage.until(lambda: bool(stage.discarded))
        assert stage.data() == [["a", "b", "c"]] * 3
        (record,) = stage.discarded
        records = stage.invoked[0]["Records"]
        info = record.pop("KinesisBatchInfo")
        assert info["shardId"] == "shardId-000000000000"
        assert info["startSequenceNumber"] == records[0]["kinesis"]["sequenceNumber"]
        assert info["endSequenceNumber"] == records[2]["kinesis"]["sequenceNumber"]
        assert (info["batchSize"], info["streamArn"]) == (3, mapping.event_source_arn)
        assert info["approximateArrivalOfFirstRecord"].endswith("Z")
        assert record.pop("timestamp").endswith("Z")
        assert record == {
            "version": "1.0",
            "requestContext": {
                "requestId": "request",
                "functionArn": mapping.function_arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
        }
        await stage.put(stream, "d")
        await stage.until(lambda: stage.flat()[-1] == "d")
        assert stage.counted["DroppedEventCount"] == 0, "the destination has them"

    play(scene)


def test_records_that_are_given_up_without_a_destination_are_dropped(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.handler = failing_on("b")
        stream = await stage.stream()
        await stage.put(stream, "a", "b")
        await stage.map(stream, maximum_retry_attempts=0)
        await stage.until(lambda: stage.counted["DroppedEventCount"] == 2)
        assert stage.discarded == []

    play(scene)


def test_without_a_quota_a_bad_record_blocks_its_shard_until_it_is_too_old(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.handler = failing_on("poison")
        stream = await stage.stream()
        await stage.put(stream, "poison")
        await stage.map(stream, maximum_record_age_s=60, on_failure_arn=QUEUE)
        await stage.until(lambda: len(stage.invoked) >= 5)
        await stage.put(stream, "next")
        await stage.advance(30)
        assert stage.discarded == []
        await stage.advance(40)
        assert stage.discarded[0]["requestContext"]["condition"] == "RecordAgeExceeded"
        assert ["poison"] in stage.data()

    play(scene)


def test_only_what_follows_the_lowest_reported_record_is_tried_again(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def report_c_and_b_once(event: Event) -> Any:
            first = len(stage.invoked) == 1
            return failures(*(r for r in event["Records"] if first and data_of({"Records": [r]})[0] in "bc"))

        stage.handler = report_c_and_b_once
        stream = await stage.stream()
        await stage.put(stream, "a", "b", "c", "d")
        await stage.map(stream, report_batch_item_failures=True)
        await stage.until(lambda: stage.result() == "OK")
        assert stage.data() == [["a", "b", "c", "d"], ["b", "c", "d"]]

    play(scene)


@pytest.mark.parametrize(
    "answer",
    [b"not json", b"[]", b'{"batchItemFailures": [{"itemIdentifier": ""}]}', b'{"batchItemFailures": [{"id": "1"}]}',
     b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}', b'{"batchItemFailures": 7}'],
    ids=["no JSON", "a list", "an empty identifier", "another member", "an unknown identifier", "a number"],
)  # fmt: skip
def test_malformed_partial_response_fails_the_whole_batch(play: Play, answer: bytes) -> None:
    async def scene(stage: Stage) -> None:
        async def malformed_once(event: Event) -> Any:
            return answer if len(stage.invoked) == 1 else None

        stage.handler = malformed_once
        stream = await stage.stream()
        await stage.put(stream, "a", "b")
        await stage.map(stream, report_batch_item_failures=True)
        await stage.until(lambda: stage.result() == "OK")
        assert stage.data() == [["a", "b"], ["a", "b"]]

    play(scene)


def test_throttles_cost_no_attempt_and_the_records_wait(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def throttled_at_first(event: Event) -> Any:
            if len(stage.invoked) <= 6:
                raise TooManyRequestsException(
                    "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
                )

        stage.handler = throttled_at_first
        stream = await stage.stream()
        await stage.put(stream, "a")
        await stage.map(stream, maximum_retry_attempts=0, on_failure_arn=QUEUE)
        await stage.until(lambda: "throttled" in stage.result())
        await stage.until(lambda: stage.result() == "OK")
        assert (len(stage.invoked), stage.discarded) == (7, [])

    play(scene)


def test_function_that_is_gone_keeps_its_records_in_the_stream(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def gone(event: Event) -> Any:
            raise ResourceNotFoundException("Function not found")

        stage.handler = gone
        stream = await stage.stream()
        await stage.put(stream, "kept")
        await stage.map(stream, maximum_retry_attempts=0)
        await stage.until(lambda: "ResourceNotFoundException" in stage.result())
        stage.handler = stage._succeed
        await stage.restart()
        await stage.until(lambda: stage.result() == "OK")
        assert stage.data()[-1] == ["kept"]

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


def test_clock_that_jumps_gives_up_old_records_by_the_rule(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.map(stream, maximum_batching_window_s=20, on_failure_arn=QUEUE)
        await stage.put(stream, "a")
        await stage.quiet()
        stage.clock.advance(25 * 3600)  # past the stream's retention
        await stage.until(lambda: bool(stage.discarded))
        assert stage.invoked == []
        assert stage.discarded[0]["requestContext"]["condition"] == "RecordAgeExceeded"

    play(scene)


async def table(stage: Stage, view: str = "NEW_AND_OLD_IMAGES") -> tuple[str, str]:
    """Create a table with a stream; return its name and the stream's ARN."""
    name = f"table-{time.monotonic_ns()}"
    made = await stage.dynamodb(
        "CreateTable",
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return name, made["TableDescription"]["LatestStreamArn"]


def test_changes_of_a_table_arrive_in_order_with_both_images(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        name, arn = await table(stage)
        for value in ("1", "2"):
            await stage.dynamodb("PutItem", TableName=name, Item={"id": {"S": "a"}, "n": {"N": value}})
        await stage.dynamodb("DeleteItem", TableName=name, Key={"id": {"S": "a"}})
        await stage.map(arn)
        await stage.until(lambda: stage.result() == "OK")
        records = stage.invoked[0]["Records"]
        assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
        change = records[1]["dynamodb"]
        assert change["Keys"] == {"id": {"S": "a"}}
        assert (change["OldImage"]["n"], change["NewImage"]["n"]) == ({"N": "1"}, {"N": "2"})
        assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert isinstance(change["ApproximateCreationDateTime"], int)
        assert (records[1]["eventSource"], records[1]["eventSourceARN"]) == ("aws:dynamodb", arn)
        assert records[1]["eventVersion"] == "1.1"

    play(scene)


def test_a_write_that_changes_nothing_makes_no_record(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        name, arn = await table(stage)
        item = {"id": {"S": "a"}, "tags": {"L": [{"S": "x"}, {"NULL": True}]}}
        for tags in (item["tags"], item["tags"], {"L": [{"S": "x"}]}):
            await stage.dynamodb("PutItem", TableName=name, Item={**item, "tags": tags})
        update = {
            "UpdateExpression": "SET tags = :t",
            "ExpressionAttributeValues": {":t": {"L": [{"S": "x"}]}},
        }
        await stage.dynamodb("UpdateItem", TableName=name, Key={"id": {"S": "a"}}, **update)
        await stage.dynamodb("DeleteItem", TableName=name, Key={"id": {"S": "never there"}})
        await stage.map(arn)
        await stage.until(lambda: stage.result() == "OK")
        assert [each["eventName"] for each in stage.invoked[0]["Records"]] == ["INSERT", "MODIFY"]

    play(scene)


def test_filters_look_into_a_changed_item(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        name, arn = await table(stage, "NEW_IMAGE")
        for key in ("a", "b"):
            await stage.dynamodb("PutItem", TableName=name, Item={"id": {"S": key}})
        await stage.dynamodb("DeleteItem", TableName=name, Key={"id": {"S": "b"}})
        pattern = '{"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": ["b"]}}}}'
        await stage.map(arn, filters=(pattern,))
        await stage.until(lambda: bool(stage.invoked))
        (record,) = stage.invoked[0]["Records"]
        assert (record["eventName"], record["dynamodb"]["Keys"]["id"]["S"]) == ("INSERT", "b")
        assert "OldImage" not in record["dynamodb"]

    play(scene)


def test_poison_change_goes_to_the_destination_with_its_own_batch_info(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def fail(event: Event) -> Any:
            raise HandlerFailed

        stage.handler = fail
        name, arn = await table(stage, "KEYS_ONLY")
        await stage.dynamodb("PutItem", TableName=name, Item={"id": {"S": "a"}})
        await stage.map(arn, maximum_retry_attempts=0, on_failure_arn=QUEUE)
        await stage.until(lambda: bool(stage.discarded))
        assert stage.discarded[0]["DDBStreamBatchInfo"]["streamArn"] == arn

    play(scene)


def test_latest_of_a_table_survives_a_restart(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        name, arn = await table(stage)
        await stage.dynamodb("PutItem", TableName=name, Item={"id": {"S": "before"}})
        await stage.map(arn, starting_position="LATEST", last_modified=time.time() + 0.001)
        await stage.quiet()
        await stage.mappings.stop()
        await stage.dynamodb("PutItem", TableName=name, Item={"id": {"S": "while away"}})
        await stage.restart()
        await stage.until(lambda: bool(stage.invoked))
        keys = [r["dynamodb"]["Keys"]["id"]["S"] for event in stage.invoked for r in event["Records"]]
        assert keys == ["while away"]

    play(scene)


def test_stream_that_cannot_be_read_for_a_while_is_asked_ever_more_rarely(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stream = await stage.stream()
        await stage.map(stream)
        await stage.quiet()
        stage.neighbour.failing = "GetRecords"
        await stage.put(stream, "a")
        before, calls = stage.clock.now(), stage.neighbour.calls
        await stage.until(lambda: sum("cannot be read" in each for each in stage.decisions) == 6)
        assert stage.clock.now() - before > 0.2 + 0.4 + 0.8 + 1.6 + 3.2
        assert stage.neighbour.calls - calls < 60
        stage.neighbour.failing = ""
        await stage.until(lambda: stage.result() == "OK")
        assert stage.flat() == ["a"]

    play(scene)
