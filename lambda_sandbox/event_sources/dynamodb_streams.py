"""DynamoDB Streams as an event source: the calls a mapping makes, and the record a function sees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lambda_sandbox.event_sources import aws_json
from lambda_sandbox.event_sources.aws_json import Neighbour, ServiceError
from lambda_sandbox.event_sources.batching import encode_event
from lambda_sandbox.event_sources.stream_records import Page, Position, Shard, StreamDescription, StreamRecord

RECORDS_PER_CALL = 1_000  # Source: DynamoDB Streams API Reference, "GetRecords"
_RETENTION_S = 24 * 3600.0  # Source: DynamoDB Developer Guide, "Change data capture for DynamoDB Streams"


class DynamoDbSource:
    """Reads one table's stream. A stream that was turned off and on again has another ARN."""

    batch_info = "DDBStreamBatchInfo"
    data_key = "dynamodb"

    def __init__(self, neighbour: Neighbour, arn: str) -> None:
        self.arn = arn
        self._neighbour = neighbour
        self._since: dict[str, float] = {}

    def view(self, record: StreamRecord) -> Mapping[str, Any]:
        return record.fields

    def encode(self, batch: Sequence[StreamRecord]) -> bytes:
        return encode_event(batch)

    async def close(self) -> None:
        """It has no connection of its own."""

    async def describe(self) -> StreamDescription:
        description = await self._describe({"StreamArn": self.arn})
        label = self.arn.rsplit("/stream/", 1)[1]
        if description.get("StreamLabel", label) != label:
            # The neighbour looks only at the table's name: an old stream's ARN would lead to the new stream.
            raise ServiceError("ResourceNotFoundException", f"Stream not found: {self.arn}")
        shards = list(description.get("Shards") or [])
        while last := description.get("LastEvaluatedShardId"):
            description = await self._describe({"StreamArn": self.arn, "ExclusiveStartShardId": last})
            shards += description.get("Shards") or []
        return StreamDescription(label, _RETENTION_S, tuple(map(_shard, shards)))

    async def iterator(self, shard_id: str, position: Position) -> str:
        request: dict[str, Any] = {"StreamArn": self.arn, "ShardId": shard_id}
        self._since.pop(shard_id, None)
        if position.kind == "AFTER":
            request |= {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": position.sequence_number,
            }
        else:
            request["ShardIteratorType"] = "TRIM_HORIZON"
            if position.kind == "AT_TIMESTAMP":
                # The API knows no timestamps (``LATEST`` is kept as one, to survive a restart): older records are skipped.
                self._since[shard_id] = position.timestamp
        iterator: str = (await self._call("GetShardIterator", request))["ShardIterator"]
        return iterator

    async def behind(self, shard_id: str, settled: str) -> None:
        """Sequence numbers have gaps: what a stream is behind by is an age."""

    async def read(self, shard_id: str, iterator: str, limit: int) -> Page:
        request = {"ShardIterator": iterator, "Limit": min(limit, RECORDS_PER_CALL)}
        answer = await self._call("GetRecords", request)
        since = self._since.get(shard_id, 0.0)
        records = [self._record(each) for each in answer.get("Records") or []]
        return Page(
            [each for each in records if each.arrived_at >= since], answer.get("NextShardIterator") or None
        )

    async def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        description: dict[str, Any] = (await self._call("DescribeStream", request))["StreamDescription"]
        return description

    async def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        host = f"streams.dynamodb.{self.arn.split(':')[3]}.amazonaws.com"
        target = f"DynamoDBStreams_20120810.{operation}"
        return await aws_json.call(self._neighbour, self.arn, target, request, version="1.0", host=host)

    def _record(self, received: dict[str, Any]) -> StreamRecord:
        fields = to_record(self.arn, received)
        change = fields["dynamodb"]
        return StreamRecord(
            change["SequenceNumber"],
            json.dumps(change["Keys"], sort_keys=True),
            float(received["dynamodb"]["ApproximateCreationDateTime"]),
            json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"),
            fields,
        )


def _shard(listed: dict[str, Any]) -> Shard:
    parent = listed.get("ParentShardId")
    return Shard(listed["ShardId"], (parent,) if parent else ())


def to_record(arn: str, received: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a function's event.

    Source: AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB", read 2026-11.
    """
    change = dict(received["dynamodb"])
    change["ApproximateCreationDateTime"] = int(float(change["ApproximateCreationDateTime"]))
    record = {
        "eventID": received["eventID"],
        "eventName": received["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": arn.split(":")[3],
        "dynamodb": change,
        "eventSourceARN": arn,
    }
    if received.get("userIdentity"):
        record["userIdentity"] = received["userIdentity"]  # deleted by its time to live, not by a user
    return record
