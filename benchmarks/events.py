"""Records per second through event source mappings, and the delay from put to handler, beside moto read bare.

For a rate, a queue or a stream is filled while nothing reads it, then a mapping is made; the clock runs from the start of the
first invocation to the end of the last. Beside it the same number of records is read from another moto by the same clients
that the pollers use, and nothing is done with them: what is lost between the two is the sandbox's own.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as ClientConfig

from benchmarks.servers import Sandbox, sandbox
from lambda_sandbox.config import Config
from lambda_sandbox.event_sources import aws_json
from lambda_sandbox.event_sources.kinesis import KinesisSource
from lambda_sandbox.event_sources.sqs import QueueClient
from lambda_sandbox.event_sources.stream_records import Position
from lambda_sandbox.services.neighbours import Neighbours

ACCOUNT = "us-east-1:000000000000"
BATCHES = (10, 100)
# The handler tells how long each record that says when it was sent has been under way, by the machine's clock.
HANDLER = """
import base64, json, time

def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        body = record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()
        if body.startswith("{"):
            print("DELAY %.6f" % (now - json.loads(body)["sent"]))
"""


def measure(records: int, puts: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures; ``records`` are read for each rate, ``puts`` sent one by one for each delay."""
    figures: dict[str, Any] = {"records": records, "puts": puts, "sqs": {}, "kinesis": {}}
    with sandbox() as target:
        bench = _Bench(target, records, puts)
        for source in ("sqs", "kinesis"):
            for batch in BATCHES:
                progress(f"{source}, batches of {batch}")
                figures[source][f"batch_{batch}"] = {"records_per_s": bench.rate(source, batch)}
            progress(f"{source}, delay")
            figures[source]["delay_ms"] = bench.delay(source)
    progress("moto, bare")
    bare = asyncio.run(_bare(records))
    for source in ("sqs", "kinesis"):
        for batch in BATCHES:
            found = figures[source][f"batch_{batch}"]
            found["bare_per_s"] = bare[source, batch]
            found["ratio"] = round(found["records_per_s"] / bare[source, batch], 3)
    return figures


class _Bench:
    def __init__(self, target: Sandbox, records: int, puts: int) -> None:
        self._target = target
        self._records = records
        self._puts = puts
        settings = ClientConfig(proxies={}, retries={"max_attempts": 0})
        keys: dict[str, Any] = {
            "region_name": "us-east-1",
            "aws_access_key_id": "benchmark",
            "aws_secret_access_key": "benchmark",
        }
        connect: Any = boto3.client
        self._sqs, self._kinesis, self._lambda = (
            connect(service, endpoint_url=target.endpoint, config=settings, **keys)
            for service in ("sqs", "kinesis", "lambda")
        )

    def rate(self, source: str, batch: int) -> float:
        name = f"rate-{source}-{batch}"
        arn = self._make(source, name)
        self._fill(source, name, ["x" * 100] * self._records)
        mapping = self._map(source, name, arn, batch)
        while self._handled(mapping) < self._records:
            time.sleep(0.2)
        runs = [each for each in self._history()["invocations"] if each["function_name"] == name]
        self._lambda.delete_event_source_mapping(UUID=mapping)
        elapsed: float = max(each["ended_at"] for each in runs) - min(each["started_at"] for each in runs)
        return round(self._records / elapsed, 1)

    def delay(self, source: str) -> dict[str, float]:
        name = f"delay-{source}"
        arn = self._make(source, name)
        mapping = self._map(source, name, arn, 10, window=0)
        self._fill(source, name, ["warm"])
        while self._handled(mapping) < 1:
            time.sleep(0.2)
        for _ in range(self._puts):
            self._fill(source, name, [json.dumps({"sent": time.time()})])
            time.sleep(0.01)
        while self._handled(mapping) < self._puts + 1:
            time.sleep(0.2)
        self._lambda.delete_event_source_mapping(UUID=mapping)
        logs = "".join(event["message"] for event in self._get(f"/_sandbox/logs?function={name}")["events"])
        delays = [float(line[6:]) * 1000 for line in logs.splitlines() if line.startswith("DELAY ")]
        cuts = statistics.quantiles(delays, n=100)
        return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}

    def _make(self, source: str, name: str) -> str:
        self._target.create(name, HANDLER, MemorySize=1769)
        if source == "sqs":
            self._sqs.create_queue(QueueName=name)
            return f"arn:aws:sqs:{ACCOUNT}:{name}"
        self._kinesis.create_stream(StreamName=name, ShardCount=1)
        return f"arn:aws:kinesis:{ACCOUNT}:stream/{name}"

    def _fill(self, source: str, name: str, bodies: list[str]) -> None:
        if source == "kinesis":
            for at in range(0, len(bodies), 500):
                records = [
                    {"Data": each.encode(), "PartitionKey": str(n)}
                    for n, each in enumerate(bodies[at : at + 500])
                ]
                self._kinesis.put_records(StreamName=name, Records=records)
            return
        url = f"{self._target.endpoint}/000000000000/{name}"
        for at in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": each} for n, each in enumerate(bodies[at : at + 10])]
            self._sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def _map(self, source: str, name: str, arn: str, batch: int, window: int = 1) -> str:
        options: dict[str, Any] = {"StartingPosition": "TRIM_HORIZON"} if source == "kinesis" else {}
        if batch > 10:
            options["MaximumBatchingWindowInSeconds"] = window
        made = self._lambda.create_event_source_mapping(
            FunctionName=name, EventSourceArn=arn, BatchSize=batch, **options
        )
        uuid: str = made["UUID"]
        return uuid

    def _handled(self, mapping: str) -> int:
        counted: dict[str, int] = self._history()["mapping_metrics"].get(mapping, {})
        return counted.get("InvokedEventCount", 0)

    def _history(self) -> dict[str, Any]:
        return self._get("/_sandbox/history")

    def _get(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self._target.endpoint).netloc)
        connection.request("GET", path)
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return found


async def _bare(records: int) -> dict[tuple[str, int], float]:
    """Return records per second of reading alone, by source and batch; a queue gives ten a call at most."""
    neighbours = Neighbours(Config())
    await neighbours.start()
    try:
        rates = {}
        for batch in BATCHES:
            rates["sqs", batch] = await _bare_queue(neighbours, f"bare-{batch}", records)
            rates["kinesis", batch] = await _bare_stream(neighbours, f"bare-{batch}", records, batch)
        return rates
    finally:
        await neighbours.stop()


async def _bare_queue(neighbours: Neighbours, name: str, records: int) -> float:
    arn = f"arn:aws:sqs:{ACCOUNT}:{name}"

    async def call(operation: str, **request: Any) -> None:
        await aws_json.call(neighbours, arn, f"AmazonSQS.{operation}", request, version="1.0")

    await call("CreateQueue", QueueName=name)
    for _ in range(records // 10):
        entries = [{"Id": str(n), "MessageBody": "x" * 100} for n in range(10)]
        await call("SendMessageBatch", QueueUrl=f"http://localhost/000000000000/{name}", Entries=entries)
    client, read = QueueClient(neighbours, arn), 0
    began = time.perf_counter()
    while found := await client.receive(10, 0):
        await client.delete(found)
        read += len(found)
    return round(read / (time.perf_counter() - began), 1)


async def _bare_stream(neighbours: Neighbours, name: str, records: int, batch: int) -> float:
    arn = f"arn:aws:kinesis:{ACCOUNT}:stream/{name}"

    async def call(operation: str, **request: Any) -> None:
        target = f"Kinesis_20131202.{operation}"
        await aws_json.call(neighbours, arn, target, request, host="kinesis.us-east-1.amazonaws.com")

    await call("CreateStream", StreamName=name, ShardCount=1)
    one = {"Data": base64.b64encode(b"x" * 100).decode(), "PartitionKey": "k"}
    for at in range(0, records, 500):
        await call("PutRecords", StreamName=name, Records=[one] * min(500, records - at))
    source, read = KinesisSource(neighbours, arn), 0
    shard = "shardId-000000000000"
    iterator: str | None = await source.iterator(shard, Position("TRIM_HORIZON"))
    began = time.perf_counter()
    while iterator is not None and read < records:
        page = await source.read(shard, iterator, batch)
        iterator, read = page.next_iterator, read + len(page.records)
    return round(read / (time.perf_counter() - began), 1)
