"""The events have the shape that Powertools' parser models, an independent reading of AWS's, accept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    ApiGatewayAuthorizerRequest,
    ApiGatewayAuthorizerRequestV2,
    APIGatewayProxyEventModel,
    APIGatewayProxyEventV2Model,
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
)

from lambda_sandbox.front_doors import http_api_event, rest_event, websocket_event
from lambda_sandbox.front_doors.http_request import HttpRequest
from lambda_sandbox.front_doors.visit import Visit

REQUEST = HttpRequest(
    "POST",
    "/prod/items/5",
    "a=1&a=2",
    (("Host", "abc.execute-api.us-east-1.localhost:9000"), ("Cookie", "s=1"), ("User-Agent", "test")),
    b'{"name": "jam"}',
)


def visit(**changes: Any) -> Visit:
    made = Visit(
        request=REQUEST,
        api_id="abc",
        account_id="123456789012",
        region="us-east-1",
        stage="prod",
        path="/items/5",
        request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        extended_request_id="JKJaXmPLvHcESHA=",
        now=1_700_000_000.5,
        trace="Root=1-65536000-0123456789abcdef01234567",
        route="/items/{id}",
        resource_id="r1",
        deployment_id="d1",
        path_parameters={"id": "5"},
        stage_variables={"currency": "EUR"},
    )
    return replace(made, **changes)


def test_a_rest_proxy_event_is_one() -> None:
    read = APIGatewayProxyEventModel.model_validate(rest_event.event(visit(), []))
    assert read.body == '{"name": "jam"}'
    assert read.multiValueQueryStringParameters == {"a": ["1", "2"]}
    assert str(read.requestContext.identity.sourceIp) == "127.0.0.1/32"
    assert read.requestContext.requestTimeEpoch.year == 2023


def test_an_http_event_of_format_2_0_is_one() -> None:
    read = APIGatewayProxyEventV2Model.model_validate(
        http_api_event.event_2_0(visit(route="POST /items/{id}"))
    )
    assert read.rawPath == "/prod/items/5"
    assert read.queryStringParameters == {"a": "1,2"}
    assert read.cookies == ["s=1"]


def test_an_http_event_of_format_1_0_is_one() -> None:
    event = http_api_event.event_1_0(visit(route="POST /items/{id}"))
    read = APIGatewayProxyEventModel.model_validate(event)
    assert (read.version, read.resource) == ("1.0", "/items/{id}")


def test_authorizer_events_are_what_authorizers_expect() -> None:
    rest = rest_event.authorizer_event(visit(authorizer=None))
    assert ApiGatewayAuthorizerRequest.model_validate(rest).pathParameters == {"id": "5"}
    http = http_api_event.authorizer_event_2_0(visit(route="POST /items/{id}"), ["token"])
    assert ApiGatewayAuthorizerRequestV2.model_validate(http).identitySource == ["token"]


def test_websocket_events_are_what_functions_expect() -> None:
    opened = visit(path="", identity={"connectedAt": 1_699_999_999_000})
    connected = websocket_event.connect_event(opened, "L0SM9cOFvHcCIhw=")
    message = websocket_event.message_event(opened, "L0SM9cOFvHcCIhw=", "say", "m1", "hello")
    ended = websocket_event.disconnect_event(opened, "L0SM9cOFvHcCIhw=", 1000, "bye")
    assert (
        APIGatewayWebSocketConnectEventModel.model_validate(connected).request_context.route_key == "$connect"
    )
    assert APIGatewayWebSocketMessageEventModel.model_validate(message).body == "hello"
    read = APIGatewayWebSocketDisconnectEventModel.model_validate(ended)
    assert read.request_context.disconnect_status_code == 1000


def test_a_forwarded_header_keeps_who_asked_first() -> None:
    behind = replace(REQUEST, headers=(*REQUEST.headers, ("x-forwarded-for", "203.0.113.9")))
    event = rest_event.event(visit(request=behind), [])
    assert event["headers"]["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"


@pytest.mark.parametrize(
    ("expression", "body", "route"),
    [
        ("$request.body.action", '{"action": "say"}', "say"),
        ("${request.body.a.b}", '{"a": {"b": "deep"}}', "deep"),
        ("$request.body.action", '{"action": 5}', "$default"),
        ("$request.body.action", "say", "$default"),
    ],
    ids=["name", "nested name", "not a text", "not JSON"],
)
def test_the_route_selection_expression_reads_the_body(expression: str, body: str, route: str) -> None:
    assert websocket_event.selected(expression, body) == route
