"""Dead letters go back to where they came from: message move tasks, and the function that then succeeds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.trigger_stage import Queue


def with_dead_letters(server: Server, name: str) -> tuple[Queue, Queue]:
    """Return a queue and its dead-letter queue, in which two messages of the first are."""
    sqs, dead = server.client("sqs"), Queue(server, f"{name}-dead")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    queue = Queue(server, name)
    sqs.set_queue_attributes(
        QueueUrl=queue.url, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    )
    for text in ("one", "two"):
        sqs.send_message(QueueUrl=queue.url, MessageBody=text)
    while waiting(server, dead) < 2:
        sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)
    return queue, dead


def waiting(server: Server, queue: Queue) -> int:
    asked = server.client("sqs").get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def finished(server: Server, queue: Queue) -> dict[str, Any]:
    """Return the last task of a queue once it has ended."""
    end = time.monotonic() + 30
    while True:
        (task,) = server.client("sqs").list_message_move_tasks(SourceArn=queue.arn)["Results"]
        if task["Status"] != "RUNNING":
            found: dict[str, Any] = task
            return found
        assert time.monotonic() < end


def test_dead_letters_say_where_they_come_from_and_go_back(server: Server) -> None:
    sqs = server.client("sqs")
    queue, dead = with_dead_letters(server, "orders")
    (seen, *_) = sqs.receive_message(QueueUrl=dead.url, VisibilityTimeout=0, AttributeNames=["All"])[
        "Messages"
    ]
    assert seen["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn
    sqs.start_message_move_task(SourceArn=dead.arn)
    task = finished(server, dead)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert task["ApproximateNumberOfMessagesToMove"] == 2
    moved = [
        sqs.receive_message(QueueUrl=queue.url, VisibilityTimeout=60, AttributeNames=["All"])["Messages"][0]
        for _ in range(2)
    ]
    assert [message["Body"] for message in moved] == ["one", "two"]
    # A moved message is a new one, which nobody has received: it is not dead at once.
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in moved} == {"1"}
    assert seen["MessageId"] not in {message["MessageId"] for message in moved}
    assert "DeadLetterQueueSourceArn" not in moved[0]["Attributes"]


def test_task_goes_to_another_queue_at_its_rate_and_can_be_cancelled(server: Server) -> None:
    sqs = server.client("sqs")
    _, dead = with_dead_letters(server, "slow")
    other = Queue(server, "other")
    handle = sqs.start_message_move_task(
        SourceArn=dead.arn, DestinationArn=other.arn, MaxNumberOfMessagesPerSecond=1
    )["TaskHandle"]
    with pytest.raises(ClientError, match="Only one active task is allowed"):
        sqs.start_message_move_task(SourceArn=dead.arn)
    (running,) = sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"]
    assert (running["TaskHandle"], running["DestinationArn"]) == (handle, other.arn)
    assert running["MaxNumberOfMessagesPerSecond"] == 1
    assert other.message()["Body"] == "one"
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 1
    assert finished(server, dead)["Status"] == "CANCELLED"
    assert waiting(server, dead) == 1
    with pytest.raises(ClientError) as refused:
        sqs.cancel_message_move_task(TaskHandle=handle)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_message_that_came_from_nowhere_fails_the_task(server: Server) -> None:
    sqs = server.client("sqs")
    _, dead = with_dead_letters(server, "mixed")
    sqs.start_message_move_task(SourceArn=dead.arn)
    finished(server, dead)
    sqs.send_message(QueueUrl=dead.url, MessageBody="sent by hand")
    sqs.start_message_move_task(SourceArn=dead.arn)
    task = finished(server, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert waiting(server, dead) == 1


def test_only_a_dead_letter_queue_has_move_tasks(server: Server) -> None:
    sqs, plain = server.client("sqs"), Queue(server, "plain")
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=plain.arn)
    with pytest.raises(ClientError) as refused:
        sqs.start_message_move_task(SourceArn=f"{plain.arn}-gone")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
