"""Delivers what is told of asynchronous events that are over: to SQS, SNS, EventBridge and S3 in the neighbours, and to functions.

DIFFERS: AWS tries a delivery that fails again for some time; here it is tried once, and history says what went wrong.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from lambda_sandbox import quotas
from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers import event_records
from lambda_sandbox.invocation.messages import EventFinished
from lambda_sandbox.resources import EventInvokeConfig

_SNS_BYTES = 256 * 1024  # AWS: a record above this goes to a topic without its payloads
_SQS_BYTES = 1024 * 1024
_OK = range(200, 300)

Headers = list[tuple[bytes, bytes]]
Forward = Callable[[bytes, bytes, Headers, bytes], Awaitable[tuple[int, Headers, bytes]]]
InvokeEvent = Callable[[str, bytes, str], None]
Note = Callable[[str], None]
Delivery = Coroutine[Any, Any, None]


class Destinations:
    """``invoke_event(function_arn, payload, trace_header)`` sends a function an event and may raise ``SandboxError``.

    ``note(sentence)`` hears what was delivered and what was not.
    """

    def __init__(
        self,
        clock: Clock,
        forward: Forward,
        invoke_event: InvokeEvent,
        config: Callable[[str, str], EventInvokeConfig | None],
        note: Note,
    ) -> None:
        self._clock = clock
        self._forward = forward
        self._invoke_event = invoke_event
        self._config = config
        self._note = note

    def deliveries(self, event: EventFinished) -> list[Delivery]:
        """Return what has to be awaited for an event that is over; none of it raises."""
        made: list[Delivery] = []
        function = event.invocation.function
        config = self._config(function.arn, event_records.qualifier(event))
        succeeded = event.condition == event_records.SUCCESS
        arn = (config.on_success_arn if succeeded else config.on_failure_arn) if config else ""
        if arn:
            made.append(self._deliver(self._send_record(arn, event), event, f"record to {arn}"))
        if function.dead_letter_target_arn and not succeeded:
            arn = function.dead_letter_target_arn
            made.append(self._deliver(self._send_dead_letter(arn, event), event, f"dead letter to {arn}"))
        return made

    async def _deliver(self, delivery: Awaitable[None], event: EventFinished, what: str) -> None:
        request_id, condition = event.invocation.request_id, event.condition
        try:
            await delivery
        except (
            Exception
        ) as problem:  # a delivery may fail in any way a neighbour can: the event itself is over
            self._note(f"event {request_id}: {what} failed: {problem}")
        else:
            self._note(f"event {request_id}: {what} delivered, because of {condition}")

    async def _send_record(self, arn: str, event: EventFinished) -> None:
        now = self._clock.now()
        record = event_records.record(event, now)
        service = arn.split(":")[2]
        text = json.dumps(record, ensure_ascii=False)
        limit = {"sns": _SNS_BYTES, "sqs": _SQS_BYTES}.get(service)
        if limit is not None and len(text.encode()) > limit:
            text = json.dumps(event_records.record(event, now, with_payloads=False), ensure_ascii=False)
        if service == "sqs":
            await self._to_queue(arn, text, {})
        elif service == "sns":
            await self._to_topic(arn, text, {})
        elif service == "events":
            await self._to_bus(arn, text, event)
        elif service == "s3":
            await self._to_bucket(arn, text, event)
        else:
            self._to_function(arn, text.encode(), event)

    async def _send_dead_letter(self, arn: str, event: EventFinished) -> None:
        body = event.invocation.payload.decode("utf-8", "replace")
        attributes = event_records.dead_letter_attributes(event)
        if arn.split(":")[2] == "sqs":
            await self._to_queue(arn, body, attributes)
        else:
            await self._to_topic(arn, body, attributes)

    async def _to_queue(self, arn: str, body: str, attributes: dict[str, tuple[str, str]]) -> None:
        _, _, _, region, account_id, name = arn.split(":")
        request: dict[str, Any] = {
            "QueueUrl": f"http://localhost/{account_id}/{name}",
            "MessageBody": body,
            "MessageAttributes": {
                name: {"DataType": type_, "StringValue": value} for name, (type_, value) in attributes.items()
            },
        }
        await self._json_call("sqs", account_id, region, "AmazonSQS.SendMessage", request)

    async def _to_topic(self, arn: str, message: str, attributes: dict[str, tuple[str, str]]) -> None:
        _, _, _, region, account_id, _ = arn.split(":")
        form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": arn, "Message": message}
        for number, (name, (type_, value)) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            form |= {
                f"{entry}.Name": name,
                f"{entry}.Value.DataType": type_,
                f"{entry}.Value.StringValue": value,
            }
        headers = _headers("sns", account_id, region)
        headers.append((b"Content-Type", b"application/x-www-form-urlencoded"))
        await self._call(b"POST", b"/", headers, urlencode(form).encode())

    async def _to_bus(self, arn: str, detail: str, event: EventFinished) -> None:
        _, _, _, region, account_id, _ = arn.split(":", 5)
        outcome = "Success" if event.condition == event_records.SUCCESS else "Failure"
        entry = {
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {outcome}",
            "Detail": detail,
            "Resources": [arn, event_records.function_arn(event)],
            "EventBusName": arn,
        }
        answer = await self._json_call(
            "events", account_id, region, "AWSEvents.PutEvents", {"Entries": [entry]}
        )
        if answer.get("FailedEntryCount"):
            raise ValueError(f"the event bus refused the record: {answer.get('Entries')}")

    async def _to_bucket(self, arn: str, text: str, event: EventFinished) -> None:
        function = event.invocation.function
        moment = datetime.fromtimestamp(self._clock.now(), UTC)
        key = (
            f"aws/lambda/async/{function.function_name}/{moment:%Y/%m/%d}/"
            f"{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
        )
        target = f"/{quote(arn.rsplit(':', 1)[1])}/{quote(key)}".encode()
        headers = _headers("s3", function.account_id, function.region)
        await self._call(b"PUT", target, headers, text.encode())

    def _to_function(self, arn: str, payload: bytes, event: EventFinished) -> None:
        if event.condition == event_records.RECURSION:
            # AWS drops such an event where sending it on would keep the loop alive; POLICY: any function may.
            raise ValueError(
                "the event was stopped as part of a recursive loop and is not sent to a function"
            )
        if len(payload) > quotas.ASYNC_PAYLOAD_BYTES:
            raise ValueError(f"{len(payload)} bytes are more than an event may have")
        self._invoke_event(arn, payload, event.invocation.trace_header)

    async def _json_call(
        self, service: str, account_id: str, region: str, target: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        version = b"1.0" if service == "sqs" else b"1.1"
        headers = _headers(service, account_id, region)
        headers += [
            (b"Content-Type", b"application/x-amz-json-" + version),
            (b"X-Amz-Target", target.encode()),
        ]
        answer = await self._call(b"POST", b"/", headers, json.dumps(request).encode())
        parsed = json.loads(answer or b"{}")
        return parsed if isinstance(parsed, dict) else {}

    async def _call(self, method: bytes, target: bytes, headers: Headers, body: bytes) -> bytes:
        status, _, answer = await self._forward(method, target, headers, body)
        if status not in _OK:
            raise ValueError(f"{status} {answer[:500].decode('utf-8', 'replace')}")
        return answer


def _headers(service: str, account_id: str, region: str) -> Headers:
    """AWS signs as the function's role; the neighbours read account and Region from the credential."""
    scope = f"{account_id}/20260101/{region}/{service}/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return [(b"Host", b"localhost"), (b"Authorization", signature.encode())]
