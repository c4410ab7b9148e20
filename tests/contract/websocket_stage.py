"""WebSocket APIs for tests: one made with boto3, clients that speak to it, and the function behind it."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import boto3
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import Server
from tests.contract.rest_api_stage import uri

CHAT = """
import json, os, boto3

def handler(event, context):
    context = event["requestContext"]
    if context["eventType"] == "CONNECT":
        query = event.get("queryStringParameters") or {}
        if query.get("fail"):
            raise ValueError("no")
        headers = {}
        if "Sec-WebSocket-Protocol" in event["headers"]:
            headers = {"Sec-WebSocket-Protocol": "shop.v1"}
        return {"statusCode": int(query.get("status", 200)), "headers": headers}
    if context["eventType"] == "DISCONNECT":
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
        return {"statusCode": 200}
    if context["routeKey"] == "fail":
        raise ValueError("no")
    if context["routeKey"] == "call-back":
        client = boto3.client("apigatewaymanagementapi")  # AWS_ENDPOINT_URL leads to the sandbox
        client.post_to_connection(ConnectionId=context["connectionId"], Data=b"from the function")
    return {"statusCode": 200, "body": json.dumps(event)}
"""


class Api:
    """One WebSocket API with a stage ``prod``, and clients for it."""

    def __init__(
        self, server: Server, name: str, function: str, keys: list[str], **connect_options: Any
    ) -> None:
        self.server = server
        self.client = server.client("apigatewayv2")
        made = self.client.create_api(
            Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )
        self.id, self.endpoint = made["ApiId"], made["ApiEndpoint"]
        integration = self.client.create_integration(
            ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=uri(function)
        )["IntegrationId"]
        for key in keys:
            options = (
                connect_options if key == "$connect" else {"RouteResponseSelectionExpression": "$default"}
            )
            route = self.client.create_route(
                ApiId=self.id, RouteKey=key, Target=f"integrations/{integration}", **options
            )["RouteId"]
            if not key.startswith("$c"):
                self.client.create_route_response(ApiId=self.id, RouteId=route, RouteResponseKey="$default")
        self.deploy()

    def deploy(self) -> None:
        deployment = self.client.create_deployment(ApiId=self.id)["DeploymentId"]
        self.client.create_stage(ApiId=self.id, StageName="prod", DeploymentId=deployment)

    def connect(self, query: str = "", **options: Any) -> ClientConnection:
        return connect_to(self.server, f"{self.endpoint}/prod{query}", **options)

    def management(self) -> Any:
        door = f"{self.server.endpoint}/_sandbox/door/{self.id}.execute-api.us-east-1/prod"
        keys = {
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
            "region_name": "us-east-1",
        }
        return boto3.client("apigatewaymanagementapi", endpoint_url=door, **keys)


def connect_to(server: Server, address: str, **options: Any) -> ClientConnection:
    """Open a WebSocket: the connection goes to the endpoint itself, with the API's name as ``Host``."""
    endpoint = urlsplit(server.endpoint)
    assert endpoint.hostname
    assert endpoint.port
    raw = socket.create_connection((endpoint.hostname, endpoint.port))
    return connect(address, sock=raw, proxy=None, **options)


def ask(client: ClientConnection, action: str, **members: Any) -> Any:
    client.send(json.dumps({"action": action, **members}))
    return json.loads(client.recv(timeout=30))
