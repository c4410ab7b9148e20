"""The parts of an Invoke request that are checked before anything runs; the same for every driver."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import os
import random
import re
from typing import NoReturn

import msgspec

from lambda_sandbox import errors, quotas
from lambda_sandbox.invocation.messages import EVENT, REQUEST_RESPONSE, InvocationType
from lambda_sandbox.resources import FunctionConfiguration

# They tell requests apart and open nothing: the kernel's random numbers would cost a system call each.
_numbers = random.Random()  # noqa: S311
_request_ids: list[str] = []  # drawn, and nobody's yet
_DRAWN_AT_ONCE = 64
_FIXED = 4 << 76 | 8 << 60  # version and variant
_DRAWN = (1 << 128) - 1 ^ (15 << 76 | 12 << 60)


def _begin_anew() -> None:
    _numbers.seed()
    _request_ids.clear()


if hasattr(os, "register_at_fork"):  # Windows has none, and no fork
    os.register_at_fork(after_in_child=_begin_anew)


def invocation_type(value: str, *, streamed: bool = False) -> InvocationType:
    """Return the type that a header names; empty is ``RequestResponse``. Raises ``ValidationException``.

    ``streamed``: the answer is a stream, so there is no ``Event``.
    """
    if not value:
        return REQUEST_RESPONSE
    allowed = "RequestResponse, DryRun" if streamed else "Event, RequestResponse, DryRun"
    try:
        kind = InvocationType(value)
    except ValueError:
        kind = None
    if kind is None or (streamed and kind is EVENT):
        raise errors.ValidationException(
            f"1 validation error detected: Value '{value}' at 'invocationType' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{allowed}]"
        )
    return kind


def wants_tail(log_type: str) -> bool:
    """Return whether a header asks for the end of the log. Raises ``ValidationException``."""
    if log_type not in ("None", "Tail"):
        raise errors.ValidationException(
            f"1 validation error detected: Value '{log_type}' at 'logType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [None, Tail]"
        )
    return log_type == "Tail"


_JSON = msgspec.json.Decoder(msgspec.Raw)  # looks at every byte and builds nothing
_TENANT = re.compile(r"[a-zA-Z0-9._:/=+\-@ ]{1,256}")


def refuse_without_tenant(function: FunctionConfiguration) -> None:
    """Raise ``InvalidParameterValueException`` for a function that needs a tenant: who asks has no way to name one."""
    if function.tenant_isolation:
        tenant_id(function, "")


def tenant_id(function: FunctionConfiguration, value: str) -> str:
    """Return the tenant that an event belongs to.

    Raises ``InvalidParameterValueException`` for a function that needs one and got none, or got one it does not take;
    ``ValidationException`` for a malformed one.
    """
    if not function.tenant_isolation:
        raise errors.InvalidParameterValueException(
            "The invoked function is not enabled with tenant configuration. "
            "Remove the tenant ID from your request and try again."
        )
    if not value:
        raise errors.InvalidParameterValueException(
            "The invoked function is enabled with tenancy configuration. "
            "Add a valid tenant ID in your request and try again."
        )
    if not _TENANT.fullmatch(value):
        raise errors.ValidationException(
            f"1 validation error detected: Value '{value}' at 'tenantId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9\\._:\\/=+\\-@ ]+"
        )
    return value


def cognito_identity(value: str) -> str:
    """Return the identity as the runtime gets it: JSON with ``cognitoIdentityId`` and ``cognitoIdentityPoolId``.

    Raises ``InvalidRequestContentException``.

    DIFFERS: ``context.identity`` is filled from the header ``X-Sandbox-Cognito-Identity`` of an invoke, which carries the JSON. AWS
    takes it from the caller's Cognito credentials.
    """
    try:
        members = json.loads(value)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise errors.InvalidRequestContentException("X-Sandbox-Cognito-Identity must be a JSON object.")
    return json.dumps(members)


DURABLE_NAME = b"x-amz-durable-execution-name"
_DURABLE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def durable_name(value: str) -> str:
    """Return the name that a durable execution is to have, empty for one of Lambda's choice. Raises ``ValidationException``."""
    if value and not _DURABLE_NAME.fullmatch(value):
        raise errors.ValidationException(
            f"1 validation error detected: Value '{value}' at 'durableExecutionName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"
        )
    return value


def refuse_durable_name() -> NoReturn:
    """Raise ``InvalidParameterValueException``: a name for a durable execution, and a function that has none."""
    # UNCONFIRMED: wording
    raise errors.InvalidParameterValueException(
        "DurableExecutionName is supported for durable functions only. Remove it from your request and try again."
    )


def checked_payload(body: bytes, kind: InvocationType) -> bytes:
    """Return the event as it goes to the runtime: JSON, within the limit. An empty body is an empty object.

    Raises ``RequestTooLargeException`` and ``InvalidRequestContentException``.
    """
    limit = quotas.ASYNC_PAYLOAD_BYTES if kind is EVENT else quotas.SYNC_PAYLOAD_BYTES
    if len(body) > limit:
        raise errors.RequestTooLargeException(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
    if not body:
        return b"{}"
    try:
        _check_json(body)
    except (ValueError, RecursionError) as reason:
        raise errors.InvalidRequestContentException(
            f"Could not parse request body into json: {reason}"
        ) from None
    return body


def _check_json(body: bytes) -> None:
    """Raise ``ValueError`` or ``RecursionError`` for what is not JSON in UTF-8."""
    text = body.decode()
    try:
        _JSON.decode(text)
    except msgspec.DecodeError:
        json.loads(
            text, parse_constant=_refuse_constant
        )  # it words faults better, and takes half a surrogate pair


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def decoded_context(value: str) -> str:
    """Return the client context as JSON text. Raises ``InvalidRequestContentException``."""
    if not value:
        return ""
    if len(value) > quotas.CLIENT_CONTEXT_BYTES:
        raise errors.InvalidRequestContentException(
            f"Client context must be at most {quotas.CLIENT_CONTEXT_BYTES} bytes"
        )
    try:
        context = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        context = None
    if not isinstance(context, dict):
        raise errors.InvalidRequestContentException(
            "Client context must be a valid Base64-encoded JSON object."
        )
    return json.dumps(context)


def new_request_id() -> str:
    """Return a random UUID (version 4). They are drawn by the dozen: one alone takes four times as long.

    >>> str(uuid.UUID(new_request_id()).version)
    '4'
    """
    if not _request_ids:
        _request_ids.extend(_drawn_id() for _ in range(_DRAWN_AT_ONCE))
    return _request_ids.pop()


def _drawn_id() -> str:
    digits = f"{_numbers.getrandbits(128) & _DRAWN | _FIXED:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# Behind whatever else the header holds: a load balancer's comes with ``Self`` before ``Root``.
_ROOT = re.compile(r"(?:^|;)\s*Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}\s*(?:;|$)")


@functools.lru_cache(maxsize=16)  # whoever sends one sends it again and again
def names_a_trace(header: str) -> bool:
    """Return whether a caller's ``X-Amzn-Trace-Id`` has a root that X-Ray takes; without one a trace begins.

    >>> names_a_trace("Root=1-5759e988-bd862e3fe1be46a994272793"), names_a_trace("Root=1-2-3")
    (True, False)

    Source: AWS X-Ray Developer Guide, "Elastic Load Balancing and AWS X-Ray" (the format), read 2026-11.
    """  # UNCONFIRMED: that Lambda begins a trace of its own where the header is malformed; it does where there is none
    return _ROOT.search(header) is not None


def continued(header: str, now: float, request_id: str) -> str:
    """Return the caller's header where it names a trace, else that of a trace that begins; as ``trace_header`` makes it."""
    return header if header and names_a_trace(header) else trace_header(now, request_id)


def trace_header(now: float, request_id: str) -> str:
    """Return an ``X-Amzn-Trace-Id`` made from the request id. ``now`` is seconds since the epoch."""
    digits = request_id.replace("-", "")
    return f"Root=1-{_hexadecimal(int(now))}-{digits[:24]};Parent={digits[16:]};Sampled=0"


@functools.lru_cache(maxsize=1)  # the same for thousands of them
def _hexadecimal(second: int) -> str:
    return f"{second:08x}"
