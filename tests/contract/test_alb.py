"""Application Load Balancers: boto3 makes them, real HTTP requests go through their rules to functions."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from aws_lambda_powertools.utilities.parser.models import AlbModel
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

HANDLER = """
import json

ANSWERS = {
    "/teapot": {"statusCode": 418, "statusDescription": "418 I'm a teapot", "headers": {"X-Pot": "tea"}, "body": "short"},
    "/binary": {"statusCode": 200, "isBase64Encoded": True, "body": "AAECAw=="},
    "/empty": {"statusCode": 204},
    "/no-status": {"body": "hello"},
    "/text": "hello",
    "/text-status": {"statusCode": "200"},
    "/number-header": {"statusCode": 200, "headers": {"x": 1}},
    "/bad-base64": {"statusCode": 200, "isBase64Encoded": True, "body": "!"},
    "/inject": {"statusCode": 200, "headers": {"x": "a\\r\\nset-cookie: stolen=1"}},
    "/too-large": {"statusCode": 200, "body": "x" * (1024 * 1024)},
    "/many": {
        "statusCode": 200, "headers": {"x-form": "single"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "X-Form": ["multi"]}, "body": "",
    },
}

def handler(event, context):
    if event["path"] == "/raise":
        raise ValueError("no")
    return ANSWERS.get(event["path"]) or {"statusCode": 200, "body": json.dumps(event)}
"""


class Balancer:
    """A load balancer on port 80 whose default action forwards to the function ``web``."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.elb = server.client("elbv2")
        subnets = [each["SubnetId"] for each in server.client("ec2").describe_subnets()["Subnets"]][:2]
        made = self.elb.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]
        self.arn, self.name = made["LoadBalancerArn"], made["DNSName"]
        self.function = server.deploy("web", HANDLER, invoked_by="elasticloadbalancing")
        self.group = self.target_group("web", self.function)
        self.listener = self.listen(80, self.group)

    def target_group(self, name: str, function: str, **attributes: str) -> str:
        arn: str = self.elb.create_target_group(Name=name, TargetType="lambda")["TargetGroups"][0][
            "TargetGroupArn"
        ]
        if attributes:
            pairs = [{"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()]
            self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs)
        self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": function}])
        return arn

    def listen(self, port: int, group: str) -> str:
        action = {"Type": "forward", "TargetGroupArn": group}
        made = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        arn: str = made["Listeners"][0]["ListenerArn"]
        return arn

    def rule(self, priority: int, action: dict[str, Any], **condition: Any) -> None:
        self.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=[condition], Actions=[action]
        )

    def fetch(
        self, path: str, method: str = "GET", body: bytes | None = None, host: str = "", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Resolvers of ``*.localhost`` differ, so the connection goes to the endpoint itself."""
        address = urlsplit(self.server.endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Host": f"{host or self.name}:{address.port}", **names})
        answer = connection.getresponse()
        try:
            return answer, answer.read()
        finally:
            connection.close()

    def event(self, path: str, **options: Any) -> dict[str, Any]:
        answer, body = self.fetch(path, **options)
        assert answer.status == 200, body
        event: dict[str, Any] = json.loads(body)
        return event


@pytest.fixture(scope="module")
def balancer(server: Server) -> Balancer:
    made = Balancer(server)

    def fixed(text: str) -> dict[str, Any]:
        config = {"StatusCode": "200", "MessageBody": text, "ContentType": "text/plain"}
        return {"Type": "fixed-response", "FixedResponseConfig": config}

    made.rule(30, fixed("path"), Field="path-pattern", Values=["/by-path/*"])
    made.rule(
        10, fixed("path first"), Field="path-pattern", PathPatternConfig={"Values": ["/by-path/first?"]}
    )
    made.rule(40, fixed("host"), Field="host-header", HostHeaderConfig={"Values": ["*.Orchard.example"]})
    made.rule(
        50, fixed("header"), Field="http-header",
        HttpHeaderConfig={"HttpHeaderName": "X-Fruit", "Values": ["pe*"]},
    )  # fmt: skip
    made.rule(
        60, fixed("method"), Field="http-request-method", HttpRequestMethodConfig={"Values": ["DELETE"]}
    )
    made.rule(
        70, fixed("query"), Field="query-string",
        QueryStringConfig={"Values": [{"Key": "season", "Value": "aut*"}]},
    )  # fmt: skip
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {"StatusCode": "HTTP_301", "Path": "/new#{path}", "Port": "8443"},
    }
    made.rule(80, redirect, Field="path-pattern", Values=["/moved"])
    return made


def test_the_name_leads_to_this_machine(balancer: Balancer) -> None:
    assert balancer.name == "shop-1.us-east-1.elb.localhost"
    answer, _ = balancer.fetch(f"/_sandbox/door/{balancer.name}/teapot", host="127.0.0.1")
    assert answer.status == 418


def test_the_event_is_the_published_shape(balancer: Balancer) -> None:
    event = balancer.event("/a%20b?fruit=pe%61r&fruit=plum&empty", Accept="text/plain", X_Custom="1")
    AlbModel.model_validate(event)
    assert event["requestContext"] == {"elb": {"targetGroupArn": balancer.group}}
    assert (event["httpMethod"], event["path"]) == ("GET", "/a%20b")
    assert event["queryStringParameters"] == {"fruit": "plum", "empty": ""}
    assert event["headers"]["accept"] == "text/plain"
    assert event["headers"]["x-custom"] == "1"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-port"] == "80"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert (event["body"], event["isBase64Encoded"]) == ("", False)
    assert event.keys() == {
        "requestContext", "httpMethod", "path", "queryStringParameters", "headers", "body", "isBase64Encoded",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "encoded"),
    [
        ({"Content-Type": "application/json"}, False),
        ({"Content-Type": "text/csv; charset=utf-8"}, False),
        ({"Content-Type": "application/octet-stream"}, True),
        ({"Content-Type": "application/json", "Content-Encoding": "br"}, True),
    ],
    ids=["JSON is text", "text is text", "bytes are base64", "what is encoded is base64"],
)
def test_bodies_are_text_or_base64_by_their_type(
    balancer: Balancer, headers: dict[str, str], encoded: bool
) -> None:
    event = balancer.event("/", method="POST", body=b'{"a":1}', **headers)
    assert event["isBase64Encoded"] is encoded
    body = base64.b64decode(event["body"]) if encoded else event["body"].encode()
    assert body == b'{"a":1}'


def test_multi_value_headers_change_the_event_and_the_answer(balancer: Balancer) -> None:
    group = balancer.target_group("many", balancer.function, lambda__multi_value_headers__enabled="true")
    balancer.listen(8080, group)
    host = f"8080.{balancer.name}"
    event = balancer.event("/?fruit=pear&fruit=plum", host=host, Accept="text/plain")
    assert event["multiValueQueryStringParameters"] == {"fruit": ["pear", "plum"]}
    assert event["multiValueHeaders"]["accept"] == ["text/plain"]
    assert event["multiValueHeaders"]["x-forwarded-port"] == ["8080"]
    assert not event.keys() & {"headers", "queryStringParameters"}
    answer, _ = balancer.fetch("/many", host=host)
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers.get_all("x-form") == ["multi"]
    answer, _ = balancer.fetch("/many")
    assert answer.headers.get_all("x-form") == ["single"]
    assert answer.headers.get_all("set-cookie") is None


def test_answers_become_responses(balancer: Balancer) -> None:
    answer, body = balancer.fetch("/teapot")
    assert (answer.status, answer.getheader("X-Pot"), body) == (418, "tea", b"short")
    _, body = balancer.fetch("/binary")
    assert body == b"\x00\x01\x02\x03"
    answer, body = balancer.fetch("/empty")
    assert (answer.status, body) == (204, b"")


def test_the_description_of_the_status_is_passed_on(balancer: Balancer) -> None:
    answer, _ = balancer.fetch("/teapot")
    assert answer.reason == "I'm a teapot"


@pytest.mark.parametrize(
    "path",
    [
        "/no-status",
        "/text",
        "/text-status",
        "/number-header",
        "/bad-base64",
        "/inject",
        "/too-large",
        "/raise",
    ],
)
def test_an_answer_that_is_none_is_502(balancer: Balancer, path: str) -> None:
    answer, body = balancer.fetch(path)
    assert (answer.status, answer.getheader("server")) == (502, "awselb/2.0")
    assert b"<h1>502 Bad Gateway</h1>" in body


def test_history_tells_why_there_was_a_502(balancer: Balancer) -> None:
    balancer.fetch("/text-status")
    connection = http.client.HTTPConnection(urlsplit(balancer.server.endpoint).netloc, timeout=30)
    connection.request("GET", "/_sandbox/history")
    text = connection.getresponse().read().decode()
    connection.close()
    assert "statusCode is missing, or is not the number of an HTTP status" in text


def test_a_body_above_one_megabyte_is_413(balancer: Balancer) -> None:
    answer, _ = balancer.fetch("/", method="POST", body=b"x" * (1024 * 1024 + 1))
    assert answer.status == 413
    answer, _ = balancer.fetch("/teapot", method="POST", body=b"x" * (1024 * 1024))
    assert answer.status == 418


def test_websockets_are_refused(balancer: Balancer) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer, _ = balancer.fetch("/", **headers, **{"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/by-path/x", {}, b"path"),
        ("/by-path/first1", {}, b"path first"),
        ("/by-path/FIRST1", {}, b"path"),
        ("/", {"host": "shop.orchard.EXAMPLE"}, b"host"),
        ("/", {"X-Fruit": "PEAR"}, b"header"),
        ("/", {"method": "DELETE"}, b"method"),
        ("/?season=AUTumn", {}, b"query"),
    ],
    ids=[
        "path with a star", "the lower priority first", "paths heed case", "host without case", "header's value without case",
        "method", "query without case",
    ],
)  # fmt: skip
def test_rules_choose_by_what_was_asked(
    balancer: Balancer, path: str, options: dict[str, str], expected: bytes
) -> None:
    if "host" in options:
        options = {**options, "host": f"{options['host']}.{balancer.name}"}
    answer, body = balancer.fetch(path, **options)
    assert (answer.status, body) == (200, expected)


def test_the_host_in_front_of_the_name_is_what_the_function_sees(balancer: Balancer) -> None:
    assert balancer.event("/", host=f"pears.example.{balancer.name}")["headers"]["host"] == "pears.example"


def test_a_redirect_names_what_it_keeps(balancer: Balancer) -> None:
    answer, _ = balancer.fetch("/moved?a=1")
    assert answer.status == 301
    assert answer.getheader("location") == f"http://{balancer.name}:8443/newmoved?a=1"


def test_a_group_without_a_target_is_503(balancer: Balancer) -> None:
    group = balancer.target_group("gone", balancer.function)
    balancer.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": balancer.function}])
    balancer.listen(8081, group)
    assert balancer.fetch("/", host=f"8081.{balancer.name}")[0].status == 503
    assert balancer.fetch("/", host=f"9999.{balancer.name}")[0].status == 503
    assert balancer.fetch("/", host="nobody-1.us-east-1.elb.localhost")[0].status == 404


def test_a_function_that_is_gone_or_throttled_is_502(balancer: Balancer) -> None:
    arn = balancer.server.deploy("short-lived", HANDLER, invoked_by="elasticloadbalancing")
    balancer.listen(8082, balancer.target_group("short", arn))
    assert balancer.fetch("/teapot", host=f"8082.{balancer.name}")[0].status == 418
    client = balancer.server.client("lambda")
    client.put_function_concurrency(FunctionName="short-lived", ReservedConcurrentExecutions=0)
    assert balancer.fetch("/teapot", host=f"8082.{balancer.name}")[0].status == 502
    client.delete_function(FunctionName="short-lived")
    assert balancer.fetch("/teapot", host=f"8082.{balancer.name}")[0].status == 502


def test_an_alias_as_target_follows_its_version(balancer: Balancer) -> None:
    client = balancer.server.client("lambda")
    version = client.publish_version(FunctionName="web")["Version"]
    alias = client.create_alias(FunctionName="web", Name="live", FunctionVersion=version)["AliasArn"]
    balancer.listen(8083, balancer.target_group("alias", alias))
    host = f"8083.{balancer.name}"
    # A permission of the function is none of its alias.
    assert balancer.fetch("/teapot", host=host)[0].status == 502
    client.add_permission(
        FunctionName="web",
        Qualifier="live",
        StatementId="balancer",
        Action="lambda:InvokeFunction",
        Principal="elasticloadbalancing.amazonaws.com",
    )
    assert balancer.fetch("/teapot", host=host)[0].status == 418


def test_weights_share_requests_between_groups(balancer: Balancer) -> None:
    quiet = balancer.server.deploy(
        "quiet",
        "def handler(event, context):\n    return {'statusCode': 204}\n",
        invoked_by="elasticloadbalancing",
    )
    groups = [
        {"TargetGroupArn": balancer.group, "Weight": 0},
        {"TargetGroupArn": balancer.target_group("quiet", quiet), "Weight": 5},
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    balancer.elb.create_listener(
        LoadBalancerArn=balancer.arn, Protocol="HTTP", Port=8084, DefaultActions=[action]
    )
    statuses = {balancer.fetch("/teapot", host=f"8084.{balancer.name}")[0].status for _ in range(5)}
    assert statuses == {204}


def test_health_checks_of_functions_are_off_and_refused(balancer: Balancer) -> None:
    health = balancer.elb.describe_target_health(TargetGroupArn=balancer.group)["TargetHealthDescriptions"]
    assert [each["TargetHealth"]["Reason"] for each in health] == ["Target.HealthCheckDisabled"]
    with pytest.raises(ClientError, match="The sandbox runs no health checks of Lambda targets"):
        balancer.elb.create_target_group(Name="checked", TargetType="lambda", HealthCheckEnabled=True)
    with pytest.raises(ClientError, match="The sandbox runs no health checks of Lambda targets"):
        balancer.elb.modify_target_group(TargetGroupArn=balancer.group, HealthCheckEnabled=True)
