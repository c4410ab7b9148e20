"""WebSocket APIs over real WebSockets: made with boto3, spoken to by the library ``websockets``."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from lambda_sandbox.config import ROOT_SECRET
from tests.contract.conftest import Server
from tests.contract.http_api_stage import call
from tests.contract.rest_api_stage import uri
from tests.contract.websocket_stage import CHAT, Api, ask, connect_to

AUTHORIZER = """
def handler(event, context):
    assert event["type"] == "REQUEST" and event["requestContext"]["eventType"] == "CONNECT"
    allowed = event["queryStringParameters"]["token"] == "yes"
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if allowed else "Deny", "Resource": event["methodArn"]}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": {"plan": "gold"}}
"""


@pytest.fixture(scope="module")
def queue(server: Server) -> str:
    url: str = server.client("sqs").create_queue(QueueName="left")["QueueUrl"]
    return url


@pytest.fixture(scope="module")
def function(server: Server, queue: str) -> str:
    return server.deploy(
        "chat", CHAT, invoked_by="apigateway", Timeout=30, Environment={"Variables": {"QUEUE": queue}}
    )


@pytest.fixture(scope="module")
def api(server: Server, function: str) -> Api:
    keys = ["$connect", "$disconnect", "$default", "say", "fail", "call-back"]
    return Api(server, "chat", function, keys)


def test_the_address_is_that_of_a_web_socket(api: Api) -> None:
    assert api.endpoint.startswith(f"ws://{api.id}.execute-api.us-east-1.localhost:")


def test_a_message_takes_the_route_that_its_body_selects(api: Api) -> None:
    with api.connect() as client:
        event = ask(client, "say", text="hello")
    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"], context["messageDirection"]) == (
        "say",
        "MESSAGE",
        "IN",
    )
    assert json.loads(event["body"]) == {"action": "say", "text": "hello"}
    assert event["isBase64Encoded"] is False
    assert context["messageId"]
    assert context["stage"] == "prod"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["apiId"] == api.id
    assert context["connectedAt"] <= context["requestTimeEpoch"]


@pytest.mark.parametrize("message", ["not json", '{"action": "unknown"}', "[1]"])
def test_what_selects_no_route_takes_the_default(api: Api, message: str) -> None:
    with api.connect() as client:
        client.send(message)
        event = json.loads(client.recv(timeout=30))
    assert event["requestContext"]["routeKey"] == "$default"
    assert event["body"] == message


def test_without_a_default_route_the_client_is_told(server: Server, function: str) -> None:
    api = Api(server, "narrow", function, ["say"])
    with api.connect() as client:
        told = ask(client, "unknown")
        assert told["message"] == "Forbidden"
        assert told["connectionId"]
        assert ask(client, "say")["requestContext"]["routeKey"] == "say"


def test_a_function_that_fails_is_told_to_the_client(api: Api) -> None:
    with api.connect() as client:
        told = ask(client, "fail")
        assert told["message"] == "Internal server error"
        assert ask(client, "say")["requestContext"]["connectionId"] == told["connectionId"]


def test_a_connection_that_ends_is_told_to_the_disconnect_route(server: Server, api: Api, queue: str) -> None:
    with api.connect() as client:
        connection_id = ask(client, "say")["requestContext"]["connectionId"]
        client.close(1000, "bye")
    events = []
    while not any(each["connectionId"] == connection_id for each in events):
        got = server.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20, MaxNumberOfMessages=10)
        events += [json.loads(each["Body"])["requestContext"] for each in got["Messages"]]
    event = next(each for each in events if each["connectionId"] == connection_id)
    assert (event["routeKey"], event["eventType"]) == ("$disconnect", "DISCONNECT")
    assert (event["disconnectStatusCode"], event["disconnectReason"]) == (1000, "bye")


@pytest.mark.parametrize(("query", "status"), [("?status=403", 403), ("?status=401", 401), ("?fail=1", 502)])
def test_connect_may_refuse(api: Api, query: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        api.connect(query)
    assert refused.value.response.status_code == status


def test_the_function_may_choose_among_the_offered_subprotocols(api: Api) -> None:
    offered = [Subprotocol("other"), Subprotocol("shop.v1")]
    with api.connect(subprotocols=offered) as client:
        assert client.subprotocol == "shop.v1"


def test_a_stage_that_is_not_there_refuses(server: Server, function: str) -> None:
    api = Api(server, "unstaged", function, ["$default"])
    api.client.delete_stage(ApiId=api.id, StageName="prod")
    with pytest.raises(InvalidStatus) as refused:
        api.connect()
    assert refused.value.response.status_code == 403


def test_functions_and_others_reach_a_connection(api: Api) -> None:
    management = api.management()
    with api.connect() as client:
        connection_id = ask(client, "say")["requestContext"]["connectionId"]
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello from outside")
        assert client.recv(timeout=30) == "hello from outside"
        shown = management.get_connection(ConnectionId=connection_id)
        assert shown["Identity"]["SourceIp"] == "127.0.0.1"
        assert shown["ConnectedAt"] <= shown["LastActiveAt"]
        large = "x" * 100_000
        management.post_to_connection(ConnectionId=connection_id, Data=large.encode())
        assert client.recv(timeout=30) == large
        management.delete_connection(ConnectionId=connection_id)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=30)
    for gone in (connection_id, "nobody"):
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=gone, Data=b"?")


def test_a_function_calls_back_through_the_endpoint_that_it_is_given(api: Api) -> None:
    with api.connect() as client:
        client.send('{"action": "call-back"}')
        assert client.recv(timeout=30) == "from the function"
        assert json.loads(client.recv(timeout=30))["requestContext"]["routeKey"] == "call-back"


def test_the_management_api_wants_a_signature(server: Server, api: Api) -> None:
    host = f"{api.id}.execute-api.us-east-1.localhost"
    answer, body = call(server, host, "POST", "/prod/@connections/x", b"hello", {})
    assert (answer.status, json.loads(body)) == (403, {"message": "Forbidden"})


def test_a_frame_above_32_kb_closes_and_a_message_in_pieces_does_not(api: Api) -> None:
    with api.connect() as client:
        text = json.dumps({"action": "say", "text": "x" * 60_000})
        client.send([text[:25_000], text[25_000:50_000], text[50_000:]])
        assert json.loads(client.recv(timeout=30))["body"] == text
    with api.connect() as client:
        client.send("x" * (32 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_an_authorizer_guards_the_handshake(server: Server, function: str) -> None:
    authorizer = server.deploy("gatekeeper", AUTHORIZER, invoked_by="apigateway")
    api = Api(server, "guarded", function, ["$connect", "say"])
    made = api.client.create_authorizer(
        ApiId=api.id,
        AuthorizerType="REQUEST",
        Name="gatekeeper",
        AuthorizerUri=uri(authorizer),
        IdentitySource=["route.request.querystring.token"],
    )["AuthorizerId"]
    route = next(
        each for each in api.client.get_routes(ApiId=api.id)["Items"] if each["RouteKey"] == "$connect"
    )
    api.client.update_route(
        ApiId=api.id, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=made
    )
    api.client.create_deployment(ApiId=api.id, StageName="prod")
    with api.connect("?token=yes") as client:
        assert ask(client, "say")["requestContext"]["authorizer"]["plan"] == "gold"
    for query, status in (("?token=no", 403), ("", 401)):
        with pytest.raises(InvalidStatus) as refused:
            api.connect(query)
        assert refused.value.response.status_code == status


def test_plain_http_is_told_to_upgrade_and_other_upgrades_are_refused(server: Server, api: Api) -> None:
    host = f"{api.id}.execute-api.us-east-1.localhost"
    assert call(server, host, "GET", "/prod", None, {})[0].status == 426
    broken = {"Connection": "Upgrade", "Upgrade": "websocket"}  # no key
    assert call(server, host, "GET", "/prod", None, broken)[0].status == 400
    assert (
        call(server, host, "GET", "/prod", None, {"Connection": "Upgrade", "Upgrade": "h2c"})[0].status == 400
    )


def test_where_iam_is_enforced_a_connection_is_reached_by_those_who_may(
    start_server: Callable[..., Server],
) -> None:
    server = start_server("--enforce-iam")
    root = {
        "aws_access_key_id": "000000000000",
        "aws_secret_access_key": ROOT_SECRET,
        "region_name": "us-east-1",
    }
    iam = server.client("iam", **root)
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    gateway = server.client("apigatewayv2", **root)
    made = gateway.create_api(
        Name="mock", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    mock = gateway.create_integration(ApiId=made["ApiId"], IntegrationType="MOCK")["IntegrationId"]
    gateway.create_route(ApiId=made["ApiId"], RouteKey="say", Target=f"integrations/{mock}")
    gateway.create_stage(ApiId=made["ApiId"], StageName="prod", AutoDeploy=True)
    ada = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    door = f"{server.endpoint}/_sandbox/door/{made['ApiId']}.execute-api.us-east-1/prod"
    with connect_to(server, f"{made['ApiEndpoint']}/prod") as client:
        connection_id = ask(client, "unknown")["connectionId"]
        for address in (door, server.endpoint):
            management = boto3.client(
                "apigatewaymanagementapi", endpoint_url=address, region_name="us-east-1", **ada
            )
            with pytest.raises(management.exceptions.ForbiddenException):
                management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
        statement = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName="ada", PolicyName="manage", PolicyDocument=json.dumps(policy))
        for address in (door, server.endpoint):
            management = boto3.client(
                "apigatewaymanagementapi", endpoint_url=address, region_name="us-east-1", **ada
            )
            management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
            assert client.recv(timeout=30) == "hello"
