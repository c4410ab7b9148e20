"""The binary framing ``application/vnd.amazon.eventstream``: what ``InvokeWithResponseStream`` answers in.

A message is: total length, length of the headers, CRC of these eight bytes, headers, payload, CRC of all before it.
Source: Smithy specification, "Amazon Event Stream Specification", read 2026-11.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
# POLICY: InvokeWithResponseStream sends payload chunks of 256 KB at most. AWS documents no size, and may cut elsewhere.
_FRAME_BYTES = 1 << 18


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Return one framed message; every header is a string."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    start = prelude + struct.pack(">I", crc32(prelude))
    return b"".join((start, head, payload, struct.pack(">I", crc32(payload, crc32(head, crc32(start))))))


def payload_chunks(data: bytes) -> bytes:
    """Return ``data`` as one or more ``PayloadChunk`` events."""
    headers = {
        ":message-type": "event",
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
    }
    return b"".join(
        message(headers, data[at : at + _FRAME_BYTES]) for at in range(0, len(data), _FRAME_BYTES)
    )


def invoke_complete(error_code: str | None, error_details: str | None, log_result: str | None) -> bytes:
    """Return the ``InvokeComplete`` event that ends a stream; members that are ``None`` are left out."""
    members = {"ErrorCode": error_code, "ErrorDetails": error_details, "LogResult": log_result}
    body = {name: value for name, value in members.items() if value is not None}
    headers = {
        ":message-type": "event",
        ":event-type": "InvokeComplete",
        ":content-type": "application/json",
    }
    return message(headers, json.dumps(body).encode())


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text
