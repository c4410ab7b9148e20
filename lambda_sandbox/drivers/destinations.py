"""Sends what is told of events and batches that are over: to SQS, SNS, EventBridge and S3 in the neighbours, and to functions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from lambda_sandbox import quotas
from lambda_sandbox.clock import Clock
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.drivers import event_records
from lambda_sandbox.invocation import request
from lambda_sandbox.invocation.messages import EventFinished, Invocation, InvocationType
from lambda_sandbox.resources import Caller, EventInvokeConfig

PRINCIPAL = "lambda.amazonaws.com"
_SNS_BYTES = 256 * 1024  # AWS: a record above this goes to a topic without its payloads
_SQS_BYTES = 1024 * 1024
_OK = range(200, 300)
_TRY_AGAIN = frozenset({408, 429})  # and every status of 500 or more

Headers = list[tuple[bytes, bytes]]
Forward = Callable[[bytes, bytes, Headers, bytes], Awaitable[tuple[int, Headers, bytes]]]
InvokeEvent = Callable[[str, bytes, str], None]
Note = Callable[[str], None]
Delivery = Coroutine[Any, Any, None]


class NotNow(Exception):
    """The destination did not take the record, and may take it later."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One record on its way, as it is kept until it has arrived.

    ``account_id`` and ``region`` are the sender's. ``attributes`` are name, type and value of a message's attributes. For a
    bucket there is a ``key``, for a bus a ``detail_type`` and ``resources``, for a function a ``trace_header``. ``subject``
    says what it is, for history; it is sent as ``role_arn`` allows, or to ``principal`` where a service has no role, for its
    ``source_arn``; ``group_id`` is a FIFO queue's message group. ``posted_at`` is seconds on the waiting clock.
    ``cause`` is the name of the function that it is sent for, and billed to. ``function_arn`` is of the asynchronous event or
    the batch that it tells of; of a batch there are also its mapping's id and the number of its ``events``.
    """

    letter_id: str
    account_id: str
    region: str
    arn: str
    body: str
    subject: str
    posted_at: float = 0.0
    cause: str = ""
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    key: str = ""
    detail_type: str = ""
    resources: tuple[str, ...] = ()
    trace_header: str = ""
    group_id: str = ""
    function_arn: str = ""
    dead_letter: bool = False
    mapping_uuid: str = ""
    events: int = 0
    role_arn: str = ""
    principal: str = ""
    source_arn: str = ""


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
        self.on_failure: Callable[[Letter], None] = lambda letter: None  # of those that are tried once only

    def letters(self, event: EventFinished) -> list[Letter]:
        """Return what is to be sent for an event that is over."""
        made: list[Letter] = []
        function = event.invocation.function
        config = self._config(function.arn, event_records.qualifier(event))
        succeeded = event.condition == event_records.SUCCESS
        arn = (config.on_success_arn if succeeded else config.on_failure_arn) if config else ""
        if arn and self._may_go(arn, event):
            made.append(self._record(arn, event))
        if function.dead_letter_target_arn and not succeeded:
            arn = function.dead_letter_target_arn
            body = event.invocation.payload.decode("utf-8", "replace")
            attributes = event_records.dead_letter_attributes(event)
            made.append(
                _letter(event, arn, body, f"dead letter to {arn}", attributes=attributes, dead_letter=True)
            )
        return made

    def deliveries(self, event: EventFinished) -> list[Delivery]:
        """Return what has to be awaited for an event that is over, each tried once; none of it raises."""
        return [self._try_once(letter) for letter in self.letters(event)]

    async def send(self, letter: Letter) -> None:
        """Send one letter. Raises ``NotNow``, or anything else where no later try would help."""
        service = letter.arn.split(":")[2]
        if service == "sqs":
            await self._to_queue(letter)
        elif service == "sns":
            await self._to_topic(letter)
        elif service == "events":
            await self._to_bus(letter)
        elif service == "states":
            await self._to_state_machine(letter)
        elif service == "s3":
            target = f"/{quote(letter.arn.rsplit(':', 1)[1])}/{quote(letter.key)}".encode()
            headers = _headers("s3", letter.account_id, letter.region)
            await self._call(b"PUT", target, headers, letter.body.encode())
        else:
            payload = letter.body.encode()
            if len(payload) > quotas.ASYNC_PAYLOAD_BYTES:
                raise ValueError(f"{len(payload)} bytes are more than an event may have")
            self._invoke_event(letter.arn, payload, letter.trace_header)

    async def _try_once(self, letter: Letter) -> None:
        try:
            await self.send(letter)
        except Exception as problem:  # it may fail in any way a neighbour can: the event itself is over
            self.on_failure(letter)
            self._note(f"{letter.subject} failed: {problem}")
        else:
            self._note(f"{letter.subject} delivered")

    def _may_go(self, arn: str, event: EventFinished) -> bool:
        if event.condition == event_records.RECURSION and arn.split(":")[2] == "lambda":
            # POLICY: an event that recursive loop detection stopped goes to a queue, topic, bucket or bus as its on-failure destination, and
            # to no function, since any function may keep the loop alive. AWS drops it only where it would.
            self._note(
                f"event {event.invocation.request_id}: record to {arn} failed: the event was stopped as part of a "
                "recursive loop and is not sent to a function"
            )
            return False
        return True

    def _record(self, arn: str, event: EventFinished) -> Letter:
        now = self._clock.now()
        service = arn.split(":")[2]
        text = json.dumps(event_records.record(event, now), ensure_ascii=False)
        limit = {"sns": _SNS_BYTES, "sqs": _SQS_BYTES}.get(service)
        if limit is not None and len(text.encode()) > limit:
            text = json.dumps(event_records.record(event, now, with_payloads=False), ensure_ascii=False)
        function = event.invocation.function
        moment = datetime.fromtimestamp(now, UTC)
        key = f"aws/lambda/async/{function.function_name}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
        outcome = "Success" if event.condition == event_records.SUCCESS else "Failure"
        return _letter(
            event,
            arn,
            text,
            f"record to {arn}",
            key=key if service == "s3" else "",
            detail_type=f"Lambda Function Invocation Result - {outcome}",
            resources=(arn, event_records.function_arn(event)),
            trace_header=event.invocation.trace_header,
        )

    async def _to_queue(self, letter: Letter) -> None:
        _, _, _, region, account_id, name = letter.arn.split(":")
        request: dict[str, Any] = {
            "QueueUrl": f"http://localhost/{account_id}/{name}",
            "MessageBody": letter.body,
            "MessageAttributes": {
                name: {"DataType": type_, "StringValue": value}
                for name, (type_, value) in letter.attributes.items()
            },
        }
        if letter.trace_header:
            header = {"DataType": "String", "StringValue": letter.trace_header}
            request["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        if letter.group_id:
            request["MessageGroupId"] = letter.group_id
        await self._json_call("sqs", account_id, region, "AmazonSQS.SendMessage", request)

    async def _to_topic(self, letter: Letter) -> None:
        _, _, _, region, account_id, _ = letter.arn.split(":")
        form = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": letter.arn,
            "Message": letter.body,
        }
        for number, (name, (type_, value)) in enumerate(letter.attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            form |= {
                f"{entry}.Name": name,
                f"{entry}.Value.DataType": type_,
                f"{entry}.Value.StringValue": value,
            }
        headers = _headers("sns", account_id, region)
        headers.append((b"Content-Type", b"application/x-www-form-urlencoded"))
        await self._call(b"POST", b"/", headers, urlencode(form).encode())

    async def _to_bus(self, letter: Letter) -> None:
        _, _, _, region, account_id, _ = letter.arn.split(":", 5)
        entry = {
            "Source": "lambda",
            "DetailType": letter.detail_type,
            "Detail": letter.body,
            "Resources": list(letter.resources),
            "EventBusName": letter.arn,
        }
        request = {"Entries": [entry]}
        answer = await self._json_call("events", account_id, region, "AWSEvents.PutEvents", request)
        if answer.get("FailedEntryCount"):
            raise ValueError(f"the event bus refused the record: {answer.get('Entries')}")

    async def _to_state_machine(self, letter: Letter) -> None:
        _, _, _, region, account_id, *_ = letter.arn.split(":")
        request = {"stateMachineArn": letter.arn, "input": letter.body}
        await self._json_call("states", account_id, region, "AWSStepFunctions.StartExecution", request)

    async def _json_call(
        self, service: str, account_id: str, region: str, target: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        version = b"1.0" if service in ("sqs", "states") else b"1.1"
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
            problem = f"{status} {answer[:500].decode('utf-8', 'replace')}"
            raise NotNow(problem) if status >= 500 or status in _TRY_AGAIN else ValueError(problem)
        return answer


def _letter(event: EventFinished, arn: str, body: str, what: str, **members: Any) -> Letter:
    invocation = event.invocation
    subject = f"event {invocation.request_id} ({event.condition}): {what}"
    function = invocation.function
    members["cause"] = function.function_name
    return Letter(
        str(uuid4()),
        function.account_id,
        function.region,
        arn,
        body,
        subject,
        function_arn=function.arn,
        role_arn=function.role,
        principal=PRINCIPAL,
        **members,
    )


def _headers(service: str, account_id: str, region: str) -> Headers:
    """AWS signs as the function's role; the neighbours read account and Region from the credential."""
    scope = f"{account_id}/20260101/{region}/{service}/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return [(b"Host", b"localhost"), (b"Authorization", signature.encode())]


def event_for(
    plane: ControlPlane, clock: Clock, function_arn: str, payload: bytes, trace_header: str
) -> Invocation:
    """Return the event that a function gets as another's destination, or from a service; without a header a trace begins.

    Raises ``ApiError`` when there is no such function.
    """
    account_id, region = function_arn.split(":")[4], function_arn.split(":")[3]
    route = plane.route(function_arn, None, Caller(account_id, region))
    function, routed = plane.choose(route)
    request.refuse_without_tenant(function)
    request_id, now = str(uuid4()), clock.now()
    return Invocation(
        request_id,
        function,
        payload,
        now,
        InvocationType.EVENT,
        trace_header=request.continued(trace_header, now, request_id),
        invoked_arn=route.invoked_arn,
        routed=routed,
    )
