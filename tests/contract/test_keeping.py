"""A sandbox with a keeper, such as a grader's: what the notebook may switch, and what is left of it when checks begin."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambda_sandbox import package

TOKEN = "the-keeper"
RULE = {"kind": "throttle", "function": "quote"}
CHANGES = [
    ("POST", "reset"),
    ("PUT", "jwks?issuer=https://issuer.example"),
    ("POST", "debug?function=quote&port=0"),
    ("DELETE", "debug?function=quote"),
]
FAULTS = [("POST", "faults"), ("DELETE", "faults")]


class Kept:
    """A server with a keeper's token; ``outer`` is its own address, ``inner`` the one that a notebook is given."""

    def __init__(self, listener: socket.socket) -> None:
        words = ["serve", "--port", "0", "--listen-fd", str(listener.fileno()), "--stop-with-stdin"]
        self.inner = f"127.0.0.1:{listener.getsockname()[1]}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambda_sandbox", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"LAMBDA_SANDBOX_KEEPER_TOKEN": TOKEN, "LAMBDA_SANDBOX_NEIGHBOURS_ON_DEMAND": "1"},
            pass_fds=(listener.fileno(),),
        )
        assert self.process.stdout is not None
        self.outer = urlsplit(self.process.stdout.readline().split()[1]).netloc

    def ask(self, address: str, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
            headers = {"X-Sandbox-Token": token} if token else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def own(
        self, address: str, method: str, route: str, body: Any = None, token: str = ""
    ) -> tuple[int, Any]:
        return self.ask(address, method, f"/_sandbox/{route}", body, token)

    def rules(self) -> list[Any]:
        found: list[Any] = self.own(self.outer, "GET", "faults")[1]["faults"]
        return found


OTHER = "def handler(event, context):\n    return 'other'\n"


ROLE = "arn:aws:iam::000000000000:role/any"
KEYS = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "any", "region_name": "us-east-1"}


def lambda_client(address: str) -> Any:
    keys: Any = KEYS
    return boto3.client("lambda", endpoint_url=f"http://{address}", **keys)


def create(client: Any, name: str) -> None:
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": package(OTHER.replace("other", "as it was made"))},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)


@pytest.fixture
def kept() -> Iterator[Kept]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Kept(listener)
    yield server
    server.process.communicate(timeout=30)


@pytest.mark.parametrize("token", ["", "guessed"])
def test_without_the_token_nothing_of_the_sandbox_itself_is_changed_from_anywhere(
    kept: Kept, token: str
) -> None:
    for address in (kept.inner, kept.outer):
        for method, route in CHANGES:
            assert kept.own(address, method, route, {}, token)[0] == 403, (address, route)
    for method, route in FAULTS:
        assert kept.own(kept.outer, method, route, RULE, token)[0] == 403
    assert kept.own(kept.inner, "POST", "hand-over", {}, token)[0] == 403


def test_a_notebook_sets_faults_and_none_is_on_or_comes_after_it(kept: Kept) -> None:
    assert kept.own(kept.inner, "POST", "faults", RULE)[0] == 200
    assert len(kept.rules()) == 1
    assert kept.own(kept.outer, "POST", "hand-over", {}, TOKEN) == (200, {"faults_cleared": 1})
    assert kept.rules() == []
    for method, route in FAULTS:
        assert kept.own(kept.inner, method, route, RULE)[0] == 403
    assert kept.rules() == []
    assert kept.own(kept.inner, "GET", "history")[0] == 200


def test_what_is_handed_in_cannot_change_the_functions_of_the_checks(kept: Kept) -> None:
    """A function may go on running after the notebook and look for the checks' own, to change what they report."""
    inner, outer = (lambda_client(address) for address in (kept.inner, kept.outer))
    create(inner, "handed-in")
    kept.own(kept.outer, "POST", "hand-over", {}, TOKEN)
    create(outer, "probe")
    arn = inner.get_function(FunctionName="probe")["Configuration"]["FunctionArn"]
    for name in ("probe", arn, f"{arn}:$LATEST", "000000000000:function:probe"):
        for change, values in (
            ("update_function_code", {"ZipFile": package(OTHER)}),
            ("update_function_configuration", {"Handler": "other.handler"}),
            ("put_function_concurrency", {"ReservedConcurrentExecutions": 0}),
            ("delete_function", {}),
        ):
            with pytest.raises(inner.exceptions.ClientError, match="belongs to whoever keeps the sandbox"):
                getattr(inner, change)(FunctionName=name, **values)
    assert json.load(inner.invoke(FunctionName="probe")["Payload"]) == "as it was made"
    inner.update_function_code(FunctionName="handed-in", ZipFile=package(OTHER))
    outer.update_function_code(FunctionName="probe", ZipFile=package(OTHER))
    assert json.load(outer.invoke(FunctionName="probe")["Payload"]) == "other"


def test_the_keeper_resets(kept: Kept) -> None:
    kept.own(kept.inner, "POST", "faults", RULE)
    assert kept.own(kept.outer, "POST", "reset", {}, TOKEN)[0] == 200
    assert kept.rules() == []


@pytest.mark.parametrize(
    "path", ["/moto-api/reset", "/%6doto-api/reset", "//moto-api/reset", "/%5fsandbox/identity"]
)
def test_the_neighbours_own_administration_is_shut(kept: Kept, path: str) -> None:
    for address in (kept.inner, kept.outer):
        status, answer = kept.ask(address, "POST", path, {})
        assert (status, "closed" in answer["message"]) == (403, True)


def test_an_api_has_the_address_by_which_the_notebook_reaches_the_sandbox(kept: Kept) -> None:
    keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    gateway = boto3.client("apigatewayv2", endpoint_url=f"http://{kept.inner}", **keys)
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")
    address = urlsplit(api["ApiEndpoint"])
    assert address.port == urlsplit(f"http://{kept.inner}").port
    for way in (kept.inner, kept.outer):
        with contextlib.closing(http.client.HTTPConnection(way, timeout=30)) as connection:
            connection.request("GET", "/", headers={"Host": address.netloc})
            answer = connection.getresponse()
            assert (answer.status, json.load(answer)) == (404, {"message": "Not Found"})


class Knocked(BaseHTTPRequestHandler):
    """Another server of this machine: notes who comes."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_GET = do_PUT = do_DELETE = do_POST

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def another() -> Iterator[str]:
    """The address of another server of this machine."""
    Knocked.paths = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Knocked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def by_topic(client: Callable[[str], Any], address: str) -> None:
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{address}/topic")
    client("sns").publish(TopicArn=topic, Message="m")


def by_delivery_stream(client: Callable[[str], Any], address: str) -> None:
    bucket = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b"}
    client("firehose").create_delivery_stream(
        DeliveryStreamName="s",
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": f"{address}/stream"},
            "S3Configuration": bucket,
        },
    )
    client("firehose").put_record(DeliveryStreamName="s", Record={"Data": b"d"})


def by_distribution(client: Callable[[str], Any], address: str) -> None:
    origin = {"HTTPPort": urlsplit(address).port, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
    made = client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "r",
            "Comment": "",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [{"Id": "o", "DomainName": "localhost", "CustomOriginConfig": origin}],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "allow-all",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
        }
    )["Distribution"]
    viewed = client("cloudfront").meta.endpoint_url
    host = made["DomainName"].replace("cloudfront.net", "cloudfront.localhost")
    with pytest.raises(urllib.error.HTTPError, match="502"):
        urllib.request.urlopen(urllib.request.Request(f"{viewed}/edge", headers={"Host": host}), timeout=30)


@pytest.mark.parametrize("way", [by_topic, by_delivery_stream, by_distribution])
def test_what_is_handed_in_reaches_no_other_server_of_this_machine_through_a_service(
    kept: Kept, another: str, way: Callable[[Callable[[str], Any], str], None]
) -> None:
    """Another may be the sandbox of somebody else who is graded."""

    def client(service: str) -> Any:
        make: Any = boto3.client  # boto3's stubs list services by name
        once = Config(retries={"total_max_attempts": 1})
        return make(service, endpoint_url=f"http://{kept.inner}", config=once, **KEYS)

    with contextlib.suppress(ClientError):
        way(client, another)
    assert Knocked.paths == []
