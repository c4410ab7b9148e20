"""Mappings of streams when something fails: what is tried again, split, given up, and told to the destination."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.errors import ResourceNotFoundException, TooManyRequestsException
from tests.contract.mapping_stage import Event, Play
from tests.contract.stream_stage import QUEUE, Stage, data_of, failing_on, failures
from tests.contract.stream_stage import neighbours as neighbours
from tests.contract.stream_stage import play as play
from tests.contract.stream_stage import runner as runner


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
