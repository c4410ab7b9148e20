"""What stands in front of functions is on the bill: each kind of door, through real HTTP and real WebSockets."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.request import urlopen

from tests.contract import test_alb, test_edge, test_http_api, test_rest_api, test_websocket_api
from tests.contract.conftest import Server

GREETING = """
def handler(event, context):
    size = int((event.get("queryStringParameters") or {}).get("size") or 5)
    return {"statusCode": 200, "body": "x" * size}
"""
DENIAL = """
def handler(event, context):
    return {"isAuthorized": False}
"""
CHAT = """
import json

def handler(event, context):
    if "body" not in event:
        return {"statusCode": 200}
    return {"statusCode": 200, "body": "y" * json.loads(event["body"])["answer"]}
"""


def used(server: Server, function: str) -> dict[str, str]:
    """Return what was metered for a function, without its own logs."""
    with urlopen(f"{server.endpoint}/_sandbox/bill") as answer:  # loopback
        rows = json.load(answer)["neighbours"]["rows"]
    return {
        row["meter"]: row["quantity"]
        for row in rows
        if row["function_name"] == function and row["meter"] != "logs.bytes"
    }


def test_requests_of_an_http_api_count_by_512_kb(server: Server) -> None:
    arn = server.deploy("greeter", GREETING, invoked_by="apigateway")
    api = test_http_api.Api(server, "greeter")
    api.route("GET /", api.integrate(arn))
    api.stage()
    for target in ("/", "/", f"/?size={600 * 1024}"):
        assert api.call("GET", target)[0].status == 200
    assert used(server, "greeter") == {
        "apigateway.http": "4",
        "transfer.out": str(5 + 5 + 600 * 1024),
    }


def test_who_may_not_come_in_costs_nothing_at_the_door(server: Server) -> None:
    arn = server.deploy("guarded", GREETING, invoked_by="apigateway")
    guard = server.deploy("guard", DENIAL, invoked_by="apigateway")
    api = test_http_api.Api(server, "guarded")
    authorizer = api.client.create_authorizer(
        ApiId=api.id,
        Name="guard",
        AuthorizerType="REQUEST",
        AuthorizerUri=test_rest_api.uri(guard),
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"],
    )["AuthorizerId"]
    api.route("GET /", api.integrate(arn), AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    api.stage()
    assert api.call("GET", "/", Authorization="please")[0].status == 403
    assert used(server, "guarded") == used(server, "guard") == {}


def test_each_request_of_a_rest_api_counts_and_one_without_a_function_is_nobodys(server: Server) -> None:
    arn = server.deploy("rested", GREETING, invoked_by="apigateway")
    api = test_rest_api.Api(server, "rested")
    api.proxy("/", "GET", arn)
    api.method(
        "/mock", "GET", {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    )
    api.respond("/mock", "GET", "200")
    api.deploy()
    before = used(server, "outside").get("apigateway.rest", "0")
    for path in ("/prod/", "/prod/", "/prod/mock"):
        assert api.call("GET", path)[0].status == 200
    assert used(server, "rested") == {"apigateway.rest": "2", "transfer.out": "10"}
    assert int(used(server, "outside")["apigateway.rest"]) - int(before) == 1


def test_messages_of_a_web_socket_count_both_ways_and_so_do_its_minutes(server: Server) -> None:
    arn = server.deploy("talker", CHAT, invoked_by="apigateway")
    api = test_websocket_api.Api(server, "talker", arn, ["$connect", "say"])
    with api.connect() as client:
        client.send(json.dumps({"action": "say", "answer": 40_000}))  # 32 KB make one message
        assert len(client.recv(timeout=30)) == 40_000
    ends = time.monotonic() + 30
    while "apigateway.websocket-minutes" not in used(server, "talker"):
        assert time.monotonic() < ends, "the connection's end was not noticed"
    assert used(server, "talker") == {
        "apigateway.websocket": "3",
        "apigateway.websocket-minutes": "1",
        "transfer.out": "40000",
    }


def test_bytes_of_a_load_balancer_count(server: Server) -> None:
    balancer = test_alb.Balancer(server)
    body = balancer.fetch("/", "POST", b"12345")[1]
    assert used(server, "web") == {"alb.bytes": str(5 + len(body)), "transfer.out": str(len(body))}


def test_requests_at_the_edge_count_and_their_price_is_said_to_be_unconfirmed(server: Server) -> None:
    edge = test_edge.Edge(server, 1)
    name = edge.distribution(lambdas=("viewer-request",))
    assert edge.fetch(name, "/", x_do="redirect")[0].status == 302
    assert used(server, "edge")["cloudfront.requests"] == "1"
    with urlopen(f"{server.endpoint}/_sandbox/bill") as answer:  # loopback
        told: dict[str, Any] = json.load(answer)["neighbours"]["prices"]["meters"]["cloudfront.requests"]
    assert (told["usd"], told["confirmed"]) == ("0.000001", False)
