"""Frames as botocore's own decoder reads them."""

import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from lambda_sandbox.gateway import event_stream


def decoded(data: bytes) -> list[tuple[dict[str, object], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


@pytest.mark.parametrize("size", [1, 1 << 18, (1 << 18) + 1, 1_000_000])
def test_chunks_of_any_size_come_back_whole(size: int) -> None:
    frames = decoded(event_stream.payload_chunks(b"x" * size))
    assert b"".join(payload for _, payload in frames) == b"x" * size
    assert {headers[":event-type"] for headers, _ in frames} == {"PayloadChunk"}
    assert {headers[":message-type"] for headers, _ in frames} == {"event"}


def test_no_bytes_make_no_frame() -> None:
    assert event_stream.payload_chunks(b"") == b""


def test_the_end_names_only_what_there_is() -> None:
    [(headers, payload)] = decoded(event_stream.invoke_complete("Unhandled", "ü", None))
    assert headers[":event-type"] == "InvokeComplete"
    assert json.loads(payload) == {"ErrorCode": "Unhandled", "ErrorDetails": "ü"}
    assert json.loads(decoded(event_stream.invoke_complete(None, None, None))[0][1]) == {}


@pytest.mark.parametrize("place", [2, 9, 20, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    frame = bytearray(event_stream.payload_chunks(b"hello"))
    frame[place] ^= 1
    with pytest.raises(ChecksumMismatch):
        decoded(bytes(frame))
