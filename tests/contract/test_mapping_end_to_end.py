"""A mapping through the whole server: boto3, the control plane, the poller, a real environment."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
    server.deploy("take", TAKES_ALL_BUT_POISON, Timeout=1)
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
    queue_url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    server.deploy("brief", "def handler(e, c): return None", Timeout=1)
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


def test_queue_that_a_mapping_cannot_read_from_is_refused(server: Server) -> None:
    server.deploy("slow", "def handler(e, c): return None", Timeout=60)
    client = server.client("lambda")
    missing = "arn:aws:sqs:us-east-1:000000000000:never-made"
    with pytest.raises(ClientError, match=r"SQS Error Code: AWS\.SimpleQueueService\.NonExistentQueue"):
        client.create_event_source_mapping(FunctionName="slow", EventSourceArn=missing)
    sqs = server.client("sqs")
    hasty = _arn(sqs, sqs.create_queue(QueueName="hasty")["QueueUrl"])
    with pytest.raises(ClientError, match="30 seconds is less than Function timeout: 60 seconds"):
        client.create_event_source_mapping(FunctionName="slow", EventSourceArn=hasty)


def test_stream_has_to_exist(server: Server) -> None:
    server.deploy("reader", "def handler(e, c): return None")
    client, kinesis = server.client("lambda"), server.client("kinesis")
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
    with pytest.raises(ClientError, match="Stream not found"):
        client.create_event_source_mapping(
            FunctionName="reader", EventSourceArn=arn, StartingPosition="LATEST"
        )
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    made = client.create_event_source_mapping(
        FunctionName="reader", EventSourceArn=arn, StartingPosition="LATEST"
    )
    found = client.get_event_source_mapping(UUID=made["UUID"])
    assert (found["State"], found["LastProcessingResult"][:8]) == ("Enabled", "No recor")


def test_table_has_to_have_the_stream(server: Server) -> None:
    server.deploy("watcher", "def handler(e, c): return None")
    client, dynamodb = server.client("lambda"), server.client("dynamodb")
    table = dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn = table["TableDescription"]["LatestStreamArn"]
    mapping = {"FunctionName": "watcher", "StartingPosition": "TRIM_HORIZON"}
    assert client.create_event_source_mapping(EventSourceArn=arn, **mapping)["State"] == "Creating"
    with pytest.raises(ClientError, match="Stream not found"):
        client.create_event_source_mapping(EventSourceArn=arn.replace("orders", "others"), **mapping)


def test_function_without_concurrency_left_is_throttled_at_once_and_runs_again(server: Server) -> None:
    server.deploy("shut", "def handler(e, c): return 'ran'")
    client = server.client("lambda")
    client.invoke(FunctionName="shut")
    client.put_function_concurrency(FunctionName="shut", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match=r"Rate Exceeded|ReservedFunction"):
        client.invoke(FunctionName="shut")
    client.delete_function_concurrency(FunctionName="shut")
    assert client.invoke(FunctionName="shut")["Payload"].read() == b'"ran"'


def test_record_of_an_event_reaches_its_queue_through_the_server(server: Server) -> None:
    sqs, client = server.client("sqs"), server.client("lambda")
    url = sqs.create_queue(QueueName="records")["QueueUrl"]
    server.deploy("teller", "def handler(e, c): return e")
    client.put_function_event_invoke_config(
        FunctionName="teller", DestinationConfig={"OnSuccess": {"Destination": _arn(sqs, url)}}
    )
    client.invoke(FunctionName="teller", InvocationType="Event", Payload=b'{"n": 1}')
    received: list[dict[str, Any]] = []
    while not received:  # bounded by the test's time limit
        received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
    record = json.loads(received[0]["Body"])
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, {"n": 1})


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
