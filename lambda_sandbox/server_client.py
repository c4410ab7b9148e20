"""A client of a running server's own routes (``/_sandbox/…``), for the notebook, the command line and pytest."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lambda_sandbox.botocore_guard import is_loopback
from lambda_sandbox.clock import RealClock
from lambda_sandbox.config import ROOT_SECRET, Config
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.iam.signature import sign

START = "python -m lambda_sandbox serve"


class ServerClient:
    """Talks to the server at ``endpoint`` (an ``http`` URL on loopback). ``timeout_s`` bounds each answer."""

    def __init__(self, endpoint: str, timeout_s: float = 30.0) -> None:
        self.endpoint = _with_address(endpoint)
        self._timeout_s = timeout_s

    def health(self) -> dict[str, Any]:
        """Return the server's health. Raises ``SandboxFault`` when what answers there is not a sandbox."""
        health = self.read("/_sandbox/health")
        if "isolation" not in health or "version" not in health:
            raise self.not_a_sandbox()
        return health

    def not_a_sandbox(self) -> SandboxFault:
        """Return what to say when another program has the port."""
        return SandboxFault(f"{self.endpoint} answers, but it is not a Lambda sandbox; choose another port")

    def read(self, route: str, **query: str | None) -> dict[str, Any]:
        """Return the JSON of a ``GET``; arguments that are ``None`` are left out."""
        return self.send("GET", route, **query)

    def post(self, route: str) -> dict[str, Any]:
        """Return the JSON of a ``POST`` without a body."""
        return self.send("POST", route)

    def send(self, method: str, route: str, **query: str | None) -> dict[str, Any]:
        """Return the JSON of a request without a body; arguments that are ``None`` are left out."""
        return self.send_json(method, route, None, **query)

    def send_json(
        self, method: str, route: str, value: dict[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]:
        """Return the JSON of a request with a JSON body; arguments that are ``None`` are left out."""
        given = {name: text for name, text in query.items() if text is not None}
        target = f"{route}?{urlencode(given)}" if given else route
        body = json.dumps(value).encode() if value is not None else b""
        status, _, answer = self.request(method, target, body)
        return self._json(route, status, answer)

    def invoke(self, function_name: str, payload: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Invoke a function; return status, headers by lower-case name, and payload. Blocks until the answer is there."""
        path = f"/2015-03-31/functions/{quote(function_name, safe='')}/invocations"
        return self.request("POST", path, payload, {name.replace("_", "-"): v for name, v in headers.items()})

    def request(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; where IAM is enforced, as the root user of the account that the environment configures."""
        answer = self._send(method, target, body, headers or {})
        if answer[1].get("x-amzn-errortype") != "MissingAuthenticationTokenException":
            return answer
        config = Config.load()
        named = {**(headers or {}), "Host": urlsplit(self.endpoint).netloc}
        scope = (config.region, "lambda")
        signed = sign(method, target, named, body, config.account_id, ROOT_SECRET, scope, RealClock().now())
        return self._send(method, target, body, signed)

    def _send(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        address = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self._timeout_s)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxFault(
                f"no sandbox answers at {self.endpoint} ({error}); start one with: {START} --port {address.port}"
            ) from None
        finally:
            connection.close()

    def _json(self, route: str, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status == 400 and isinstance(answer, dict) and "message" in answer:
            raise SandboxFault(answer["message"])
        if not isinstance(answer, dict) or (status != 200 and "message" not in answer):
            raise self.not_a_sandbox()
        if status != 200:
            what = body[:200].decode("utf-8", "replace").strip()
            raise SandboxFault(f"{self.endpoint}{route} answered {status}: {what}")
        return answer


def _with_address(endpoint: str) -> str:
    """Put an address for ``localhost``: botocore then writes S3's bucket into the path, not into the host name."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", 80 if parts.port is None else parts.port
        if port == 0:
            raise ValueError("nobody listens on port 0")
    except ValueError:
        raise SandboxFault(f"{endpoint!r} is not an address; write it as http://127.0.0.1:9000") from None
    if parts.scheme != "http" or not is_loopback(host):
        raise SandboxFault(
            f"{endpoint!r} is not a sandbox on this machine; write it as http://127.0.0.1:9000"
        )
    if host == "localhost":
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
