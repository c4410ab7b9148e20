"""Fetches from the origins of a distribution: buckets of the sandbox, and HTTP servers on this machine.

DIFFERS: CloudFront fetches only from the sandbox's own buckets and from ``http`` servers on this machine. Origins elsewhere, and
``https`` origins, are refused.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.drivers.api_definitions import Neighbour
from lambda_sandbox.front_doors.edge_event import EdgeRequest, EdgeResponse
from lambda_sandbox.front_doors.edge_headers import Headers
from lambda_sandbox.http1 import HOP_BY_HOP, ClientConnection, encode_request

_BUCKET = re.compile(r"(?P<bucket>[a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|(?:.+\.)?localhost")
_FRAMING = frozenset({"content-length", "connection", "keep-alive", "transfer-encoding"})


class OriginFailed(Exception):
    """The origin cannot be asked or did not answer: ``status`` is what the viewer gets."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Origins:
    """``account_id`` and ``region`` are the sandbox's own; its buckets are read as the account itself.

    ``buckets_only`` refuses every server: whose work is graded would reach the grader's machine, and the sandbox of another.
    """

    def __init__(
        self, neighbour: Neighbour, account_id: str, region: str, *, buckets_only: bool = False
    ) -> None:
        self._neighbour = neighbour
        self._buckets_only = buckets_only
        scope = f"{account_id}/20260101/{region}/s3/aws4_request"
        self._authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode()

    async def fetch(self, request: EdgeRequest) -> EdgeResponse:
        """Send ``request`` to the origin that is in it. Raises ``OriginFailed``."""
        kind, origin = next(iter(request.origin.items()))
        return await (
            self._from_bucket(origin, request) if kind == "s3" else self._from_server(origin, request)
        )

    async def _from_bucket(self, origin: Mapping[str, Any], request: EdgeRequest) -> EdgeResponse:
        named = _BUCKET.fullmatch(origin["domainName"])
        if named is None:
            raise OriginFailed(502, f"{origin['domainName']} is not the name of a bucket's endpoint")
        if request.method not in ("GET", "HEAD"):
            raise OriginFailed(501, f"The sandbox reads buckets as origins, and this is {request.method}.")
        target = f"/{named['bucket']}{origin.get('path', '')}{request.uri}"
        headers = [(b"Host", b"localhost"), (b"Authorization", self._authorization), *_custom(origin)]
        headers += [
            (name.encode(), value.encode())
            for name, value in request.headers
            if name.lower() in ("range", "if-none-match", "if-modified-since")
        ]
        method, encoded = request.method.encode(), target.encode("latin-1", "replace")
        status, answered, body = await self._neighbour.forward(method, encoded, headers, b"")
        return EdgeResponse(status, _plain(answered), body)

    async def _from_server(self, origin: Mapping[str, Any], request: EdgeRequest) -> EdgeResponse:
        domain, port = str(origin["domainName"]), int(origin["port"])
        if self._buckets_only:
            raise OriginFailed(
                502, f"While work is graded origins are buckets of the sandbox, and {domain} is a server."
            )
        if not _LOOPBACK.fullmatch(domain.lower()):
            raise OriginFailed(
                502, f"The sandbox asks origins on this machine only, and {domain} is not on loopback."
            )
        if origin["protocol"] != "http":
            raise OriginFailed(502, f"The sandbox speaks plain HTTP to origins: set http-only for {domain}.")
        address = domain if re.fullmatch(r"127\.\d+\.\d+\.\d+", domain) else "127.0.0.1"
        query = f"?{request.query}" if request.query else ""
        target = f"{origin.get('path', '')}{request.uri}{query}".encode("latin-1", "replace")
        headers = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in request.headers
        ]
        headers = [_with_port(name, value, domain, port) for name, value in headers] + _custom(origin)
        data = encode_request(request.method.encode(), target, headers, request.body)
        try:
            async with asyncio.timeout(float(origin.get("readTimeout", 30))):
                return await _exchange(address, port, data, head=request.method == "HEAD")
        except TimeoutError:
            raise OriginFailed(504, f"The origin {domain}:{port} did not answer in time.") from None
        except OSError as reason:
            raise OriginFailed(502, f"The origin {domain}:{port} cannot be reached: {reason}") from None


async def _exchange(address: str, port: int, data: bytes, *, head: bool) -> EdgeResponse:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(ClientConnection, address, port)
    try:
        answer = await connection.request(data, head=head)
    finally:
        connection.close()
    return EdgeResponse(answer.status, _plain(answer.headers), answer.body)


def _with_port(name: bytes, value: bytes, domain: str, port: int) -> tuple[bytes, bytes]:
    """A server that is not on port 80 is named with its port."""
    if name.lower() == b"host" and value.decode("latin-1") == domain and port != 80:
        return name, f"{domain}:{port}".encode()
    return name, value


def _custom(origin: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    headers = origin.get("customHeaders") or {}
    return [
        (str(each.get("key") or name).encode(), str(each["value"]).encode())
        for name, values in headers.items()
        for each in values
    ]


def _plain(headers: list[tuple[bytes, bytes]]) -> Headers:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name.lower() not in HOP_BY_HOP and name.decode("latin-1").lower() not in _FRAMING
    )
