"""Where functions answer for custom resources: an address of loopback that takes one PUT for each request, as S3 does on AWS.

AWS gives a function a presigned address of an S3 bucket of CloudFormation's. Here it is a listener of its own, which every
function reaches, also from a network namespace.

DIFFERS: the ``ResponseURL`` of a custom resource begins with ``http`` and is on this machine; AWS's begins with ``https``. What a function
in Node.js or Python sends to it by TLS or to port 443, as ``cfn-response`` and the CDK's own functions do, arrives all the same. Other
languages, and Python with ``--runtime-client native``, have to read the scheme and the port from the address.

Source: CloudFormation template reference, "Custom resource reference" (request and response objects), read 2026-11.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from lambda_sandbox.quotas import CUSTOM_RESOURCE_RESPONSE_MAX_BYTES
from lambda_sandbox.services.forwarder import Forwarder

_OWNER = "custom resources"
# POLICY: an address is good for as long as somebody waits for it; the number in it is AWS's, two hours.
_EXPIRES_S = 7200
_MISMATCH = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we '
    b"calculated does not match the signature you provided.</Message></Error>"
)


@dataclass
class Awaited:
    """One answer that is waited for. ``body`` is what came, ``None`` for one that is too long."""

    url: str
    target: str
    body: bytes | None = b""
    came: threading.Event = field(default_factory=threading.Event)


class Answers:
    """One listener for the whole process, made when the first custom resource needs it."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._awaited: dict[str, Awaited] = {}

    def expect(self, stack_id: str, logical_id: str, request_id: str, region: str) -> Awaited:
        """Return where the answer to one request goes. Raises ``OSError`` when functions cannot be given the way."""
        server = self._listening()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        bucket = f"cloudformation-custom-resource-response-{region.replace('-', '')}"
        key = quote(f"{stack_id}|{logical_id}|{request_id}", safe=":")
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={now}&X-Amz-SignedHeaders=host&X-Amz-Expires={_EXPIRES_S}"
            f"&X-Amz-Credential=sandbox%2F{now[:8]}%2F{region}%2Fs3%2Faws4_request&X-Amz-Signature={secrets.token_hex(32)}"
        )
        target = f"/{bucket}/{key}?{query}"
        awaited = Awaited(f"http://127.0.0.1:{server.server_port}{target}", target)
        self._awaited[target] = awaited
        return awaited

    def wait(self, awaited: Awaited, timeout_s: float) -> bool:
        """Return whether an answer came within so many seconds; later ones are refused."""
        try:
            return awaited.came.wait(timeout_s)
        finally:
            self._awaited.pop(awaited.target, None)

    def take(self, target: str, body: bytes | None) -> bool:
        """Keep an answer; False for an address that nobody waits for, or that has had its answer."""
        awaited = self._awaited.pop(target, None)
        if awaited is None:
            return False
        awaited.body = body
        awaited.came.set()
        return True

    def _listening(self) -> ThreadingHTTPServer:
        with self._lock:
            if self._server is None:
                server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
                server.daemon_threads = True
                threading.Thread(target=server.serve_forever, daemon=True).start()
                self._server = server
            self._forwarder.open(_OWNER, [("127.0.0.1", self._server.server_port)])
            return self._server


def read(body: bytes | None, request: dict[str, Any]) -> dict[str, Any]:
    """Return a function's answer to ``request``. Raises ``ValueError`` with what CloudFormation says of one that is none."""
    if body is None:
        raise ValueError("Response object is too long.")
    try:
        answer = json.loads(body)
    except ValueError:
        raise ValueError("Invalid response object: it is not JSON.") from None
    if not isinstance(answer, dict):
        raise ValueError("Invalid response object: it is not a JSON object.")
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise ValueError("Invalid response object: Value for property {/Status} must be SUCCESS or FAILED.")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != request[name]:
            raise ValueError(
                f"Invalid response object: Value for property {{/{name}}} must be that of the request."
            )
    if answer["Status"] == "FAILED" and not answer.get("Reason"):
        raise ValueError("Invalid response object: Value for property {/Reason} must not be empty.")
    if not isinstance(answer.get("Data") or {}, dict):
        raise ValueError("Invalid response object: Value for property {/Data} must be an object.")
    return answer


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_PUT(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            fits = length <= CUSTOM_RESOURCE_RESPONSE_MAX_BYTES
            body = self.rfile.read(length) if fits else None
            if not fits:
                self.close_connection = True
            if answers.take(self.path, body):
                self._answer(200, b"")
            else:
                self._answer(403, _MISMATCH)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the function's own log has what it sent."""

    return Handler
