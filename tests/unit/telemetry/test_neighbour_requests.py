"""What a request to a service is metered as: chunks, units, the free ones, and what cannot be told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from lambda_sandbox.telemetry.dynamodb_units import item_bytes, of
from lambda_sandbox.telemetry.neighbour_bill import NeighbourPrices, neighbour_bill
from lambda_sandbox.telemetry.neighbour_requests import Asked
from lambda_sandbox.telemetry.neighbour_usage import NeighbourUsage


def used(
    service: str,
    operation: str,
    members: dict[str, Any],
    answer: Any = None,
    status: int = 200,
    polls: bool = False,
) -> dict[str, str]:
    headers = {b"x-amz-target": f"{service}.{operation}".encode()}
    asked = Asked(service, "POST", "/", headers, json.dumps(members).encode())
    found = asked.used(status, json.dumps(answer or {}).encode(), polls=polls)
    return {meter: str(quantity) for meter, quantity in found.items()}


def s3(method: str, target: str) -> dict[str, str]:
    asked = Asked("s3", method, target, {}, b"")
    return {meter: str(quantity) for meter, quantity in asked.used(200, b"").items()}


@pytest.mark.parametrize(
    ("method", "target", "meter"),
    [
        ("PUT", "/fruit/kiwi", "s3.put"),
        ("POST", "/fruit/kiwi?uploads", "s3.put"),
        ("GET", "/fruit?list-type=2&prefix=a", "s3.put"),
        ("GET", "/", "s3.put"),
        ("GET", "/fruit/kiwi", "s3.get"),
        ("HEAD", "/fruit/kiwi", "s3.get"),
        ("GET", "/fruit?versioning", "s3.get"),
        ("DELETE", "/fruit/kiwi", ""),
        ("POST", "/fruit?delete", ""),
    ],
)
def test_s3_has_dear_requests_cheap_ones_and_free_ones(method: str, target: str, meter: str) -> None:
    assert s3(method, target) == ({meter: "1"} if meter else {})


QUEUE = {"QueueUrl": "http://x/1/orders"}


def test_a_queue_counts_a_request_for_each_64_kb() -> None:
    assert used("sqs", "SendMessage", QUEUE | {"MessageBody": "x" * 10}) == {"sqs.standard": "1"}
    assert used("sqs", "SendMessage", QUEUE | {"MessageBody": "x" * 70_000}) == {"sqs.standard": "2"}
    fifo = {"QueueUrl": "http://x/1/orders.fifo"}
    assert used("sqs", "SendMessage", fifo) == {"sqs.fifo": "1"}
    assert used("sqs", "GetQueueAttributes", fifo) == {"sqs.standard": "1"}
    assert used("sqs", "SendMessage", QUEUE, status=400) == {"sqs.standard": "1"}


def test_a_mapping_that_finds_an_empty_queue_counts_as_aws_s_pollers_would() -> None:
    assert used("sqs", "ReceiveMessage", QUEUE, polls=True) == {"sqs.standard": "0.25"}
    assert used("sqs", "ReceiveMessage", QUEUE, {"Messages": [{}]}, polls=True) == {"sqs.standard": "1"}
    assert used("sqs", "ReceiveMessage", QUEUE) == {"sqs.standard": "1"}


def test_every_event_of_a_bus_counts_and_what_was_refused_does_not() -> None:
    entries = [{"Detail": "{}"}, {"Detail": "x" * 100_000}]
    assert used("events", "PutEvents", {"Entries": entries}) == {"events.put": "3"}
    assert used("events", "PutEvents", {"Entries": entries}, status=500) == {}
    assert used("events", "PutRule", {}) == {}


ITEM = {"id": {"S": "kiwi"}, "text": {"S": "y" * 2500}}


@pytest.mark.parametrize(
    ("operation", "asked", "answer", "read", "written"),
    [
        ("PutItem", {"Item": ITEM}, {}, "0", "3"),
        ("UpdateItem", {"Key": {"id": {"S": "kiwi"}}}, {}, "0", "1"),
        ("GetItem", {}, {"Item": ITEM}, "0.5", "0"),
        ("GetItem", {"ConsistentRead": True}, {"Item": ITEM}, "1", "0"),
        ("GetItem", {}, {}, "0.5", "0"),
        ("Query", {}, {"Items": [ITEM] * 4}, "1.5", "0"),
        ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": ITEM}}] * 2}}, {}, "0", "6"),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"Item": ITEM}}]}, {}, "0", "6"),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [1, 2]}}}, {"Responses": {"t": [ITEM]}}, "1.0", "0"),
        ("DescribeTable", {}, {}, "0", "0"),
    ],
)
def test_a_table_s_units_follow_the_items_sizes(
    operation: str, asked: Any, answer: Any, read: str, written: str
) -> None:
    assert of(operation, asked, answer) == (Decimal(read), Decimal(written))


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    item = {
        "ab": {"S": "é"},
        "n": {"N": "-12.5"},
        "t": {"BOOL": True},
        "l": {"L": [{"S": "x"}]},
        "m": {"M": {}},
    }
    # 2+2, 1+3 (two bytes for three digits and one more), 1+1, 1+3+1+1, 1+3
    assert item_bytes(item) == 4 + 4 + 2 + 6 + 4


def test_ten_thousand_tiny_sums_are_exact() -> None:
    usage = NeighbourUsage()
    for _ in range(10_000):
        usage.add(0.0, "quote", "dynamodb.read", Decimal("0.5"))
    bill = neighbour_bill(usage.sums(), NeighbourPrices.load())
    assert bill["total_usd"] == "0.000625"
    assert bill["functions"] == [{"name": "quote", "total_usd": "0.000625"}]


def test_every_price_says_where_it_is_from_and_whether_it_was_read() -> None:
    for name, price in NeighbourPrices.load().meters.items():
        assert price.source, name
        assert price.usd > 0
        doubtful = any(word in price.source for word in ("memory", "not read"))
        assert price.confirmed is not doubtful, name
