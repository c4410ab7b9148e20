"""HTTP APIs for tests: one made with boto3, the plain client that calls it, and the function behind it."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server

ECHO = """
import base64, json, time

def handler(event, context):
    path = event.get("rawPath") or event.get("path")
    what = path.rstrip("/").rsplit("/", 1)[-1]
    if what == "text":
        return "Hello"
    if what == "plain":
        return {"greeting": "hi"}
    if what == "made":
        return {"statusCode": 201, "body": "made", "cookies": ["a=1; Path=/", "b=2"], "headers": {"X-Shop": "Cloudberry"}}
    if what == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes(range(256))).decode()}
    if what == "bad":
        return {"statusCode": "fine", "body": ""}
    if what == "fail":
        raise ValueError("no")
    if what == "slow":
        time.sleep(5)
    if what == "own-cors":
        return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://mine.example"}, "body": ""}
    return {"statusCode": 200, "body": json.dumps(event)}
"""
Answer = tuple[http.client.HTTPResponse, bytes]


class Api:
    """One HTTP API and a client for it: the connection goes to the endpoint itself, with the API's name as ``Host``."""

    def __init__(self, server: Server, name: str, **options: Any) -> None:
        self.server = server
        self.client = server.client("apigatewayv2")
        made = self.client.create_api(Name=name, ProtocolType="HTTP", **options)
        self.id, self.endpoint = made["ApiId"], made["ApiEndpoint"]

    def integrate(self, function_arn: str, version: str = "2.0", **options: Any) -> str:
        made = self.client.create_integration(
            ApiId=self.id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function_arn,
            PayloadFormatVersion=version,
            **options,
        )
        return f"integrations/{made['IntegrationId']}"

    def route(self, key: str, target: str, **options: Any) -> None:
        self.client.create_route(ApiId=self.id, RouteKey=key, Target=target, **options)

    def stage(self, name: str = "$default", **options: Any) -> None:
        self.client.create_stage(ApiId=self.id, StageName=name, AutoDeploy=True, **options)

    def call(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        return call(self.server, urlsplit(self.endpoint).netloc, method, target, body, headers)

    def event(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Any:
        answer, data = self.call(method, target, body, **headers)
        assert answer.status == 200, data
        return json.loads(data)


def call(
    server: Server, host: str, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    address = urlsplit(server.endpoint)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, {"Host": host, **named})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


@pytest.fixture(scope="module")
def function(server: Server) -> str:
    return server.deploy("echo", ECHO, invoked_by="apigateway", Timeout=10)
