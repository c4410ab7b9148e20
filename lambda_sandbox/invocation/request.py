"""The parts of an Invoke request that are checked before anything runs; the same for every driver."""

from __future__ import annotations

import base64
import binascii
import json

from lambda_sandbox import errors, quotas
from lambda_sandbox.invocation.messages import InvocationType


def invocation_type(value: str) -> InvocationType:
    """Return the type that a header names; empty is ``RequestResponse``. Raises ``ValidationException``."""
    try:
        return InvocationType(value or "RequestResponse")
    except ValueError:
        raise errors.ValidationException(
            f"1 validation error detected: Value '{value}' at 'invocationType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
        ) from None


_REFUSED_HEADERS = {"x-amz-durable-execution-name": "DurableExecutionName", "x-amz-tenant-id": "TenantId"}


def refuse_header(name: str) -> None:
    """Raise ``NotImplementedException`` when a request header (lower case) asks for what is not emulated."""
    if name in _REFUSED_HEADERS:
        raise errors.NotImplementedException(
            f"Invoke.{_REFUSED_HEADERS[name]} is not emulated by this sandbox yet; see the API parity page."
        )


def checked_payload(body: bytes, kind: InvocationType) -> bytes:
    """Return the event as it goes to the runtime: JSON, within the limit. An empty body is an empty object.

    Raises ``RequestTooLargeException`` and ``InvalidRequestContentException``.
    """
    limit = quotas.ASYNC_PAYLOAD_BYTES if kind is InvocationType.EVENT else quotas.SYNC_PAYLOAD_BYTES
    if len(body) > limit:
        raise errors.RequestTooLargeException(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
    if not body:
        return b"{}"
    try:
        json.loads(body)
    except (ValueError, RecursionError) as reason:
        raise errors.InvalidRequestContentException(
            f"Could not parse request body into json: {reason}"
        ) from None
    return body


def decoded_context(value: str) -> str:
    """Return the client context as JSON text. Raises ``InvalidRequestContentException``."""
    if not value:
        return ""
    if len(value) > quotas.CLIENT_CONTEXT_BYTES:
        raise errors.InvalidRequestContentException(
            f"Client context must be at most {quotas.CLIENT_CONTEXT_BYTES} bytes"
        )
    try:
        return json.dumps(json.loads(base64.b64decode(value, validate=True)))
    except (binascii.Error, ValueError):
        raise errors.InvalidRequestContentException(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None


def trace_header(now: float, request_id: str) -> str:
    """Return an ``X-Amzn-Trace-Id`` made from the request id. ``now`` is seconds since the epoch."""
    digits = request_id.replace("-", "")
    return f"Root=1-{int(now):08x}-{digits[:24]};Parent={digits[16:]};Sampled=0"
