"""Stacks with APIs for tests: made from a template, called over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from tests.contract.conftest import Server
from tests.contract.http_api_stage import call

FUNCTION = """
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
        import json
        def handler(event, context):
            context = event["requestContext"]
            route = event.get("resource") or context["routeKey"]
            return {"statusCode": 200, "body": json.dumps({"route": route, "who": context.get("authorizer")})}
"""


def deploy(server: Server, name: str, template: str) -> dict[str, str]:
    stacks = server.client("cloudformation")
    stacks.create_stack(
        StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    return outputs(server, name)


def outputs(server: Server, name: str) -> dict[str, str]:
    stack = server.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"].endswith("_COMPLETE"), stack.get("StackStatusReason")
    assert "ROLLBACK" not in stack["StackStatus"], stack.get("StackStatusReason")
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def get(server: Server, host: str, target: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    answer, body = call(server, host, method, target, None, headers)
    return answer.status, json.loads(body or b"null")


def rest_host(server: Server, api_id: str) -> str:
    return f"{api_id}.execute-api.us-east-1.localhost:{urlsplit(server.endpoint).port}"
