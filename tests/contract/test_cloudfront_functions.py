"""CloudFront Functions: what they change, what they cannot reach, and that they do not share events with Lambda@Edge."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.edge_stage import Edge
from tests.contract.edge_stage import edge as edge
from tests.contract.edge_stage import origin as origin

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
