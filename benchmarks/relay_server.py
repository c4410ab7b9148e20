"""The bare server with a process behind it: each body goes to a Python handler by two pipes, and its answer to the caller.

It makes the same switches between processes as a Lambda with a runtime of its own and does nothing else: no limits, no log, no
metrics, no checks. What a call takes here above the bare server is what the machine takes for them today.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import uvloop

from benchmarks.bare_server import BareProtocol, serve_until_told

_RUNTIME = """
import json, os
def handler(event, context):
    return {"ok": True}
while event := os.read(0, 65536):
    os.write(1, json.dumps(handler(json.loads(event), None)).encode())
"""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class _FromRuntime(asyncio.Protocol):
    caller: asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self.caller.write(_HEAD % (len(data), data))


class _RelayProtocol(BareProtocol):
    """One caller at a time: its requests are short and come in one segment."""

    to_runtime: int
    from_runtime: _FromRuntime

    def data_received(self, data: bytes) -> None:
        self.from_runtime.caller = self.transport
        os.write(self.to_runtime, data[data.find(b"\r\n\r\n") + 4 :])


def start_runtime() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _RUNTIME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )


async def serve(runtime: subprocess.Popen[bytes]) -> None:
    assert runtime.stdin is not None
    loop = asyncio.get_running_loop()
    _, _RelayProtocol.from_runtime = await loop.connect_read_pipe(_FromRuntime, runtime.stdout)
    _RelayProtocol.to_runtime = runtime.stdin.fileno()
    await serve_until_told(_RelayProtocol)
    runtime.stdin.close()  # which ends it


if __name__ == "__main__":
    uvloop.run(serve(start_runtime()))
