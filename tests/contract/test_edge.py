"""Lambda@Edge: distributions made with boto3, real HTTP requests, four events, a cache, and what the edge forbids."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

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


@pytest.fixture(scope="module")
def full(edge: Edge) -> str:
    """A distribution whose function listens to all four events."""
    events = ("viewer-request", "origin-request", "origin-response", "viewer-response")
    return edge.distribution(lambdas=events)


@pytest.fixture(scope="module")
def at_viewer(edge: Edge) -> str:
    return edge.distribution(lambdas=("viewer-request",))


@pytest.fixture(scope="module")
def at_origin(edge: Edge) -> str:
    return edge.distribution(lambdas=("origin-request",))


def test_the_four_events_meet_one_request_in_order(edge: Edge, full: str) -> None:
    answer, body = edge.fetch(full, "/apple?a=1", X_Do="header")
    assert answer.status == 200
    assert json.loads(answer.headers["X-origin-response"]) == ["config", "request", "response"]
    assert json.loads(answer.headers["X-viewer-response"]) == ["config", "request", "response"]
    told = json.loads(body)
    assert told["path"] == "/apple?a=1"
    assert told["headers"]["x-added"] == "at the edge"


def test_the_viewer_event_has_no_origin_and_the_whole_viewer_request(edge: Edge, at_viewer: str) -> None:
    cf = edge.told(at_viewer, "/p?x=1", method="POST", body=b"pears", X_Do="show", Accept="text/plain")
    assert cf["config"]["eventType"] == "viewer-request"
    assert cf["config"]["distributionDomainName"] == at_viewer
    request = cf["request"]
    assert (request["method"], request["uri"], request["querystring"]) == ("POST", "/p", "x=1")
    assert request["clientIp"] == "127.0.0.1"
    assert request["headers"]["accept"] == [{"key": "Accept", "value": "text/plain"}]
    assert request["body"] == {
        "inputTruncated": False, "action": "read-only", "encoding": "base64",
        "data": base64.b64encode(b"pears").decode(),
    }  # fmt: skip
    assert "origin" not in request


def test_the_origin_event_has_the_origin_and_what_is_forwarded(edge: Edge, at_origin: str) -> None:
    request = edge.told(at_origin, "/p", X_Do="show", Accept="text/plain", User_Agent="curl")["request"]
    custom = request["origin"]["custom"]
    assert (custom["domainName"], custom["port"], custom["protocol"]) == (
        "localhost",
        edge.origin_port,
        "http",
    )
    assert custom["customHeaders"] == {"x-orchard-key": [{"key": "X-Orchard-Key", "value": "autumn"}]}
    assert request["headers"]["user-agent"][0]["value"] == "Amazon CloudFront"
    assert request["headers"]["host"][0]["value"] == "localhost"
    assert "accept" not in request["headers"]


def test_a_function_may_answer_itself(edge: Edge, at_viewer: str) -> None:
    answer, _ = edge.fetch(at_viewer, "/", X_Do="redirect")
    assert (answer.status, answer.getheader("Location")) == (302, "https://orchard.example/")
    assert answer.getheader("X-Cache") == "LambdaGeneratedResponse from cloudfront"


def test_a_function_may_rewrite_what_the_origin_is_asked(edge: Edge, at_origin: str) -> None:
    told = edge.told(at_origin, "/something", X_Do="rewrite")
    assert told["path"] == "/rewritten"
    assert told["headers"]["x-orchard-key"] == "autumn"


def test_bodies_are_cut_for_functions_and_may_be_replaced(edge: Edge, at_viewer: str) -> None:
    assert edge.told(at_viewer, "/", method="POST", body=b"x" * 10, X_Do="body")["body"] == "10 False"
    assert edge.told(at_viewer, "/", method="POST", body=b"x" * 50_000, X_Do="body")["body"] == "40960 True"
    assert edge.told(at_viewer, "/", method="POST", body=b"x" * 50_000)["body"] == "x" * 50_000


@pytest.mark.parametrize("do", ["nothing", "relative", "method", "hidden", "read-only", "wrong-key", "large"])
def test_a_result_against_the_rules_is_502(edge: Edge, at_viewer: str, do: str) -> None:
    answer, body = edge.fetch(at_viewer, "/", X_Do=do, Via="1.0 proxy")
    assert (answer.status, answer.getheader("X-Cache")) == (502, "LambdaValidationError from cloudfront")
    assert edge.version.encode() in body


def test_a_function_that_raises_is_503(edge: Edge, at_viewer: str) -> None:
    answer, body = edge.fetch(at_viewer, "/", X_Do="raise")
    assert (answer.status, answer.getheader("X-Cache")) == (503, "LambdaExecutionError from cloudfront")
    assert b"asked to" in body


def test_the_origin_response_may_have_a_new_body_and_status_the_viewer_response_not(edge: Edge) -> None:
    name = edge.distribution(lambdas=("origin-response",))
    assert edge.fetch(name, "/a", X_Do="new-body")[1] == b"made at the edge"
    assert edge.fetch(name, "/b", X_Do="new-status")[0].status == 201
    name = edge.distribution(lambdas=("viewer-response",))
    assert edge.fetch(name, "/a", X_Do="new-body")[1] != b"made at the edge"
    assert edge.fetch(name, "/b", X_Do="new-status")[0].status == 502


def test_the_viewer_response_is_left_out_for_errors_of_the_origin(edge: Edge, full: str) -> None:
    answer, _ = edge.fetch(full, "/missing")
    assert (answer.status, answer.getheader("X-Cache")) == (404, "Error from cloudfront")
    assert answer.getheader("X-origin-response") is not None
    assert answer.getheader("X-viewer-response") is None


def test_the_second_request_is_a_hit_and_the_query_is_part_of_the_key(edge: Edge) -> None:
    name = edge.distribution()
    first, body = edge.fetch(name, "/fresh?n=1")
    second, again = edge.fetch(name, "/fresh?n=1")
    assert first.getheader("X-Cache") == "Miss from cloudfront"
    assert second.getheader("X-Cache") == "Hit from cloudfront"
    assert again == body
    assert 0 <= int(second.getheader("Age") or -1) <= 60
    assert edge.fetch(name, "/fresh?n=2")[0].getheader("X-Cache") == "Miss from cloudfront"


def test_no_store_and_post_are_never_kept(edge: Edge) -> None:
    name = edge.distribution()
    for options in ({"path": "/never"}, {"path": "/other", "method": "POST", "body": b"1"}):
        caches = {edge.fetch(name, **options)[0].getheader("X-Cache") for _ in range(2)}  # type: ignore[arg-type]
        assert caches == {"Miss from cloudfront"}


def test_a_managed_policy_without_caching(edge: Edge) -> None:
    behaviour = {"CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"}
    name = edge.distribution(**behaviour)
    assert {edge.fetch(name, "/fresh")[0].getheader("X-Cache") for _ in range(2)} == {"Miss from cloudfront"}
    with pytest.raises(ClientError, match="The sandbox has no cache policy nobody"):
        edge.distribution(CachePolicyId="nobody")


def test_an_invalidation_empties_the_cache(edge: Edge) -> None:
    config = edge.config(DefaultTTL=86400)
    made = edge.cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
    name = made["DomainName"]
    for path in ("/photos/1", "/pages/1"):
        edge.fetch(name, path)
    batch = {"Paths": {"Quantity": 1, "Items": ["/photos/*"]}, "CallerReference": "one"}
    edge.cloudfront.create_invalidation(DistributionId=made["Id"], InvalidationBatch=batch)
    assert edge.fetch(name, "/photos/1")[0].getheader("X-Cache") == "Miss from cloudfront"
    assert edge.fetch(name, "/pages/1")[0].getheader("X-Cache") == "Hit from cloudfront"


def test_path_patterns_choose_the_behaviour(edge: Edge) -> None:
    bucket = edge.behaviour(target="bucket")
    name = edge.distribution(behaviours=[{**bucket, "PathPattern": "/photos/*.jpg"}])
    s3 = edge.server.client("s3")
    s3.create_bucket(Bucket="pears")
    s3.put_object(Bucket="pears", Key="photos/first.jpg", Body=b"a pear", ContentType="image/jpeg")
    answer, body = edge.fetch(name, "/photos/first.jpg")
    assert (answer.status, body, answer.getheader("Content-Type")) == (200, b"a pear", "image/jpeg")
    assert edge.told(name, "/photos/first.png")["path"] == "/photos/first.png"
    assert edge.fetch(name, "/photos/none.jpg")[0].status == 404
    answer, body = edge.fetch(name, "/photos/first.jpg", method="HEAD")
    assert (answer.status, body) == (200, b"")


def test_an_origin_outside_this_machine_is_refused(edge: Edge) -> None:
    config = edge.config()
    config["Origins"]["Items"][0]["DomainName"] = "example.com"
    made = edge.cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
    answer, body = edge.fetch(made["DomainName"], "/")
    assert answer.status == 502
    assert b"example.com is not on loopback" in body


def test_a_disabled_or_unknown_distribution_and_a_method_are_403(edge: Edge) -> None:
    config = {**edge.config(), "Enabled": False}
    made = edge.cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
    assert edge.fetch(made["DomainName"], "/")[0].status == 403
    assert edge.fetch("nobody.cloudfront.localhost", "/")[0].status == 403
    methods = {"Quantity": 2, "Items": ["GET", "HEAD"]}
    name = edge.distribution(AllowedMethods=methods)
    assert edge.fetch(name, "/", method="POST", body=b"1")[0].status == 403


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("variables", {"Environment": {"Variables": {"SEASON": "autumn"}}}, "cannot have environment variables"),
        ("tracing", {"TracingConfig": {"Mode": "Active"}}, "cannot have X-Ray tracing"),
        ("arm", {"Architectures": ["arm64"]}, "cannot have the arm64 architecture"),
        ("storage", {"EphemeralStorage": {"Size": 1024}}, "cannot have more than 512 MB of ephemeral storage"),
        ("vpc", {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "cannot have a VPC configuration"),
        ("large", {"MemorySize": 256}, "256 Max allowed: 128"),
        ("ruby", {"Runtime": "ruby3.3"}, "only Node.js and Python are: ruby3.3"),
    ],
)  # fmt: skip
def test_what_the_edge_forbids_is_refused_when_it_is_associated(
    edge: Edge, name: str, options: dict[str, Any], sentence: str
) -> None:
    arn = edge.publish(f"no-{name}", **options)
    with pytest.raises(ClientError, match=sentence) as refused:
        edge.distribution(lambdas=("viewer-request",), arn=arn)
    assert refused.value.response["Error"]["Code"] == "InvalidLambdaFunctionAssociation"


def test_a_slow_function_is_refused_and_one_of_an_origin_event_may_have_more_memory(edge: Edge) -> None:
    client = edge.server.client("lambda")
    arn = edge.publish("roomy", MemorySize=512)
    assert edge.distribution(lambdas=("origin-request",), arn=arn)
    client.update_function_configuration(FunctionName="roomy", Timeout=31)
    slow = client.publish_version(FunctionName="roomy")["FunctionArn"]
    with pytest.raises(ClientError, match="31 Max allowed: 30"):
        edge.distribution(lambdas=("origin-request",), arn=slow)


def test_reserved_concurrency_is_refused(edge: Edge) -> None:
    arn = edge.publish("kept-apart")
    edge.server.client("lambda").put_function_concurrency(
        FunctionName="kept-apart", ReservedConcurrentExecutions=1
    )
    with pytest.raises(ClientError, match="cannot have reserved concurrency"):
        edge.distribution(lambdas=("origin-request",), arn=arn)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda arn: arn.rpartition(":")[0], "must reference a specific function version"),
        (lambda arn: arn.rpartition(":")[0] + ":$LATEST", "must reference a specific function version"),
        (lambda arn: arn.rpartition(":")[0] + ":live", "must reference a specific function version"),
        (lambda arn: arn.replace("us-east-1", "eu-central-1"), "must be in region 'us-east-1'"),
        (lambda arn: arn + "9", "cannot be found"),
        (lambda arn: arn.replace("000000000000", "111122223333"), "must belong to the account"),
    ],
    ids=["no version", "$LATEST", "an alias", "another Region", "no such version", "another account"],
)
def test_only_a_numbered_version_of_us_east_1_goes_to_the_edge(
    edge: Edge, change: Any, sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence.replace("$", r"\$")):
        edge.distribution(lambdas=("viewer-request",), arn=change(edge.version))


def test_an_update_is_checked_as_well_and_changes_nothing_when_refused(edge: Edge) -> None:
    made = edge.cloudfront.create_distribution(DistributionConfig=edge.config())
    config, tag = made["Distribution"]["DistributionConfig"], made["ETag"]
    items = [{"LambdaFunctionARN": edge.version.rpartition(":")[0], "EventType": "viewer-request"}]
    config["DefaultCacheBehavior"]["LambdaFunctionAssociations"] = {"Quantity": 1, "Items": items}
    with pytest.raises(ClientError, match="must reference a specific function version"):
        edge.cloudfront.update_distribution(
            Id=made["Distribution"]["Id"], IfMatch=tag, DistributionConfig=config
        )
    items[0]["LambdaFunctionARN"] = edge.version
    edge.cloudfront.update_distribution(Id=made["Distribution"]["Id"], IfMatch=tag, DistributionConfig=config)
    name = made["Distribution"]["DomainName"]
    assert edge.fetch(name, "/", X_Do="redirect")[0].status == 302


SCRIPT = b"""
function handler(event) {
  var request = event.request;
  if (event.response) {
    event.response.headers['x-seen'] = { value: JSON.stringify(Object.keys(event).sort()) };
    return event.response;
  }
  if (request.uri === '/gone') {
    return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/new' } },
             cookies: { basket: { value: '7', attributes: 'Path=/' } } };
  }
  if (request.uri === '/throw') { throw new Error('asked to'); }
  if (request.uri === '/loop') { for (;;) {} }
  if (request.uri === '/host') {
    return { statusCode: 200, body: typeof process + typeof require + typeof fetch + typeof setTimeout };
  }
  if (request.uri === '/escape') {
    return { statusCode: 200, body: String(this.constructor.constructor('return process')().pid) };
  }
  if (request.querystring.fruit) { request.uri = '/' + request.querystring.fruit.multiValue.length; }
  return request;
}
"""


@pytest.fixture(scope="module")
def script(edge: Edge) -> str:
    config = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
    made = edge.cloudfront.create_function(Name="visitor", FunctionConfig=config, FunctionCode=SCRIPT)
    arn: str = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    return arn


def functions(arn: str, *events: str) -> dict[str, Any]:
    items = [{"FunctionARN": arn, "EventType": event} for event in events]
    return {"FunctionAssociations": {"Quantity": len(items), "Items": items}}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_cloudfront_function_changes_requests_and_responses(edge: Edge, script: str) -> None:
    name = edge.distribution(**functions(script, "viewer-request", "viewer-response"))
    answer, body = edge.fetch(name, "/?fruit=pear&fruit=plum")
    assert json.loads(body)["path"] == "/2?fruit=pear&fruit=plum"
    assert json.loads(answer.headers["x-seen"]) == ["context", "request", "response", "version", "viewer"]
    answer, _ = edge.fetch(name, "/gone")
    assert (answer.status, answer.getheader("Location")) == (302, "/new")
    assert answer.getheader("Set-Cookie") == "basket=7; Path=/"
    assert answer.getheader("X-Cache") == "FunctionGeneratedResponse from cloudfront"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_cloudfront_function_reaches_nothing_of_this_machine(edge: Edge, script: str) -> None:
    name = edge.distribution(**functions(script, "viewer-request"))
    assert edge.fetch(name, "/host")[1] == b"undefined" * 4
    for path in ("/throw", "/loop", "/escape"):
        answer, _ = edge.fetch(name, path)
        assert (answer.status, answer.getheader("X-Cache")) == (503, "FunctionExecutionError from cloudfront")


def test_cloudfront_functions_and_lambda_do_not_share_viewer_events(edge: Edge, script: str) -> None:
    with pytest.raises(
        ClientError, match="cannot combine CloudFront Functions with Lambda@Edge in viewer events"
    ):
        edge.distribution(lambdas=("viewer-response",), **functions(script, "viewer-request"))
    assert edge.distribution(lambdas=("origin-request",), **functions(script, "viewer-request"))


def test_two_functions_for_one_event_are_refused(edge: Edge) -> None:
    with pytest.raises(ClientError, match="can have one function for the event type viewer-request"):
        edge.distribution(lambdas=("viewer-request", "viewer-request"))


def test_the_body_is_for_request_events(edge: Edge) -> None:
    config = edge.config(lambdas=("viewer-response",))
    association = config["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"][0]
    association["IncludeBody"] = True
    with pytest.raises(ClientError, match="IncludeBody is for request events only"):
        edge.cloudfront.create_distribution(DistributionConfig=config)


@pytest.mark.parametrize(
    "option",
    [
        {"OriginRequestPolicyId": "216adef6-5c7f-47e4-b989-5492eafa07d3"},
        {"ResponseHeadersPolicyId": "60669652-455b-4ae9-85a4-c4c02393f86c"},
        {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["pears"]}},
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_a_behaviour_would_do_and_does_not_is_refused_by_name(
    edge: Edge, option: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=f"does not serve {next(iter(option))}: leave it out"):
        edge.distribution(**option)


@pytest.mark.parametrize(
    "option",
    [
        {"Aliases": {"Quantity": 1, "Items": ["www.example.com"]}},
        {"CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 10}]}},
        {"WebACLId": "pears"},
        {
            "Restrictions": {
                "GeoRestriction": {"RestrictionType": "blacklist", "Quantity": 1, "Items": ["AQ"]}
            }
        },
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_a_distribution_would_do_and_does_not_is_refused_by_name(
    edge: Edge, option: dict[str, Any]
) -> None:
    name = "GeoRestriction" if "Restrictions" in option else next(iter(option))
    with pytest.raises(ClientError, match=f"does not serve {name}: leave it out"):
        edge.cloudfront.create_distribution(DistributionConfig={**edge.config(), **option})
