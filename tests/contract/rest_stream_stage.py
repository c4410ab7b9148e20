"""REST APIs that stream, for tests: functions that write piece by piece, and a caller that looks at every byte."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.contract.conftest import Server
from tests.contract.raw_runtime import module
from tests.contract.rest_api_stage import Api

PYTHON = module(
    r"""
HEAD = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}}


def flag(wanted):
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    while True:  # until the test has raised the flag
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("GET", "/2015-03-31/functions/flag/configuration")
        found = json.loads(connection.getresponse().read())["Description"]
        connection.close()
        if found == wanted:
            return
        time.sleep(0.02)


def answer(request_id, headers, event):
    what = event["path"].rsplit("/", 1)[-1]
    if what == "buffered":
        call("POST", f"{INVOCATION}{request_id}/response", json.dumps({"statusCode": 200, "body": "whole"}))
        return
    if what == "raise":
        call("POST", f"{INVOCATION}{request_id}/error", b'{"errorType": "E", "errorMessage": "no"}')
        return
    if what == "late":
        time.sleep(2)
    stream = Stream(request_id, "application/vnd.awslambda.http-integration-response")
    if what == "endless":
        stream.write(b"{" + b" " * 20_000)
    elif what == "unfinished":
        stream.write(json.dumps(HEAD).encode())
    elif what == "no-number":
        stream.write(b'{"statusCode": "fine"}' + bytes(8) + b"body")
    elif what == "no-json":
        stream.write(b"hello" + bytes(8) + b"body")
    elif what == "fail-early":
        stream.end("Shop.Closed", b"{}")
        return
    elif what == "made":
        made = {
            "statusCode": 201, "cookies": ["a=1", "b=2"], "headers": {"X-Count": 3, "Date": "today", "X-Both": "one"},
            "multiValueHeaders": {"x-both": ["two", "three"]},
        }
        stream.write(json.dumps(made).encode() + bytes(3))
        stream.write(bytes(5) + bytes(range(256)))
    elif what == "event":
        stream.write(json.dumps(HEAD).encode() + bytes(8) + json.dumps(event).encode())
    elif what == "empty":
        stream.write(json.dumps({"statusCode": 204}).encode() + bytes(8))
    else:
        stream.write(json.dumps(HEAD).encode() + bytes(8))
        if what == "wait":
            stream.write(b"first ")
            flag("wait is over")
            stream.write(b"second")
        elif what == "big":
            for _ in range(192):
                stream.write(b"x" * 65536)
        elif what == "fail":
            stream.write(b"half of it")
            stream.end("Shop.Closed", b"{}")
            return
        elif what == "cut":
            stream.write(b"half of it")
            time.sleep(6)
        elif what == "flood":
            for _ in range(40):
                stream.write(b"x" * (1 << 20))
            print("all of the flood was written", flush=True)
    stream.end()
"""
)


def uri(function_arn: str) -> str:
    return (
        "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/"
        f"{function_arn}/response-streaming-invocations"
    )


def integration(function_arn: str, **options: Any) -> dict[str, Any]:
    return {
        "type": "AWS_PROXY",
        "integrationHttpMethod": "POST",
        "uri": uri(function_arn),
        "responseTransferMode": "STREAM",
        **options,
    }


@contextmanager
def asked(server: Server, api: Api, target: str) -> Iterator[http.client.HTTPResponse]:
    """Send a request and yield its answer as soon as its head is there; the body is the caller's to read."""
    address = urlsplit(server.endpoint)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)) as connection:
        connection.request("GET", target, headers={"Host": api.host})
        with connection.getresponse() as answer:
            yield answer
