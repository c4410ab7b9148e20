"""Requests for S3, SQS and the rest: passed on to the neighbours, and whoever waits for what they change is told.

Metrics, alarms and traces the sandbox knows itself, and what keys of usage plans have used.
"""

from __future__ import annotations

import asyncio
import json

from lambda_sandbox.drivers.cloudwatch import Answer
from lambda_sandbox.drivers.endpoint import Endpoint
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import Caller
from lambda_sandbox.services.neighbours import ACCOUNT_HEADER
from lambda_sandbox.telemetry.neighbour_usage import Cause

# What is written there reaches a stream: event source mappings need not wait for their next look.
_STREAM_WRITERS = frozenset({b"kinesis", b"dynamodb"})
# Where schedules are made and switched.
_SCHEDULERS = frozenset({b"events", b"scheduler", b"cloudformation"})

_SWITCHED_OFF: Answer = (
    503,
    [(b"Content-Type", b"application/json")],
    json.dumps(
        {"message": "the neighbours (S3, SQS and the rest) are switched off in this sandbox"}
    ).encode(),
)


async def answer(
    endpoint: Endpoint, request: Request, service: bytes, caller: Caller, cause: tuple[Cause, float]
) -> Answer:
    """Return what ``service`` answers to ``caller``. ``cause`` is whose request it is, and how far that one's clock is off."""
    doors = endpoint.front_doors
    if service == b"apigateway" and doors is not None and doors.usage.takes(request.method, request.target):
        account_id = request.principal.account_id if request.principal is not None else caller.account_id
        return await doors.usage.answer(request.target, account_id, caller.region)
    own = _observed(endpoint, request, service, caller)
    return own or await _forward(endpoint, request, service, caller, cause)


async def _forward(
    endpoint: Endpoint, request: Request, service: bytes, caller: Caller, cause: tuple[Cause, float]
) -> Answer:
    neighbours = endpoint.neighbours
    if neighbours is None:
        return _SWITCHED_OFF
    if service == b"logs" and endpoint.log_copies is not None:
        await endpoint.log_copies.flush()
    given = [pair for pair in request.headers if pair[0] != ACCOUNT_HEADER]
    if request.principal is not None:
        given.append((ACCOUNT_HEADER, request.principal.account_id.encode()))
    status, headers, body = await neighbours.forward(
        request.method.decode(), request.target.decode("latin-1"), given, request.body, *cause
    )
    _tell(endpoint, request, service, caller, status)
    lines = [pair for pair in headers if request.method == b"HEAD" or pair[0].lower() != b"content-length"]
    return status, lines, body


def _tell(endpoint: Endpoint, request: Request, service: bytes, caller: Caller, status: int) -> None:
    """Tell whoever keeps or waits for what the request may have changed."""
    if endpoint.gate is not None:
        endpoint.gate.forwarded(service)
    if service == b"logs" and endpoint.log_copies is not None and status == 200:
        target = request.header(b"x-amz-target").decode("latin-1")
        endpoint.log_copies.forwarded(target, request.body, caller.account_id, caller.region)
    if service in _STREAM_WRITERS:
        endpoint.on_stream_write()
    if service in _SCHEDULERS and not request.header(b"x-amz-target").endswith(b".PutEvents"):
        endpoint.on_schedule_change()
    if endpoint.front_doors is not None:
        endpoint.front_doors.forwarded(service)


def _observed(endpoint: Endpoint, request: Request, service: bytes, caller: Caller) -> Answer | None:
    """Answer what asks for metrics, alarms and traces."""
    if service not in (b"monitoring", b"xray"):
        return None
    account_id = request.principal.account_id if request.principal is not None else caller.account_id
    fields = dict(request.headers)
    driver = endpoint.driver
    try:
        if service == b"xray":
            target = request.target.decode("latin-1")
            return driver.xray.answer(
                request.method.decode(), target, fields, request.body, account_id, caller.region
            )
        return driver.cloudwatch.answer(request.target, fields, request.body, account_id, caller.region)
    except Exception as fault:
        asyncio.get_running_loop().call_exception_handler({"message": "request failed", "exception": fault})
        return 500, [], f"the sandbox failed ({type(fault).__name__}: {fault}); please report it".encode()
