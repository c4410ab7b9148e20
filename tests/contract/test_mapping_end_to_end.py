"""A mapping through the whole server: boto3, the control plane, the poller, a real environment."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from tests.contract.conftest import Server

TAKES_ALL_BUT_POISON = """
def handler(event, context):
    bad = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}
"""


def test_good_messages_go_and_the_poison_one_reaches_the_dead_letter_queue(server: Server) -> None:
    sqs = server.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = _arn(sqs, dead)
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    queue = sqs.create_queue(
        QueueName="orders", Attributes={"VisibilityTimeout": "1", "RedrivePolicy": policy}
    )
    queue_url = queue["QueueUrl"]
    assert queue_url.startswith(server.endpoint)
    server.deploy("take", TAKES_ALL_BUT_POISON)
    made = server.client("lambda").create_event_source_mapping(
        FunctionName="take",
        EventSourceArn=_arn(sqs, queue_url),
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BatchSize=10,
    )
    for body in ("tea", "poison", "jam"):
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)
    received: list[dict[str, Any]] = []
    while not received:  # bounded by the test's time limit
        received = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages", [])
    assert [message["Body"] for message in received] == ["poison"]
    counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == "0"
    shown = server.client("lambda").get_event_source_mapping(UUID=made["UUID"])
    assert (shown["State"], shown["LastProcessingResult"].split(":")[0]) in {
        ("Enabled", "OK"),
        ("Enabled", "PROBLEM"),
    }
    assert any(
        "poison" not in each["why"] and each["uuid"] == made["UUID"] for each in _history(server)["mappings"]
    )


def test_a_mapping_whose_function_is_gone_says_so_and_loses_nothing(server: Server) -> None:
    sqs = server.client("sqs")
    queue_url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    server.deploy("brief", "def handler(e, c): return None")
    client = server.client("lambda")
    made = client.create_event_source_mapping(FunctionName="brief", EventSourceArn=_arn(sqs, queue_url))
    client.delete_function(FunctionName="brief")
    sqs.send_message(QueueUrl=queue_url, MessageBody="still wanted")
    while not client.get_event_source_mapping(UUID=made["UUID"])["LastProcessingResult"].startswith(
        "PROBLEM"
    ):
        time.sleep(0.05)  # bounded by the test's time limit
    client.delete_event_source_mapping(UUID=made["UUID"])
    received: list[dict[str, Any]] = []
    while not received:
        received = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", [])
    assert received[0]["Body"] == "still wanted"


def _arn(sqs: Any, queue_url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    return arn


def _history(server: Server) -> Any:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.request("GET", "/_sandbox/history")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer
