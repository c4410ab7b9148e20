"""Handlers that stream: what is written arrives before the handler ends, and a late error comes after what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import ROLE, Server
from tests.contract.handlers.running import AVAILABLE, zipped

NODE = AVAILABLE["nodejs22.x"]
pytestmark = pytest.mark.skipif(not NODE.available, reason=NODE.detail)
SOURCES = {
    "slow": "stream.write('first'); await new Promise((r) => setTimeout(r, 60000)); stream.end();",
    "metadata": """
        stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {'x-a': 'b'}});
        stream.write('body'); stream.end();""",
    "late": "stream.write('before'); await new Promise((r) => setTimeout(r, 20)); throw new TypeError('late');",
    "early": "throw new RangeError('early');",
    "objects": "stream.write({a: 1}); stream.end();",
    "big": "for (let i = 0; i < 80; i += 1) if (!stream.write('x'.repeat(100000)))"
    " await new Promise((r) => stream.once('drain', r)); stream.end();",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    for name, body in SOURCES.items():
        text = f"exports.handler = awslambda.streamifyResponse(async (event, stream) => {{ {body} }});"
        running.client("lambda").create_function(
            FunctionName=name,
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": zipped({"index.js": text})},
            MemorySize=1769,
            Timeout=2,
        )
    yield running
    running.stop()


def stream(server: Server, name: str) -> tuple[bytes, dict[str, Any]]:
    """Return all chunks together, and the end of the stream."""
    answer = server.client("lambda").invoke_with_response_stream(FunctionName=name, Payload=b"{}")
    chunks, end = [], {}
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            chunks.append(event["PayloadChunk"]["Payload"])
        else:
            end = event["InvokeComplete"]
    return b"".join(chunks), end


def test_the_first_part_arrives_before_the_handler_ends(server: Server) -> None:
    answer = server.client("lambda").invoke_with_response_stream(FunctionName="slow", Payload=b"{}")
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first"
    rest = list(events)  # nobody lets the handler go on: its timeout ends it
    assert "Sandbox.Timedout" in rest[-1]["InvokeComplete"]["ErrorDetails"]


def test_metadata_goes_before_the_body_parted_by_eight_nul_bytes(server: Server) -> None:
    body = stream(server, "metadata")[0]
    metadata, _, rest = body.partition(bytes(8))
    assert json.loads(metadata) == {"statusCode": 201, "headers": {"x-a": "b"}}
    assert rest == b"body"


def test_an_error_after_the_first_byte_ends_the_stream_with_its_type(server: Server) -> None:
    body, end = stream(server, "late")
    assert body == b"before"
    assert end["ErrorCode"] == "Unhandled"
    details = json.loads(end["ErrorDetails"])
    assert (details["errorType"], details["errorMessage"]) == ("TypeError", "late")


def test_an_error_before_the_first_byte_is_told_as_well(server: Server) -> None:
    _, end = stream(server, "early")
    assert "RangeError" in json.dumps(end)


def test_objects_are_written_as_json(server: Server) -> None:
    assert stream(server, "objects")[0] == b'{"a":1}'


def test_a_stream_may_be_longer_than_a_payload(server: Server) -> None:
    assert len(stream(server, "big")[0]) == 8_000_000
