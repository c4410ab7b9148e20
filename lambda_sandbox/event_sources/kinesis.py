"""Kinesis Data Streams as an event source: the calls a mapping makes, and the record a function sees.

DIFFERS: an event source mapping of a Kinesis consumer (enhanced fan-out) polls like one of the stream; it does not get records
pushed, nor faster.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lambda_sandbox.event_sources import aws_json
from lambda_sandbox.event_sources.aws_json import Neighbour
from lambda_sandbox.event_sources.batching import encode_event
from lambda_sandbox.event_sources.stream_records import Page, Position, Shard, StreamDescription, StreamRecord

RECORDS_PER_CALL = 10_000  # Source: Kinesis API Reference, "GetRecords"


class KinesisSource:
    """Reads one stream. ``role`` is the function's, which each record names as its reader."""

    batch_info = "KinesisBatchInfo"
    data_key = "data"

    def __init__(self, neighbour: Neighbour, arn: str, role: str = "") -> None:
        self.arn = arn
        self._neighbour = neighbour
        self._stream_arn = arn.split("/consumer/")[0]
        self._role = role

    def view(self, record: StreamRecord) -> Mapping[str, Any]:
        """Return the record as filters see it: the members of ``kinesis`` on top, the data decoded.

        Source: AWS Lambda Developer Guide, "Using event filtering with a Kinesis event source", read 2026-11.
        """
        kinesis = record.fields["kinesis"]
        data = base64.b64decode(kinesis["data"]).decode("utf-8", "replace")
        return {**record.fields, **kinesis, "data": data}

    def encode(self, batch: Sequence[StreamRecord]) -> bytes:
        return encode_event(batch)

    async def close(self) -> None:
        """It has no connection of its own."""

    async def describe(self) -> StreamDescription:
        summary = (await self._call("DescribeStreamSummary"))["StreamDescriptionSummary"]
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamARN": self._stream_arn}
        while True:
            answer = await self._call("ListShards", request)
            shards += [_shard(each) for each in answer.get("Shards") or []]
            if not answer.get("NextToken"):
                break
            request = {"NextToken": answer["NextToken"]}
        hours = float(summary.get("RetentionPeriodHours") or 24)
        return StreamDescription(str(summary.get("StreamCreationTimestamp")), hours * 3600, tuple(shards))

    async def iterator(self, shard_id: str, position: Position) -> str:
        request: dict[str, Any] = {"StreamARN": self._stream_arn, "ShardId": shard_id}
        if position.kind == "AFTER":
            request |= {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": position.sequence_number,
            }
        elif position.kind == "AT_TIMESTAMP":
            request |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": position.timestamp}
        else:
            request["ShardIteratorType"] = "TRIM_HORIZON"
        iterator: str = (await self._call("GetShardIterator", request))["ShardIterator"]
        return iterator

    async def behind(self, shard_id: str, settled: str) -> None:
        """Sequence numbers have gaps: what a stream is behind by is an age."""

    async def read(self, shard_id: str, iterator: str, limit: int) -> Page:
        request = {
            "StreamARN": self._stream_arn,
            "ShardIterator": iterator,
            "Limit": min(limit, RECORDS_PER_CALL),
        }
        answer = await self._call("GetRecords", request)
        records = [self._record(shard_id, each) for each in answer.get("Records") or []]
        return Page(records, answer.get("NextShardIterator") or None)

    async def _call(self, operation: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        target = f"Kinesis_20131202.{operation}"
        region = self.arn.split(":")[3]
        return await aws_json.call(
            self._neighbour,
            self._stream_arn,
            target,
            request or {"StreamARN": self._stream_arn},
            host=f"kinesis.{region}.amazonaws.com",
        )

    def _record(self, shard_id: str, received: dict[str, Any]) -> StreamRecord:
        fields = to_record(self.arn, shard_id, self._role, received)
        return StreamRecord(
            received["SequenceNumber"],
            received["PartitionKey"],
            fields["kinesis"]["approximateArrivalTimestamp"],
            json.dumps(fields, separators=(",", ":")).encode(),
            fields,
        )


def _shard(listed: dict[str, Any]) -> Shard:
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    return Shard(listed["ShardId"], tuple(each for each in parents if each))


def to_record(arn: str, shard_id: str, role: str, received: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a function's event.

    Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams", read 2026-11.
    """
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": received["PartitionKey"],
            "sequenceNumber": received["SequenceNumber"],
            "data": received["Data"],
            "approximateArrivalTimestamp": round(float(received["ApproximateArrivalTimestamp"]), 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{received['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": arn.split(":")[3],
        "eventSourceARN": arn,
    }
