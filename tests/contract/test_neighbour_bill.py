"""What functions use beside Lambda is metered, attributed and added up exactly."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.contract.conftest import Server

CODE = """
import boto3

def handler(event, context):
    queue = boto3.client("sqs")
    url = queue.get_queue_url(QueueName="orders")["QueueUrl"]
    queue.send_message(QueueUrl=url, MessageBody="x" * 100_000)
    store = boto3.client("s3")
    store.put_object(Bucket="fruit", Key="kiwi", Body=b"1")
    store.get_object(Bucket="fruit", Key="kiwi")["Body"].read()
    store.delete_object(Bucket="fruit", Key="kiwi")
    table = boto3.client("dynamodb")
    table.put_item(TableName="prices", Item={"id": {"S": "kiwi"}, "text": {"S": "y" * 2500}})
    table.get_item(TableName="prices", Key={"id": {"S": "kiwi"}})
    table.get_item(TableName="prices", Key={"id": {"S": "kiwi"}}, ConsistentRead=True)
    boto3.client("events").put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}] * 3)
    topic = boto3.client("sns")
    topic.publish(TopicArn=event["topic"], Message="hello")
    print("a line of a log")
"""
# What the handler does, by AWS's rules: 100,000 bytes are two chunks of 64 KB (and the request for the queue's address one
# more), an item of 2.5 KB takes three writes, half a read and a whole one.
EXPECTED = {
    "sqs.standard": "3",
    "s3.put": "1",
    "s3.get": "1",
    "dynamodb.write": "3",
    "dynamodb.read": "1.5",
    "events.put": "3",
    "sns.publish": "1",
}


def bill(server: Server) -> Any:
    with urlopen(f"{server.endpoint}/_sandbox/bill") as answer:  # loopback
        return json.load(answer)


@pytest.fixture(scope="module")
def billed(server: Server) -> Any:
    """Let one function use everything twice; return the bill."""
    server.client("sqs").create_queue(QueueName="orders")
    server.client("s3").create_bucket(Bucket="fruit")
    server.client("dynamodb").create_table(
        TableName="prices",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    topic = server.client("sns").create_topic(Name="news")["TopicArn"]
    server.deploy("shop", CODE, Timeout=30, MemorySize=1024)
    for _ in range(2):
        answer = server.client("lambda").invoke(FunctionName="shop", Payload=json.dumps({"topic": topic}))
        assert "FunctionError" not in answer, answer["Payload"].read()
    return bill(server)


def used(answer: Any, function: str) -> dict[str, str]:
    rows = answer["neighbours"]["rows"]
    return {row["meter"]: row["quantity"] for row in rows if row["function_name"] == function}


def test_each_meter_counts_as_aws_counts(billed: Any) -> None:
    found = used(billed, "shop")
    found.pop("logs.bytes")
    assert found == {
        meter: f"{Decimal(quantity) * 2:f}".rstrip(".0") or "0" for meter, quantity in EXPECTED.items()
    }


def test_what_no_function_asked_for_is_outside(billed: Any) -> None:
    assert used(billed, "outside") == {"sqs.standard": "1", "s3.put": "1"}


def test_logs_are_billed_by_the_bytes_that_were_written(server: Server, billed: Any) -> None:
    with urlopen(f"{server.endpoint}/_sandbox/logs?function=shop") as answer:  # loopback
        events = json.load(answer)["events"]
    assert int(used(billed, "shop")["logs.bytes"]) == sum(len(e["message"].encode()) for e in events)


def test_sums_are_exact_down_to_the_last_digit(billed: Any) -> None:
    beside, both = billed["neighbours"], billed["all"]
    total = sum(Decimal(row["usd"]) for row in beside["rows"])
    assert total == Decimal(beside["total_usd"]) == Decimal(both["neighbours_usd"])
    ours = sum(Decimal(row["total_usd_exact"]) for row in billed["rows"])
    assert ours == Decimal(both["lambda_usd"])
    assert ours + total == Decimal(both["total_usd"])
    for kind in ("functions", "days"):
        assert sum(Decimal(row["total_usd"]) for row in both[kind]) == ours + total
        assert sum(Decimal(row["total_usd"]) for row in beside[kind]) == total
    assert sum(Decimal(row["total_usd"]) for row in beside["services"]) == total


def test_each_line_is_quantity_times_a_dated_price_with_its_source(billed: Any) -> None:
    prices = billed["neighbours"]["prices"]
    assert prices["region"] == "us-east-1"
    assert prices["as_of"]
    for row in billed["neighbours"]["rows"]:
        price = prices["meters"][row["meter"]]
        assert Decimal(row["usd"]) == Decimal(row["quantity"]) * Decimal(price["usd"]) / price["per"]
        assert price["source"]
        assert row["confirmed"] is price["confirmed"]


def test_the_bill_shows_invocations_functions_days_and_a_month(billed: Any) -> None:
    assert [row["function_name"] for row in billed["rows"]] == ["shop", "shop"]
    assert [row["name"] for row in billed["all"]["functions"]] == ["outside", "shop"]
    assert len(billed["all"]["days"]) in (1, 2)
    assert billed["all"]["month_usd"] > billed["month_usd"] > 0


def test_an_invocation_knows_what_its_own_calls_cost(server: Server, billed: Any) -> None:
    with urlopen(f"{server.endpoint}/_sandbox/explain?function=shop") as answer:  # loopback
        told = json.load(answer)
    operations = [call["operation"] for call in told["calls"]]
    assert operations[:3] == ["GetQueueUrl", "SendMessage", "PutObject"]
    calls_usd = sum(Decimal(q) * PRICES[meter] for call in told["calls"] for meter, q in call["used"].items())
    assert calls_usd == Decimal(told["price"]["neighbours_usd"])


PRICES = {
    "sqs.standard": Decimal("0.0000004"),
    "s3.put": Decimal("0.000005"),
    "s3.get": Decimal("0.0000004"),
    "dynamodb.write": Decimal("0.000000625"),
    "dynamodb.read": Decimal("0.000000125"),
    "events.put": Decimal("0.000001"),
    "sns.publish": Decimal("0.0000005"),
}


def test_a_mapping_and_a_destination_are_their_function_s(server: Server, billed: Any) -> None:
    server.client("sqs").create_queue(QueueName="work")
    server.client("sqs").create_queue(QueueName="done")
    server.deploy("worker", "def handler(event, context):\n    return 1\n")
    client = server.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName="worker",
        DestinationConfig={"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:done"}},
    )
    client.invoke(FunctionName="worker", InvocationType="Event", Payload=b"{}")
    _until_used(server, "worker", Decimal(1))
    client.create_event_source_mapping(
        FunctionName="worker", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:work"
    )
    _until_used(server, "worker", Decimal("1.25"))


def test_a_sampled_trace_and_what_a_function_url_sends_out_are_metered(server: Server, billed: Any) -> None:
    server.deploy(
        "open", "def handler(event, context):\n    return 'x' * 1000\n", TracingConfig={"Mode": "Active"}
    )
    client = server.client("lambda")
    url = client.create_function_url_config(FunctionName="open", AuthType="NONE")["FunctionUrl"]
    host = url.split("/")[2]
    request = Request(server.endpoint, headers={"Host": host})
    with urlopen(request) as answer:  # loopback
        assert len(answer.read()) == 1000
    found = used(bill(server), "open")
    assert found["transfer.out"] == "1000"
    assert found["xray.traces"] == "1"


def _until_used(server: Server, function: str, at_least: Decimal) -> None:
    ends = time.monotonic() + 30
    while Decimal(used(bill(server), function).get("sqs.standard", "0")) < at_least:
        assert time.monotonic() < ends
        time.sleep(0.05)
