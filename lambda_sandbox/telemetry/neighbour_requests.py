"""What a request to a neighbour is called, and what AWS would meter of it. Pure: bytes in, quantities out.

Source: the pricing pages of these services and "DynamoDB item sizes and formats", as ``neighbour-prices-*.json`` names them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from lambda_sandbox.telemetry import dynamodb_units

Members = Mapping[str, Any]
Used = dict[str, Decimal]
_CHUNK = 64 * 1024  # SQS, SNS and EventBridge count a request for each 64 KB
_KINESIS_UNIT = 25 * 1024
# AWS's five pollers of an idle queue wait 20 s each, the sandbox's one waits a second: one of its empty receives stands for
# a quarter of one of theirs.
_IDLE_POLL = Decimal("0.25")
_FREE_S3 = ("DELETE", "OPTIONS")


class Asked:
    """One request, read once. ``members`` is its JSON or form; ``headers`` have lower-case names."""

    def __init__(
        self, service: str, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes
    ) -> None:
        self.service = service
        self.method = method
        self.target = target
        self.body = body
        self.operation, self.members = _read(service, method, target, headers, body)

    @property
    def resource(self) -> str:
        """What it was asked of: a queue's, a table's or a stream's name, a bucket and its key, empty where none is named."""
        if self.service == "s3":
            return unquote(self.target.partition("?")[0]).lstrip("/")
        for member in (
            "QueueUrl",
            "TableName",
            "TopicArn",
            "TargetArn",
            "StreamName",
            "StreamARN",
            "SecretId",
        ):
            if self.members.get(member):
                return str(self.members[member]).rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        return ""

    def used(self, status: int, answer: bytes, *, polls: bool = False) -> Used:
        """Return what the request is metered as. A request that AWS refuses (4xx, 5xx) costs as little as AWS documents.

        ``polls``: an event source mapping asks.

        POLICY: the bill leaves out requests that a service answers with an error, except for S3 and SQS, which charge for every one.
        """
        meter = _METERS.get(self.service)
        if meter is None or (status >= 400 and self.service not in ("s3", "sqs")):
            return {}
        idle = polls and self.operation == "ReceiveMessage" and not _json(answer).get("Messages")
        factor = _IDLE_POLL if idle else 1
        return {name: quantity * factor for name, quantity in meter(self, answer).items() if quantity}


def _read(
    service: str, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes
) -> tuple[str, Members]:
    named = headers.get(b"x-amz-target", b"").decode("latin-1")
    if named:
        return named.rpartition(".")[2], _json(body)
    path, _, query = target.partition("?")
    if service == "s3":
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        return _s3_operation(method, path, parameters), parameters
    if "/operation/" in path:  # the protocol of newer SDKs, whose bodies are CBOR
        return path.rpartition("/")[2], {}
    form = dict(parse_qsl(query) + parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if "Action" in form:
        return form["Action"], form
    return f"{method} {path}", {}


def _s3_operation(method: str, path: str, parameters: Mapping[str, str]) -> str:
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets"
    kind = "Object" if key else "Bucket"
    if method == "GET" and not key:
        return (
            "ListObjectsV2"
            if "list-type" in parameters or not parameters
            else f"GetBucket {'&'.join(parameters)}"
        )
    if method == "POST":
        return "DeleteObjects" if "delete" in parameters else "PostObject"
    return f"{method.capitalize()}{kind}"


def _json(body: bytes) -> Members:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _chunks(size: int) -> Decimal:
    return Decimal(max(1, math.ceil(size / _CHUNK)))


# --- one meter a service -----------------------------------------------------------------------------


def _s3(asked: Asked, answer: bytes) -> Used:
    if asked.method in _FREE_S3 or asked.operation == "DeleteObjects":
        return {}
    lists = asked.operation.startswith("List")
    dear = asked.method in ("PUT", "POST") or lists
    return {"s3.put" if dear else "s3.get": Decimal(1)}


def _sqs(asked: Asked, answer: bytes) -> Used:
    queue = str(asked.members.get("QueueUrl") or asked.members.get("QueueName") or "")
    received = asked.operation == "ReceiveMessage"
    size = len(answer) if received else len(asked.body)
    # AWS: creating, describing and the like cost a standard request on a FIFO queue too.
    of_messages = (
        asked.operation.startswith(("Send", "Receive", "Delete", "Change"))
        and asked.operation != "DeleteQueue"
    )
    return {"sqs.fifo" if queue.endswith(".fifo") and of_messages else "sqs.standard": _chunks(size)}


def _sns(asked: Asked, answer: bytes) -> Used:
    if asked.operation not in ("Publish", "PublishBatch"):
        return {}
    if asked.operation == "Publish":
        return {"sns.publish": _chunks(len(str(asked.members.get("Message", "")).encode()))}
    texts = [v for k, v in asked.members.items() if k.endswith(".Message")]
    return {"sns.publish": sum((_chunks(len(str(text).encode())) for text in texts), Decimal(0))}


def _events(asked: Asked, answer: bytes) -> Used:
    if asked.operation != "PutEvents":
        return {}
    entries: Iterable[Any] = asked.members.get("Entries") or ()
    return {"events.put": sum((_chunks(len(json.dumps(entry).encode())) for entry in entries), Decimal(0))}


def _kinesis(asked: Asked, answer: bytes) -> Used:
    if asked.operation not in ("PutRecord", "PutRecords"):
        return {}
    records: Any = asked.members.get("Records") or [asked.members]
    sizes = [len(str(record.get("Data", ""))) * 3 // 4 for record in records if isinstance(record, dict)]
    return {"kinesis.put": Decimal(sum(max(1, math.ceil(size / _KINESIS_UNIT)) for size in sizes))}


def _dynamodb(asked: Asked, answer: bytes) -> Used:
    read, written = dynamodb_units.of(asked.operation, asked.members, _json(answer))
    return {"dynamodb.read": read, "dynamodb.write": written}


def _each_call(meter: str, *operations: str) -> Callable[[Asked, bytes], Used]:
    def used(asked: Asked, answer: bytes) -> Used:
        return {meter: Decimal(1)} if not operations or asked.operation in operations else {}

    return used


_METERS: dict[str, Callable[[Asked, bytes], Used]] = {
    "s3": _s3,
    "sqs": _sqs,
    "sns": _sns,
    "events": _events,
    "kinesis": _kinesis,
    "dynamodb": _dynamodb,
    "secretsmanager": _each_call("secretsmanager.calls"),
    "kms": _each_call("kms.calls"),
    "monitoring": _each_call("cloudwatch.calls", "PutMetricData", "GetMetricStatistics", "ListMetrics"),
}
