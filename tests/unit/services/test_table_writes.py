"""Transactions of moto's DynamoDB: cancelled ones leave nothing, and take nothing of anybody else's along."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend

from lambda_sandbox.services.table_writes import one_request_at_a_time, undo_cancelled_transactions


class Backend(DynamoDBBackend):
    """moto's own class stays as it is."""


undo_cancelled_transactions(Backend)


@pytest.fixture
def backend() -> Any:
    made = Backend("us-east-1", "000000000000")
    for name, keys in (("Orders", ["customer", "id"]), ("Products", ["sku"])):
        kinds = zip(keys, ["HASH", "RANGE"], strict=False)
        made.create_table(
            name,
            schema=[{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
            attr=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            throughput=None,
            global_indexes=None,
            indexes=None,
            streams={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )
    made.put_item("Products", {"sku": {"S": "jam"}, "stock": {"N": "7"}})
    return made


def put(order: str) -> dict[str, Any]:
    return {"Put": {"TableName": "Orders", "Item": {"customer": {"S": "ada"}, "id": {"S": order}}}}


def take(jars: int) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "Products",
            "Key": {"sku": {"S": "jam"}},
            "UpdateExpression": "SET stock = stock - :jars",
            "ConditionExpression": "stock >= :jars",
            "ExpressionAttributeValues": {":jars": {"N": str(jars)}},
        }
    }


def state(backend: Any) -> tuple[str, int, list[int]]:
    jam = backend.get_item("Products", {"sku": {"S": "jam"}}).to_json()["Attributes"]["stock"]["N"]
    orders = backend.get_table("Orders").items.values()
    lengths = [len(backend.get_table(name).stream_shard.items) for name in ("Orders", "Products")]
    return jam, sum(len(each) for each in orders), lengths


def test_a_transaction_writes_all_of_its_parts(backend: Any) -> None:
    backend.transact_write_items([put("1"), take(3)])
    assert state(backend) == ("4", 1, [1, 2])


def test_a_cancelled_transaction_leaves_items_and_streams_as_they_were(backend: Any) -> None:
    backend.transact_write_items([put("1"), take(3)])
    tables = dict(backend.tables)
    with pytest.raises(TransactionCanceledException):
        backend.transact_write_items([put("1"), put("2"), take(5)])
    assert state(backend) == ("4", 1, [1, 2])
    # The very same tables: whoever reads one of their streams goes on reading it.
    assert all(backend.tables[name] is table for name, table in tables.items())
    assert not any("__deepcopy__" in vars(table) for table in tables.values())


def test_a_change_before_the_part_that_fails_is_taken_back(backend: Any) -> None:
    with pytest.raises(TransactionCanceledException):
        backend.transact_write_items([take(2), {**put("9"), "Put": {**put("9")["Put"], **NEVER}}])
    assert state(backend) == ("7", 0, [0, 1])


NEVER = {"ConditionExpression": "attribute_exists(nowhere)"}


def test_a_part_without_a_key_is_refused_and_takes_the_others_back(backend: Any) -> None:
    part = {"Put": {"TableName": "Orders", "Item": {"customer": {"S": "ada"}}}}
    with pytest.raises(Exception, match="id"):
        backend.transact_write_items([take(2), part])
    assert state(backend) == ("7", 0, [0, 1])


def test_requests_are_answered_one_after_the_other() -> None:
    inside, most = 0, 0
    pause = threading.Event()

    class Handler:
        def call_action(self) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            pause.wait(0.01)
            inside -= 1

    class Shard:
        def get(self, start: int, quantity: int) -> list[int]:
            return [start, quantity]

    one_request_at_a_time(Handler, Shard)
    threads = [threading.Thread(target=Handler().call_action) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert Shard().get(1, 2) == [1, 2]
    for thread in threads:
        thread.join()
    assert most == 1
