"""Lambda@Edge: distributions made with boto3, real HTTP requests, four events, a cache, and what the edge forbids."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.edge_stage import Edge
from tests.contract.edge_stage import edge as edge
from tests.contract.edge_stage import origin as origin


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
