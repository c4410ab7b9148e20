"""SQS mappings over real queues: moto in its process, a function of the test's own behind ``invoke``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.errors import ResourceNotFoundException, TooManyRequestsException
from lambda_sandbox.resources import EventSourceMapping
from tests.contract.mapping_stage import ACCOUNT, FUNCTION, Event, HandlerFailed, Play
from tests.contract.sqs_stage import Stage
from tests.contract.sqs_stage import neighbours as neighbours
from tests.contract.sqs_stage import play as play
from tests.contract.sqs_stage import runner as runner


def test_a_message_reaches_the_function_and_leaves_the_queue(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        attribute = {"colour": {"DataType": "String", "StringValue": "red"}}
        await stage.send(queue, "hello", MessageAttributes=attribute)
        await stage.map(queue)
        await stage.until(lambda: bool(stage.decisions))
        (record,) = stage.events[0]["Records"]
        assert record["body"] == "hello"
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].endswith(queue)
        assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
        assert record["messageAttributes"]["colour"]["stringValue"] == "red"
        assert set(record["attributes"]) >= {
            "ApproximateReceiveCount",
            "SentTimestamp",
            "SenderId",
            "ApproximateFirstReceiveTimestamp",
        }
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        await stage.mappings.stop()
        assert await stage.counts(queue) == (0, 0)
        assert stage.result() == "OK"

    play(scene)


def test_a_message_sent_to_an_idle_mapping_is_delivered_without_a_polling_delay(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        await stage.map(queue)
        for number in range(3):
            await stage.send(queue, str(number))
            await stage.until(lambda number=number: len(stage.decisions) > number)  # type: ignore[misc]
        assert stage.bodies() == [["0"], ["1"], ["2"]]
        assert stage.slept == []

    play(scene)


def test_a_window_gathers_a_batch_of_more_than_ten(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        await stage.send(queue, *(str(n) for n in range(25)))
        await stage.map(queue, batch_size=100, maximum_batching_window_s=5)
        before = stage.clock.now()
        await stage.until(lambda: bool(stage.decisions))
        assert sorted(map(int, stage.bodies()[0])) == list(range(25))
        assert stage.clock.now() - before == pytest.approx(5.0)

    play(scene)


def test_the_batch_size_is_never_exceeded(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        await stage.send(queue, *(str(n) for n in range(10)))
        await stage.map(queue, batch_size=4)
        await stage.until(lambda: len(stage.decisions) == 3)
        assert sorted(map(len, stage.bodies())) == [2, 4, 4]

    play(scene)


def test_only_the_messages_reported_as_failed_come_back(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def fail_poison_once(event: Event) -> Any:
            failed = [
                {"itemIdentifier": r["messageId"]}
                for r in event["Records"]
                if r["body"] == "poison" and r["attributes"]["ApproximateReceiveCount"] == "1"
            ]
            return {"batchItemFailures": failed}

        stage.handler = fail_poison_once
        queue = await stage.queue(VisibilityTimeout=1)
        await stage.send(queue, "a", "poison", "b")
        await stage.map(queue, report_batch_item_failures=True)
        await stage.until(lambda: len(stage.decisions) == 2)
        assert stage.bodies() == [["a", "poison", "b"], ["poison"]]
        assert "2 deleted, 1 left" in stage.decisions[0]
        await stage.mappings.stop()
        assert await stage.counts(queue) == (0, 0)

    play(scene)


def test_a_failing_batch_ends_in_the_dead_letter_queue(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def fail(event: Event) -> Any:
            raise HandlerFailed

        stage.handler = fail
        dead = await stage.queue()
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{dead}", "maxReceiveCount": 2}
        queue = await stage.queue(VisibilityTimeout=1, RedrivePolicy=json.dumps(redrive))
        await stage.send(queue, "poison")
        await stage.map(queue)
        answer: dict[str, Any] = {}
        async with asyncio.timeout(20):
            while not answer.get("Messages"):
                answer = await stage.sqs("ReceiveMessage", QueueUrl=dead, WaitTimeSeconds=5)
        assert answer["Messages"][0]["Body"] == "poison"
        counts = [e["Records"][0]["attributes"]["ApproximateReceiveCount"] for e in stage.events]
        assert counts == ["1", "2"]
        assert stage.result().startswith("PROBLEM: Function call failed")

    play(scene)


def test_a_throttled_batch_stays_in_the_queue_and_the_mapping_backs_off(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def throttle(event: Event) -> Any:
            raise TooManyRequestsException(
                "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
            )

        stage.handler = throttle
        queue = await stage.queue(VisibilityTimeout=30)
        await stage.send(queue, "1", "2", "3")
        await stage.map(queue, batch_size=1)
        await stage.until(lambda: len(stage.decisions) == 3)
        assert await stage.counts(queue) == (0, 3)
        assert "throttled" in stage.result()
        assert stage.slept[:2] == [pytest.approx(0.2), pytest.approx(0.4)]

    play(scene)


def test_a_mapping_whose_queue_is_gone_says_so_and_recovers_with_it(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        await stage.sqs("DeleteQueue", QueueUrl=queue)
        await stage.map(queue)
        await stage.until(lambda: len(stage.decisions) >= 3)
        assert "PROBLEM: the queue" in stage.result()
        assert "does not exist" in stage.result()
        assert stage.slept[:2] == [pytest.approx(0.2), pytest.approx(0.4)]
        await stage.sqs("CreateQueue", QueueName=queue)
        await stage.send(queue, "back")
        await stage.until(lambda: bool(stage.events))
        assert stage.bodies() == [["back"]]

    play(scene)


def test_a_mapping_whose_function_is_gone_keeps_its_messages(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async def gone(event: Event) -> Any:
            raise ResourceNotFoundException(f"Function not found: {FUNCTION}")

        stage.handler = gone
        queue = await stage.queue()
        await stage.send(queue, "kept")
        await stage.map(queue)
        await stage.until(lambda: bool(stage.decisions))
        assert "ResourceNotFoundException" in stage.result()
        assert await stage.counts(queue) == (0, 1)

    play(scene)


def test_a_disabled_mapping_finishes_its_batch_and_takes_no_more(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        finish = asyncio.Event()

        async def slow(event: Event) -> Any:
            await finish.wait()

        stage.handler = slow
        queue = await stage.queue()
        await stage.send(queue, "first")
        mapping = await stage.map(queue)
        await stage.until(lambda: bool(stage.events))
        stage.rows[0] = replace(mapping, state="Disabled")
        await stage.mappings.sync()
        await stage.send(queue, "second")
        finish.set()
        await stage.mappings.settled()
        assert stage.bodies() == [["first"]]
        assert await stage.counts(queue) == (1, 0)
        stage.rows[0] = mapping
        await stage.mappings.sync()
        await stage.until(lambda: len(stage.events) == 2)
        assert stage.bodies()[1] == ["second"]

    play(scene)


@pytest.mark.parametrize(("maximum", "expected"), [(None, 5), (2, 2)])
def test_no_more_batches_run_at_once_than_allowed(play: Play, maximum: int | None, expected: int) -> None:
    async def scene(stage: Stage) -> None:
        open_now = peak = 0
        go_on = asyncio.Event()

        async def hold(event: Event) -> Any:
            nonlocal open_now, peak
            open_now += 1
            peak = max(peak, open_now)
            await go_on.wait()
            open_now -= 1

        stage.handler = hold
        stage.time_stands = True  # or AWS would let more and more of them run
        queue = await stage.queue()
        await stage.send(queue, *(str(n) for n in range(8)))
        await stage.map(queue, batch_size=1, maximum_concurrency=maximum)
        await stage.until(lambda: len(stage.events) == expected)
        assert await stage.counts(queue) == (8 - expected, expected)
        go_on.set()
        await stage.until(lambda: len(stage.decisions) == 8)
        assert peak == expected

    play(scene)


def test_a_fifo_group_waits_for_its_failed_message_while_another_group_goes_on(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        seen: dict[str, list[str]] = {"a": [], "b": []}

        async def fail_a1_once(event: Event) -> Any:
            failing = False
            for record in event["Records"]:
                attributes = record["attributes"]
                first = attributes["ApproximateReceiveCount"] == "1"
                failing = failing or (record["body"] == "a1" and first)
                seen[attributes["MessageGroupId"]].append(record["body"])
            if failing:
                raise HandlerFailed

        stage.handler = fail_a1_once
        queue = await stage.queue(".fifo", FifoQueue="true", VisibilityTimeout=1)
        await stage.send(queue, "a1", "a2", MessageGroupId="a")
        await stage.map(queue, batch_size=2)
        await stage.until(lambda: len(stage.decisions) == 1)
        await stage.send(queue, "a3", MessageGroupId="a")
        await stage.send(queue, "b1", MessageGroupId="b")
        await stage.until(lambda: seen["a"][-1:] == ["a3"] and seen["b"] == ["b1"])
        assert seen["a"] == ["a1", "a2", "a1", "a2", "a3"]
        assert stage.bodies()[1] == ["b1"]

    play(scene)


def test_a_fifo_group_has_one_batch_in_flight(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        running: set[str] = set()
        order: list[str] = []

        async def check(event: Event) -> Any:
            groups = {r["attributes"]["MessageGroupId"] for r in event["Records"]}
            assert not groups & running
            running.update(groups)
            order.extend(r["body"] for r in event["Records"])
            for _ in range(20):
                await asyncio.sleep(0)
            running.difference_update(groups)

        stage.handler = check
        queue = await stage.queue(".fifo", FifoQueue="true")
        await stage.send(queue, *(f"a{n}" for n in range(6)), MessageGroupId="a")
        await stage.send(queue, *(f"b{n}" for n in range(6)), MessageGroupId="b")
        await stage.map(queue, batch_size=2)
        await stage.until(lambda: len(order) == 12 and not running)
        assert [body for body in order if body[0] == "a"] == [f"a{n}" for n in range(6)]
        assert [body for body in order if body[0] == "b"] == [f"b{n}" for n in range(6)]

    play(scene)


def test_a_batch_cut_by_its_size_keeps_the_order_of_its_group(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue(".fifo", FifoQueue="true", MaximumMessageSize=1_048_576)
        large = "\\" * 1_000_000  # every backslash is two bytes in JSON: 2 MB a record
        for number in range(4):
            await stage.send(queue, f"{number}{large}", MessageGroupId="a")
        await stage.map(queue, batch_size=10)
        await stage.until(lambda: sum(map(len, stage.bodies())) == 4)
        assert [[body[0] for body in batch] for batch in stage.bodies()] == [["0", "1", "2"], ["3"]]

    play(scene)


def test_messages_that_no_filter_matches_are_deleted_without_an_invocation(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        await stage.send(queue, '{"size": 1}', '{"size": 9}', "plain", '{"size": 8}')
        await stage.map(queue, filters=('{"body": {"size": [{"numeric": [">", 5]}]}}',))
        await stage.until(lambda: len(stage.decisions) >= 2)
        await stage.mappings.stop()
        assert sorted(body for bodies in stage.bodies() for body in bodies) == ['{"size": 8}', '{"size": 9}']
        assert "2 messages deleted without an invocation" in stage.decisions[0]
        assert await stage.counts(queue) == (0, 0)

    play(scene)


def test_a_message_that_comes_after_a_change_of_filters_is_judged_by_the_new_ones(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        queue = await stage.queue()
        mapping = await stage.map(queue, filters=('{"body": {"size": [9]}}',))
        await stage.send(queue, '{"size": 9}')
        await stage.until(lambda: len(stage.events) == 1)
        # The first poller waits at the queue for the next message, and still does when the mapping has changed.
        stage.rows[0] = replace(mapping, filters=())
        await stage.mappings.sync()
        await stage.send(queue, '{"size": 1}')
        await stage.until(lambda: len(stage.events) == 2)
        assert stage.bodies() == [['{"size": 9}'], ['{"size": 1}']]
        assert not any("no filter matches" in sentence for sentence in stage.decisions)

    play(scene)


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("mq:us-east-1:{}:broker:orders:b-1", "Amazon MQ broker"),
        ("rds:us-east-1:{}:cluster:shop", "DocumentDB"),
    ],
)
def test_mapping_of_a_source_that_is_not_here_says_so(play: Play, source: str, missing: str) -> None:
    async def scene(stage: Stage) -> None:
        arn = f"arn:aws:{source.format(ACCOUNT)}"
        stage.rows.append(EventSourceMapping("other", ACCOUNT, "us-east-1", arn, FUNCTION))
        await stage.mappings.sync()
        assert stage.result().startswith("PROBLEM: this sandbox has no ")
        assert missing in stage.result()
        assert stage.decisions == []

    play(scene)
