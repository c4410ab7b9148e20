"""Mappings of the streams of DynamoDB tables over moto in its process, in manual time."""

from __future__ import annotations

import time
from typing import Any

from tests.contract.mapping_stage import Event, HandlerFailed, Play
from tests.contract.stream_stage import QUEUE, Stage
from tests.contract.stream_stage import neighbours as neighbours
from tests.contract.stream_stage import play as play
from tests.contract.stream_stage import runner as runner


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
