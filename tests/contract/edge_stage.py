"""A CloudFront distribution for tests, the origin behind it, and the function at its edge."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server

# What a function does is chosen by the header x-do of the viewer; what it saw leaves in headers.
HANDLER = """
import base64, json

def handler(event, context):
    cf = event["Records"][0]["cf"]
    kind, request = cf["config"]["eventType"], cf["request"]
    do = request["headers"].get("x-do", [{"value": ""}])[0]["value"]
    if do == "raise":
        raise ValueError("asked to")
    if do == "nothing":
        return None
    if kind.endswith("response"):
        response = cf["response"]
        response["headers"]["x-" + kind] = [{"key": "X-" + kind, "value": json.dumps(sorted(cf))}]
        if do == "new-body":
            response["body"] = "made at the edge"
        if do == "new-status":
            response["status"] = "201"
        return response
    if do == "show":
        return {"status": "200", "headers": {"cache-control": [{"value": "no-store"}]}, "body": json.dumps(cf)}
    if do == "redirect":
        where = {"key": "Location", "value": "https://orchard.example/"}
        return {"status": "302", "statusDescription": "Found", "headers": {"location": [where]}}
    if do == "rewrite":
        request["uri"] = "/rewritten"
    if do == "relative":
        request["uri"] = "no-slash"
    if do == "method":
        request["method"] = "POST"
    if do == "hidden":
        request["headers"]["x-edge-thing"] = [{"key": "X-Edge-Thing", "value": "1"}]
    if do == "read-only":
        request["headers"]["via"] = [{"key": "Via", "value": "me"}]
    if do == "header":
        request["headers"]["x-added"] = [{"key": "X-Added", "value": "at the edge"}]
    if do == "wrong-key":
        request["headers"]["x-added"] = [{"key": "X-Other", "value": "1"}]
    if do == "large":
        return {"status": "200", "body": "x" * 41 * 1024}
    if do == "body":
        seen = base64.b64decode(request["body"]["data"])
        request["body"] = {
            "action": "replace", "encoding": "text",
            "data": f"{len(seen)} {request['body']['inputTruncated']}",
        }
    return request
"""


class Origin(BaseHTTPRequestHandler):
    """Answers with what it was asked, counts, and takes the answer's Cache-Control and status from the path."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        status = 404 if self.path.startswith("/missing") else 200
        told = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
        content = json.dumps({**told, "asked": self.asked}).encode()
        self.send_response(status)
        if self.path.startswith("/fresh"):
            self.send_header("Cache-Control", "max-age=60")
        if self.path.startswith("/never"):
            self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Edge:
    def __init__(self, server: Server, origin_port: int) -> None:
        self.server = server
        self.cloudfront = server.client("cloudfront")
        self.origin_port = origin_port
        self.version = self.publish("edge")
        self._made = 0

    def publish(self, name: str, **options: Any) -> str:
        self.server.deploy(name, HANDLER, Timeout=5, **options)
        arn: str = self.server.client("lambda").publish_version(FunctionName=name)["FunctionArn"]
        return arn

    def config(self, *, behaviours: list[dict[str, Any]] | None = None, **behaviour: Any) -> dict[str, Any]:
        self._made += 1
        custom = {
            "HTTPPort": self.origin_port, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only",
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        }  # fmt: skip
        key = {"Quantity": 1, "Items": [{"HeaderName": "X-Orchard-Key", "HeaderValue": "autumn"}]}
        origins = [
            {"Id": "server", "DomainName": "localhost", "CustomOriginConfig": custom, "CustomHeaders": key},
            {
                "Id": "bucket",
                "DomainName": "pears.s3.amazonaws.com",
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            },
        ]
        made: dict[str, Any] = {
            "CallerReference": f"orchard-{self._made}",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 2, "Items": origins},
            "DefaultCacheBehavior": self.behaviour(**behaviour),
        }
        if behaviours:
            made["CacheBehaviors"] = {"Quantity": len(behaviours), "Items": behaviours}
        return made

    def behaviour(
        self, target: str = "server", lambdas: tuple[str, ...] = (), *, arn: str = "", **options: Any
    ) -> dict[str, Any]:
        values = {
            "QueryString": True,
            "Cookies": {"Forward": "none"},
            "Headers": {"Quantity": 2, "Items": ["X-Do", "X-Added"]},
        }
        items = [
            {
                "LambdaFunctionARN": arn or self.version,
                "EventType": event,
                "IncludeBody": event.endswith("request"),
            }
            for event in lambdas
        ]
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "DELETE"]
        return {
            "TargetOriginId": target,
            "ViewerProtocolPolicy": "allow-all",
            "ForwardedValues": values,
            "MinTTL": 0,
            "AllowedMethods": {"Quantity": 7, "Items": methods},
            "LambdaFunctionAssociations": {"Quantity": len(items), "Items": items},
            **options,
        }

    def distribution(self, **options: Any) -> str:
        made = self.cloudfront.create_distribution(DistributionConfig=self.config(**options))
        name: str = made["Distribution"]["DomainName"]
        return name

    def fetch(
        self, name: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Resolvers of ``*.localhost`` differ, so the connection goes to the endpoint itself."""
        address = urlsplit(self.server.endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, {"Host": f"{name}:{address.port}", **names})
        answer = connection.getresponse()
        try:
            return answer, answer.read()
        finally:
            connection.close()

    def told(self, name: str, path: str, **options: Any) -> dict[str, Any]:
        answer, body = self.fetch(name, path, **options)
        assert answer.status == 200, body
        made: dict[str, Any] = json.loads(body)
        return made


@pytest.fixture(scope="module")
def edge(origin: ThreadingHTTPServer) -> Iterator[Edge]:
    server = Server()
    yield Edge(server, origin.server_port)
    server.stop()
