"""Functions of two accounts in one sandbox: neither sees, calls nor spoils anything of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Server

OURS, THEIRS = "111111111111", "222222222222"
ASK = """
import json, os, urllib.error, urllib.request
def handler(event, context):
    account = event.get("account", os.environ["AWS_ACCESS_KEY_ID"])
    scope = f"Credential={account}/20260101/us-east-1/lambda/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}"} if account else {}
    body = event["body"].encode() if "body" in event else None
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + event["path"], body, headers, method=event["method"])
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--no-neighbours")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ours(server: Server) -> Any:
    """Account 1's client; account 1 has the function ``ask``, account 2 has ``theirs``."""
    clients = [server.client("lambda", aws_access_key_id=account) for account in (OURS, THEIRS)]
    for client, account, name in zip(clients, (OURS, THEIRS), ("ask", "theirs"), strict=True):
        client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=f"arn:aws:iam::{account}:role/demo",
            Handler="app.handler",
            Code={"ZipFile": _package()},
        )
    clients[1].invoke(FunctionName="theirs", Payload=b'{"method": "GET", "path": "/2015-03-31/functions/"}')
    return clients[0]


def _package() -> bytes:
    from lambda_sandbox.packaging import package

    return package(ASK)


def ask(client: Any, **event: str) -> tuple[int, str]:
    answer = client.invoke(FunctionName="ask", Payload=json.dumps(event).encode())
    status, body = json.load(answer["Payload"])
    return status, body


def test_a_function_lists_its_own_accounts_functions_only(ours: Any) -> None:
    status, body = ask(ours, method="GET", path="/2015-03-31/functions/")
    assert status == 200
    assert [one["FunctionName"] for one in json.loads(body)["Functions"]] == ["ask"]


INVOKE = "/2015-03-31/functions/{}/invocations"


@pytest.mark.parametrize("account", [THEIRS, ""], ids=["with their access key", "unsigned"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2015-03-31/functions/"),
        ("GET", "/2015-03-31/functions/theirs"),
        ("DELETE", "/2015-03-31/functions/theirs"),
        ("POST", INVOKE.format("theirs")),
    ],
)
def test_another_accounts_functions_cannot_be_reached_by_other_keys(
    ours: Any, method: str, path: str, account: str
) -> None:
    body = {"body": "{}"} if method == "POST" else {}
    status, answer = ask(ours, method=method, path=path, account=account, **body)
    assert status == 403
    assert "AccessDenied" in answer or "no credentials" in answer


def test_another_accounts_function_cannot_be_invoked_by_its_arn(ours: Any) -> None:
    arn = f"arn:aws:lambda:us-east-1:{THEIRS}:function:theirs"
    status, _ = ask(ours, method="POST", path=INVOKE.format(arn), body="{}")
    assert status in (403, 404)


@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", "history"), ("GET", "logs?function=theirs"), ("GET", "bill"), ("POST", "reset")],
)
def test_what_all_tenants_did_is_not_told_to_a_function(ours: Any, method: str, route: str) -> None:
    status, body = ask(ours, method=method, path=f"/_sandbox/{route}")
    assert status == 403
    assert "theirs" not in body
