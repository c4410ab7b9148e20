"""No record is lost: queues, streams and tables feed a function that fails at random, and the server is killed meanwhile.

Before it answers, the handler writes down what it has handled, in a queue that outlives the server. At the end each record
was handled, or its range was told to a destination, or it lies in a dead-letter queue.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.contract.conftest import Server
from tests.contract.shared_neighbours import shared as shared

Start = Callable[..., Server]
ACCOUNT = "us-east-1:000000000000"
SOURCES = ("standard", "fifo", "kinesis", "dynamodb")
KEYS = 41  # a message group waits for its poison: the more there are, the less waits

# One record in forty is poison for ever; others fail now and then, by a seed.
HANDLER = """
import base64, json, os, random, urllib.request, zlib

# One request by hand: a cold start without boto3 is short, and a batch is over before its messages are visible again.
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "AmazonSQS.SendMessage",
    "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20261121/us-east-1/sqs/aws4_request, "
    "SignedHeaders=host, Signature=0",
}
tries = random.Random(20261121)

def write_down(names):
    url = os.environ["AWS_ENDPOINT_URL"] + "/000000000000/handled"
    body = json.dumps({"QueueUrl": url, "MessageBody": json.dumps(names)}).encode()
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, HEADERS)
    urllib.request.urlopen(request, timeout=30).close()

def name_of(record):
    if "body" in record:
        return record["body"], record["messageId"]
    if "kinesis" in record:
        data = base64.b64decode(record["kinesis"]["data"]).decode()
        return data, record["kinesis"]["sequenceNumber"]
    return record["dynamodb"]["NewImage"]["name"]["S"], record["dynamodb"]["SequenceNumber"]

def handler(event, context):
    done, failed = [], []
    ordered = "body" not in event["Records"][0] or "MessageGroupId" in event["Records"][0]["attributes"]
    for record in event["Records"]:
        name, identity = name_of(record)
        poison = zlib.crc32(name.encode()) % 40 == 0
        if poison or tries.random() < 0.03 or (failed and ordered):
            failed.append(identity)
        else:
            done.append(name)
    if done:
        write_down(done)
    if failed and tries.random() < 0.3:
        raise RuntimeError("the whole batch")
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""


class World:
    """Four sources, four mappings, one dead-letter queue and one on-failure queue each."""

    def __init__(self, start: Callable[[], Server], number: int) -> None:
        self.start = start
        self.server = start()
        self.number = number // len(SOURCES)
        self.handled: dict[str, list[str]] = {source: [] for source in SOURCES}
        self.given_up: dict[str, set[str]] = {"kinesis": set(), "dynamodb": set()}
        self.urls: dict[str, str] = {}
        self.arns: dict[str, str] = {}
        self._make()

    def names(self, source: str) -> list[str]:
        return [f"{source}-k{n % KEYS}:{n}" for n in range(self.number)]

    def _queue(self, name: str, **attributes: str) -> str:
        self.urls[name] = self.server.client("sqs").create_queue(QueueName=name, Attributes=attributes)[
            "QueueUrl"
        ]
        return f"arn:aws:sqs:{ACCOUNT}:{name}"

    def _make(self) -> None:
        self._queue("handled")
        for kind, fifo in (("standard", {}), ("fifo", {"FifoQueue": "true"})):
            end = ".fifo" if fifo else ""
            dead = self._queue(f"dead-{kind}{end}", **fifo)
            redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 4})
            name = f"jobs-{kind}{end}"
            self.arns[kind] = self._queue(name, VisibilityTimeout="12", RedrivePolicy=redrive, **fifo)
        kinesis, dynamodb = self.server.client("kinesis"), self.server.client("dynamodb")
        kinesis.create_stream(StreamName="clicks", ShardCount=2)
        self.arns["kinesis"] = f"arn:aws:kinesis:{ACCOUNT}:stream/clicks"
        table = dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        self.arns["dynamodb"] = table["TableDescription"]["LatestStreamArn"]
        for source in SOURCES:
            self.server.deploy(f"eat-{source}", HANDLER, Timeout=6, MemorySize=512)
            self._map(source)

    def _map(self, source: str) -> None:
        options: dict[str, Any] = {"BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        if source in ("kinesis", "dynamodb"):
            options |= {
                "StartingPosition": "TRIM_HORIZON",
                "BatchSize": 25,
                "ParallelizationFactor": 2,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 3,
                "DestinationConfig": {"OnFailure": {"Destination": self._queue(f"given-up-{source}")}},
            }
        else:
            options["ScalingConfig"] = {"MaximumConcurrency": 3}
        self.server.client("lambda").create_event_source_mapping(
            FunctionName=f"eat-{source}", EventSourceArn=self.arns[source], **options
        )

    def send(self, first: int, last: int) -> None:
        """Send the records ``first`` to ``last`` of every source."""
        sqs = self.server.client("sqs")
        for at in range(first, last, 10):
            part = slice(at, min(at + 10, last))
            for kind in ("standard", "fifo"):
                entries: list[dict[str, Any]] = [
                    {"Id": str(n), "MessageBody": name} for n, name in enumerate(self.names(kind)[part])
                ]
                url = self.urls["jobs-standard"]
                if kind == "fifo":
                    url = self.urls["jobs-fifo.fifo"]
                    for entry in entries:
                        name = entry["MessageBody"]
                        entry |= {
                            "MessageGroupId": name.split(":")[0],
                            "MessageDeduplicationId": name.replace(":", "-"),
                        }
                sqs.send_message_batch(QueueUrl=_here(url, self.server), Entries=entries)
            records = [
                {"Data": name.encode(), "PartitionKey": name.split(":")[0]}
                for name in self.names("kinesis")[part]
            ]
            self.server.client("kinesis").put_records(StreamName="clicks", Records=records)
            for name in self.names("dynamodb")[part]:
                self.server.client("dynamodb").put_item(
                    TableName="orders", Item={"id": {"S": name.split(":")[0]}, "name": {"S": name}}
                )

    def left(self) -> int:
        """Return how many messages the two queues still hold."""
        total = 0
        for name in ("jobs-standard", "jobs-fifo.fifo"):
            found = self.server.client("sqs").get_queue_attributes(
                QueueUrl=_here(self.urls[name], self.server), AttributeNames=["All"]
            )["Attributes"]
            total += int(found["ApproximateNumberOfMessages"])
            total += int(found["ApproximateNumberOfMessagesNotVisible"])
        return total

    def drain(self, name: str) -> list[str]:
        """Return the bodies of all messages in a queue."""
        bodies: list[str] = []
        while (
            messages := self.server.client("sqs")
            .receive_message(QueueUrl=_here(self.urls[name], self.server), MaxNumberOfMessages=10)
            .get("Messages")
        ):
            bodies += [message["Body"] for message in messages]
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            self.server.client("sqs").delete_message_batch(
                QueueUrl=_here(self.urls[name], self.server), Entries=entries
            )
        return bodies

    def read_handled(self) -> None:
        """Take what the handlers wrote down since the last time, in the order in which they did."""
        for body in self.drain("handled"):
            for name in json.loads(body):
                self.handled[name.split("-")[0]].append(name)


def _here(url: str, server: Server) -> str:
    """Return a queue's address at the server that runs now."""
    return f"{server.endpoint}/{url.split('/', 3)[3]}"


def _given_up(world: World, source: str) -> set[str]:
    """Return the names in the ranges that the on-failure queue was told of, read from the stream itself."""
    key = {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}[source]
    names: set[str] = set()
    bodies = world.drain(f"given-up-{source}")
    numbered = _stream_records(world, source) if bodies else []
    for body in bodies:
        info = json.loads(body)[key]
        first, last = int(info["startSequenceNumber"]), int(info["endSequenceNumber"])
        names |= {
            name for shard, number, name in numbered if shard == info["shardId"] and first <= number <= last
        }
    return names


def _stream_records(world: World, source: str) -> list[tuple[str, int, str]]:
    found = []
    if source == "kinesis":
        kinesis = world.server.client("kinesis")
        for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
            at = kinesis.get_shard_iterator(
                StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while (page := kinesis.get_records(ShardIterator=at, Limit=10_000))["Records"]:
                found += [
                    (shard["ShardId"], int(r["SequenceNumber"]), r["Data"].decode()) for r in page["Records"]
                ]
                at = page["NextShardIterator"]
        return found
    streams = world.server.client("dynamodbstreams")
    arn = world.arns["dynamodb"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while (page := streams.get_records(ShardIterator=at, Limit=1000))["Records"]:
        found += [
            (shard["ShardId"], int(r["dynamodb"]["SequenceNumber"]), r["dynamodb"]["NewImage"]["name"]["S"])
            for r in page["Records"]
        ]
        at = page["NextShardIterator"]
    return found


def _run(start: Callable[[], Server], number: int, kills: int, limit_s: float) -> World:
    """Send ``number`` records while the server is killed ``kills`` times; return when nothing moves any more."""
    world = World(start, number)
    steps = kills + 1
    edges = [world.number * step // steps for step in range(steps + 1)]
    for step in range(steps):
        world.send(edges[step], edges[step + 1])
        if step < kills:
            _await_progress(world)
            world.server.kill()
            world.server = start()
    end = time.monotonic() + limit_s
    while not _is_over(world):
        assert time.monotonic() < end, _missing(world)
    return world


def _await_progress(world: World) -> None:
    """Let this server handle something of every source before it goes."""
    before = {source: len(world.handled[source]) for source in SOURCES}
    end = time.monotonic() + 60
    while any(len(world.handled[source]) == before[source] for source in SOURCES):
        assert time.monotonic() < end, _missing(world)
        world.read_handled()


def _is_over(world: World) -> bool:
    world.read_handled()
    if world.left():
        return False
    world.read_handled()  # what the last handlers wrote down before their messages went
    for source in ("kinesis", "dynamodb"):
        world.given_up[source] |= _given_up(world, source)
    return all(
        set(world.names(source)) <= set(world.handled[source]) | world.given_up[source]
        for source in ("kinesis", "dynamodb")
    )


def _poison(name: str) -> bool:
    return crc32(name.encode()) % 40 == 0


def _missing(world: World) -> str:
    lacking = {s: sorted(set(world.names(s)) - set(world.handled[s]))[:10] for s in SOURCES}
    return f"{world.left()} messages are left; not handled: {lacking}"


def _check(world: World) -> None:
    for source in SOURCES:
        handled = set(world.handled[source])
        if source in ("standard", "fifo"):
            rest = set(world.drain(f"dead-{source}{'.fifo' if source == 'fifo' else ''}"))
        else:
            rest = world.given_up[source]
        lost = set(world.names(source)) - handled - rest
        assert not lost, f"{source}: {sorted(lost)[:20]} of {world.number} are nowhere"
        assert {n for n in world.names(source) if _poison(n)} <= rest
    for source in ("fifo", "kinesis", "dynamodb"):
        _check_order(world.handled[source])


def _check_order(names: list[str]) -> None:
    """The records of a key were handled, each for the first time, in the order in which they were sent."""
    last: dict[str, int] = {}
    for name in dict.fromkeys(names):
        key, _, number = name.partition(":")
        assert int(number) > last.get(key, -1), f"{name} came after {key}:{last[key]}"
        last[key] = int(number)


def _starter(start_server: Start, state: Path, socket: str) -> Callable[[], Server]:
    return lambda: start_server(
        "--state", str(state), "--clock", "scaled:20", neighbours_socket=socket, log_copies="0"
    )


@pytest.mark.timeout(240)
def test_nothing_is_lost_over_one_kill(start_server: Start, tmp_path: Path, shared: str) -> None:
    world = _run(_starter(start_server, tmp_path / "state", shared), 300, kills=1, limit_s=180)
    _check(world)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_nothing_of_ten_thousand_is_lost_over_five_kills(
    start_server: Start, tmp_path: Path, shared: str
) -> None:
    world = _run(_starter(start_server, tmp_path / "state", shared), 10_000, kills=5, limit_s=1500)
    _check(world)
