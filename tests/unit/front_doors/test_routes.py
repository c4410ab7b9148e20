"""Routes by precedence, whatever order they were made in."""

from __future__ import annotations

import itertools

import pytest

from lambda_sandbox.front_doors import integration_uri, routes

KEYS = ["GET /a/b", "GET /a/{x}", "ANY /a/{x}", "GET /{p+}", "ANY /{p+}", "POST /a/{p+}", "$default"]


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/a/b", "GET /a/b", {}),
        ("GET", "/a/c%20d", "GET /a/{x}", {"x": "c d"}),
        ("PUT", "/a/c", "ANY /a/{x}", {"x": "c"}),
        ("POST", "/a/c/d", "POST /a/{p+}", {"p": "c/d"}),
        ("GET", "/z/y", "GET /{p+}", {"p": "z/y"}),
        ("PUT", "/z", "ANY /{p+}", {"p": "z"}),
        ("PUT", "/", "$default", {}),
    ],
)
def test_order_does_not_matter(method: str, path: str, key: str, parameters: dict[str, str]) -> None:
    for order in itertools.islice(itertools.permutations(KEYS), 0, None, 97):
        found = routes.http_route([{"routeKey": each} for each in order], method, path)
        assert found is not None
        assert (found[0]["routeKey"], found[1]) == (key, parameters)


def test_without_a_match_there_is_no_route() -> None:
    assert routes.http_route([{"routeKey": "GET /a"}], "POST", "/a") is None
    assert routes.rest_resource([{"path": "/a/{x}"}], "/a") is None
    assert routes.rest_resource([{"path": "/{p+}"}], "/") is None


@pytest.mark.parametrize(
    ("uri", "arn"),
    [
        (
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f:live/invocations",
            "arn:aws:lambda:us-east-1:123456789012:function:f:live",
        ),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.name}",
            "arn:aws:lambda:us-east-1:123456789012:function:shop",
        ),
        ("arn:aws:apigateway:us-east-1:sqs:path/123456789012/queue", None),
        ("https://a.example", None),
    ],
    ids=["path with alias", "plain with stage variable", "another service", "address"],
)
def test_a_uri_names_its_function(uri: str, arn: str | None) -> None:
    assert integration_uri.function_arn(uri, {"name": "shop"}) == arn
