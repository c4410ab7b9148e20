"""REST APIs for tests: one made with boto3, the plain client that calls it, and the function behind it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server
from tests.contract.http_api_stage import Answer, call

ECHO = """
import base64, json, time

def handler(event, context):
    what = event["path"].rstrip("/").rsplit("/", 1)[-1]
    if what == "made":
        return {
            "statusCode": "201", "body": "made",
            "headers": {"X-Count": 3, "X-Flag": True, "Date": "today", "X-Both": "one"},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "x-both": ["two"]},
        }
    if what == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes(range(256))).decode()}
    if what == "fail":
        raise ValueError("no")
    if what == "slow":
        time.sleep(5)
    malformed = {
        "text": "Hello", "nothing": None, "no-status": {"body": "x"}, "no-text": {"statusCode": 200, "body": {"a": 1}},
        "no-number": {"statusCode": "fine", "body": ""}, "unknown": {"statusCode": 200, "body": "", "data": 1},
        "inject": {"statusCode": 200, "headers": {"x": "a\\r\\nset-cookie: stolen=1"}, "body": ""},
        "list": {"statusCode": 200, "headers": {"x": ["a"]}, "body": ""},
    }
    if what in malformed:
        return malformed[what]
    return {"statusCode": 200, "body": json.dumps(event)}
"""


def uri(function_arn: str) -> str:
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function_arn}/invocations"


class Api:
    """One REST API and a client for it."""

    def __init__(self, server: Server, name: str, client: Any = None, **options: Any) -> None:
        self.server = server
        self.client = client or server.client("apigateway")
        made = self.client.create_rest_api(name=name, **options)
        self.id = made["id"]
        self.resources = {"/": made["rootResourceId"]}
        self.host = f"{self.id}.execute-api.us-east-1.localhost:{urlsplit(server.endpoint).port}"

    def resource(self, path: str) -> str:
        if path not in self.resources:
            parent, _, part = path.rpartition("/")
            made = self.client.create_resource(
                restApiId=self.id, parentId=self.resource(parent or "/"), pathPart=part
            )
            self.resources[path] = made["id"]
        return self.resources[path]

    def at(self, path: str, method: str) -> dict[str, str]:
        return {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": method}

    def method(self, path: str, method: str, integration: dict[str, Any], **options: Any) -> None:
        at = self.at(path, method)
        self.client.put_method(**at, **{"authorizationType": "NONE", **options})
        self.client.put_integration(**at, **integration)

    def proxy(self, path: str, method: str, function_arn: str, **options: Any) -> None:
        integration = {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri(function_arn)}
        self.method(path, method, integration, **options)

    def respond(self, path: str, method: str, status: str, **options: Any) -> None:
        self.client.put_method_response(**self.at(path, method), statusCode=status)
        self.client.put_integration_response(**self.at(path, method), statusCode=status, **options)

    def deploy(self, stage: str = "prod", **options: Any) -> None:
        self.client.create_deployment(restApiId=self.id, stageName=stage, **options)

    def call(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        return call(self.server, self.host, method, target, body, headers)

    def event(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Any:
        answer, data = self.call(method, target, body, **headers)
        assert answer.status == 200, data
        return json.loads(data)


def refusal(answered: Answer) -> tuple[int, Any]:
    return answered[0].status, json.loads(answered[1])


@pytest.fixture(scope="module")
def function(server: Server) -> str:
    return server.deploy("echo", ECHO, invoked_by="apigateway", Timeout=10)
