"""Apache Kafka as an event source, Amazon MSK's and self-managed: read from a real broker whose address the sandbox was given.

DIFFERS: whatever cluster an event source mapping of Kafka names, the one broker of ``LAMBDA_SANDBOX_KAFKA_BOOTSTRAP_SERVERS`` is
read, in plain text and without the mapping's ``SourceAccessConfigurations``. A batch has records of one partition. How far a
mapping has come is kept in the sandbox's state and not committed to the consumer group, so tools that watch the group's lag see
nothing.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lambda_sandbox.event_sources.aws_json import ServiceError
from lambda_sandbox.event_sources.stream_records import Page, Position, Shard, StreamDescription, StreamRecord
from lambda_sandbox.resources import EventSourceMapping

_POLL_S = 0.5  # real time that one read waits for a first record
_ANSWER_S = 10.0
_TIMESTAMP_TYPES = ("NO_TIMESTAMP_TYPE", "CREATE_TIME", "LOG_APPEND_TIME")


def missing_library() -> str:
    """Return what to install, or nothing where the client library is there."""
    try:
        importlib.import_module("confluent_kafka")
    except ImportError:
        return "reading Kafka needs the library confluent-kafka: install the sandbox with its extra, kafka."
    return ""


class KafkaSource:
    """The partitions of a mapping's topic are its shards, ``TOPIC-NUMBER``; offsets are the sequence numbers."""

    batch_info = "KafkaBatchInfo"  # UNCONFIRMED: the word
    data_key = "value"

    def __init__(self, mapping: EventSourceMapping, bootstrap_servers: str) -> None:
        self.arn = mapping.event_source_arn
        self._servers = bootstrap_servers
        self._topic = mapping.topics[0]
        self._group = mapping.kafka.consumer_group_id if mapping.kafka else mapping.uuid
        self._consumers: dict[str, Any] = {}
        self._starts: dict[str, int] = {}  # the first offset that is read of each partition
        self._library: Any = importlib.import_module("confluent_kafka")

    def view(self, record: StreamRecord) -> Mapping[str, Any]:
        value = record.fields.get("value")
        text = base64.b64decode(value).decode("utf-8", "replace") if value is not None else None
        return {**record.fields, "value": text}

    def encode(self, batch: Sequence[StreamRecord]) -> bytes:
        """Return the event of one batch.

        Source: AWS Lambda Developer Guide, "Using Lambda with Amazon MSK" and "… with self-managed Apache Kafka", read 2026-11.
        """
        event: dict[str, Any] = {"eventSource": "aws:kafka" if self.arn else "SelfManagedKafka"}
        if self.arn:
            event["eventSourceArn"] = self.arn
        event["bootstrapServers"] = self._servers
        partitions: dict[str, list[Mapping[str, Any]]] = {}
        for record in batch:
            partition = f"{record.fields['topic']}-{record.fields['partition']}"
            partitions.setdefault(partition, []).append(record.fields)
        return json.dumps({**event, "records": partitions}, separators=(",", ":")).encode()

    async def describe(self) -> StreamDescription:
        metadata = await self._call("describe", self._metadata)
        topic = metadata.topics.get(self._topic)
        if topic is None or topic.error is not None or not topic.partitions:
            raise ServiceError("UnknownTopic", f"the broker has no topic {self._topic}")
        shards = tuple(Shard(f"{self._topic}-{number}") for number in sorted(topic.partitions))
        return StreamDescription(str(metadata.cluster_id), math.inf, shards)

    async def iterator(self, shard_id: str, position: Position) -> str:
        offset: int = await self._call(shard_id, self._seek, shard_id, position)
        return str(offset)

    async def read(self, shard_id: str, iterator: str, limit: int) -> Page:
        messages = await self._call(shard_id, self._consumers[shard_id].consume, min(limit, 10_000), _POLL_S)
        for message in messages:
            if message.error() is not None:
                raise ServiceError(message.error().name(), message.error().str())
        records = [self._record(message) for message in messages]
        after = str(int(records[-1].sequence_number) + 1) if records else iterator
        return Page(records, after)

    async def behind(self, shard_id: str, settled: str) -> int | None:
        if shard_id not in self._starts:
            return None
        following = int(settled) + 1 if settled else self._starts[shard_id]
        ends: tuple[int, int] = await self._call(shard_id, self._ends, shard_id)
        return max(0, ends[1] - following)

    async def close(self) -> None:
        consumers, self._consumers = list(self._consumers.values()), {}
        for consumer in consumers:
            await asyncio.to_thread(consumer.close)

    async def _call(self, what: str, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(work, *arguments)
        except self._library.KafkaException as error:
            raise ServiceError("Kafka", f"{what}: {error}") from error

    def _consumer(self) -> Any:
        return self._library.Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": self._group,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def _metadata(self) -> Any:
        if "" not in self._consumers:
            self._consumers[""] = self._consumer()
        return self._consumers[""].list_topics(self._topic, timeout=_ANSWER_S)

    def _ends(self, shard_id: str) -> tuple[int, int]:
        """Return a partition's oldest offset and the one that the next record gets, as the broker knows them now."""
        place = self._library.TopicPartition(self._topic, int(shard_id.rpartition("-")[2]))
        ends: tuple[int, int] = self._consumers[shard_id].get_watermark_offsets(place, timeout=_ANSWER_S)
        return ends

    def _seek(self, shard_id: str, position: Position) -> int:
        if shard_id not in self._consumers:
            self._consumers[shard_id] = self._consumer()
        consumer, number = self._consumers[shard_id], int(shard_id.rpartition("-")[2])
        place = self._library.TopicPartition
        offset: int = self._library.OFFSET_BEGINNING
        if position.kind == "AFTER":
            offset = int(position.sequence_number) + 1
        elif position.kind == "AT_TIMESTAMP":
            moment = place(self._topic, number, int(position.timestamp * 1000))
            (found,) = consumer.offsets_for_times([moment], timeout=_ANSWER_S)
            offset = found.offset
        if offset < 0:  # the library's words for a partition's beginning and its end
            offset = self._ends(shard_id)[offset != self._library.OFFSET_BEGINNING]
        consumer.assign([place(self._topic, number, offset)])
        self._starts[shard_id] = offset
        return offset

    def _record(self, message: Any) -> StreamRecord:
        kind, moment_ms = message.timestamp()
        key, value = message.key(), message.value()
        fields: dict[str, Any] = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": moment_ms,
            "timestampType": _TIMESTAMP_TYPES[kind],
            "headers": [{name: list(content or b"")} for name, content in message.headers() or []],
        }
        if key is not None:
            fields["key"] = base64.b64encode(key).decode()
        if value is not None:
            fields["value"] = base64.b64encode(value).decode()
        return StreamRecord(
            str(message.offset()),
            fields.get("key", ""),
            moment_ms / 1000,
            json.dumps(fields, separators=(",", ":")).encode(),
            fields,
        )
