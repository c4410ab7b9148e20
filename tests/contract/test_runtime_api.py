"""The Runtime API as a custom runtime meets it: headers of an event, order, ids, sizes and what is refused."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox import quotas
from tests.contract.conftest import Server
from tests.contract.raw_runtime import LOOP, module

PROTOCOL = (
    LOOP
    + """
def post(path, body=b"", **headers):
    status, _, answer = call("POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    return [status, json.loads(answer).get("errorType")]

before = {
    "response before next": post(INVOCATION + "00000000-0000-0000-0000-000000000000/response", b"{}"),
    "error before next": post(INVOCATION + "00000000-0000-0000-0000-000000000000/error", b"{}"),
}

def answer(request_id, headers, event):
    what = event.get("do")
    here = INVOCATION + request_id
    if what == "headers":
        seen = {k: v for k, v in headers.items() if k.startswith("lambda-") or k == "content-type"}
        post(here + "/response", json.dumps(seen).encode())
    elif what == "order":
        seen = dict(before)
        other = INVOCATION + "11111111-1111-1111-1111-111111111111"
        seen["wrong id"] = post(other + "/response", b"{}")
        seen["wrong id of an error"] = post(other + "/error", b"{}")
        seen["next in the middle"] = [call("GET", INVOCATION + "next")[0], None]
        seen["init error after init"] = post("/2018-06-01/runtime/init/error", b"{}")
        seen["restore error"] = post("/2018-06-01/runtime/restore/error", b"{}")
        seen["restore next"] = [call("GET", "/2018-06-01/runtime/restore/next")[0], None]
        seen["no path"] = post("/2018-06-01/runtime/elsewhere")
        seen["no action"] = post(here + "/shrug", b"{}")
        seen["old version"] = [call("GET", "/2015-01-01/runtime/invocation/next")[0], None]
        seen["a browser"] = post(here + "/response", b"{}", Origin="http://evil.example")
        seen["the answer"] = post(here + "/response", json.dumps(seen).encode())
        again = post(here + "/response", b"{}")
        print("after the answer", json.dumps([seen["the answer"], again]), flush=True)
    elif what == "too large":
        seen = post(here + "/response", b"x" * event["bytes"])
        print("too large", json.dumps(seen), flush=True)
    elif what == "error":
        print("error", json.dumps(post(here + "/error", event["body"].encode(),
              Lambda_Runtime_Function_Error_Type="Shop.Closed")), flush=True)
    elif what == "not http":
        host, port = API.split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b"this is not HTTP\\r\\n\\r\\n")
            first = raw.recv(1000).split(b"\\r\\n")[0].decode()
        post(here + "/response", json.dumps(first).encode())
    elif what == "two sockets":
        post(here + "/response", b'"answered"')
        first = http.client.HTTPConnection(API)
        first.request("GET", INVOCATION + "next")
        second = call("GET", INVOCATION + "next")[0]
        print(f"second next {second}", flush=True)  # in one piece: the next START may come between two
        found = first.getresponse()
        headers = {k.lower(): v for k, v in found.getheaders()}
        body = found.read()
        answer(headers["lambda-runtime-aws-request-id"], headers, json.loads(body))
    else:
        post(here + "/response", json.dumps(event).encode())

serve(answer)
"""
)

CONTEXT = """
def handler(event, context):
    identity, client = context.identity, context.client_context
    return {
        "arn": context.invoked_function_arn, "tenant": getattr(context, "tenant_id", None),
        "identity": [identity.cognito_identity_id, identity.cognito_identity_pool_id],
        "custom": client.custom if client else None,
    }
"""


@pytest.fixture(scope="module", autouse=True)
def _functions(server: Server) -> None:
    server.deploy("protocol", PROTOCOL, Timeout=10, MemorySize=512)
    server.deploy("context", CONTEXT)


def invoke(server: Server, event: Any, name: str = "protocol", **options: Any) -> tuple[Any, Any, list[str]]:
    """Return the answer, its payload and the lines of the log tail."""
    answer = server.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **options
    )
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    return answer, json.loads(answer["Payload"].read()), log


def wait_for_log(server: Server, name: str, text: str) -> None:
    """Return once the function's log holds ``text``."""
    ends = time.monotonic() + 10
    while True:
        with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={name}") as answer:
            log = "".join(each["message"] for each in json.load(answer)["events"])
        if text in log:
            return
        assert time.monotonic() < ends, log


def test_an_event_carries_its_headers_and_no_others(server: Server) -> None:
    before = time.time() * 1000
    answer, seen, _ = invoke(server, {"do": "headers"})
    assert seen.pop("lambda-runtime-aws-request-id") == answer["ResponseMetadata"]["RequestId"]
    assert before < int(seen.pop("lambda-runtime-deadline-ms")) <= time.time() * 1000 + 10_000
    trace = seen.pop("lambda-runtime-trace-id")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01].*", trace)
    assert seen == {
        "content-type": "application/json",
        "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:protocol",
    }


def test_client_context_and_cognito_identity_come_as_json(server: Server) -> None:
    client = server.client("lambda", region_name="us-east-1")  # one of its own: the header is for this test
    identity = {"cognitoIdentityId": "us-east-1:me", "cognitoIdentityPoolId": "us-east-1:pool"}

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Sandbox-Cognito-Identity"] = json.dumps(identity)

    client.meta.events.register("before-sign.lambda.Invoke", add)
    context = base64.b64encode(b'{"custom": {"shop": "tea"}}').decode()
    for name, event in (("protocol", {"do": "headers"}), ("context", {})):
        answer = client.invoke(FunctionName=name, ClientContext=context, Payload=json.dumps(event).encode())
        seen = json.loads(answer["Payload"].read())
        if name == "protocol":
            assert json.loads(seen["lambda-runtime-client-context"]) == {"custom": {"shop": "tea"}}
            assert json.loads(seen["lambda-runtime-cognito-identity"]) == identity
        else:
            assert seen["identity"] == ["us-east-1:me", "us-east-1:pool"]
            assert seen["custom"] == {"shop": "tea"}


@pytest.mark.parametrize("named", ["query", "name", "arn"])
def test_the_invoked_arn_holds_the_qualifier_that_was_named(server: Server, named: str) -> None:
    client = server.client("lambda")
    function = f"qualified-{named}"
    arn = server.deploy(function, CONTEXT)
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    options: dict[str, Any] = {
        "query": {"FunctionName": function, "Qualifier": "live"},
        "name": {"FunctionName": f"{function}:live"},
        "arn": {"FunctionName": f"{arn}:live"},
    }[named]
    answer = client.invoke(Payload=b"{}", **options)
    assert json.loads(answer["Payload"].read())["arn"] == f"{arn}:live"
    assert answer["ExecutedVersion"] == "1"


def test_tenants_have_environments_of_their_own(server: Server) -> None:
    client = server.client("lambda")
    source = CONTEXT.replace('"custom"', '"seen": seen, "custom"').replace(
        "def handler", "seen = []\n\ndef handler"
    )
    source = source.replace(
        "    identity, client", "    seen.append(context.tenant_id)\n    identity, client"
    )
    server.deploy("tenants", source, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})

    def seen(tenant: str) -> Any:
        answer = client.invoke(FunctionName="tenants", TenantId=tenant, Payload=b"{}")
        return json.loads(answer["Payload"].read())["seen"]

    assert [seen("blue"), seen("green"), seen("blue")] == [["blue"], ["green"], ["blue", "blue"]]
    with pytest.raises(ClientError, match="Add a valid tenant ID") as missing:
        client.invoke(FunctionName="tenants", Payload=b"{}")
    assert missing.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError, match="not enabled with tenant"):
        client.invoke(FunctionName="context", TenantId="blue", Payload=b"{}")


def test_what_comes_out_of_order_is_refused_and_changes_nothing(server: Server) -> None:
    _, seen, _ = invoke(server, {"do": "order"})
    assert {what: status for what, (status, _) in seen.items()} == {
        "response before next": 403,
        "error before next": 403,
        "wrong id": 400,
        "wrong id of an error": 400,
        "next in the middle": 403,
        "init error after init": 403,
        "restore error": 403,
        "restore next": 403,
        "no path": 404,
        "no action": 404,
        "old version": 404,
        "a browser": 403,
    }
    assert seen["wrong id"][1] == "InvalidRequestID"
    assert seen["response before next"][1] == "InvalidStateTransition"
    _, same, _ = invoke(server, {"still": "there"})
    assert same == {"still": "there"}
    wait_for_log(server, "protocol", 'after the answer [[202, null], [403, "InvalidStateTransition"]]')


def test_a_response_over_the_limit_is_413_for_the_runtime_and_an_error_for_the_caller(server: Server) -> None:
    limit = quotas.SYNC_PAYLOAD_BYTES
    _, error, _ = invoke(server, {"do": "too large", "bytes": limit + 1})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert f"({limit + 1} bytes)" in error["errorMessage"]
    wait_for_log(server, "protocol", 'too large [413, "RequestEntityTooLarge"]')
    assert invoke(server, {"after": True})[1] == {"after": True}


@pytest.mark.parametrize("body", ['{"errorType": "Shop.Closed", "errorMessage": "no"}', "not JSON at all"])
def test_the_body_of_an_error_reaches_the_caller_as_it_is(server: Server, body: str) -> None:
    answer = server.client("lambda").invoke(
        FunctionName="protocol", Payload=json.dumps({"do": "error", "body": body}).encode()
    )
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"].read().decode() == body


def test_what_is_not_http_is_answered_400(server: Server) -> None:
    assert invoke(server, {"do": "not http"})[1] == "HTTP/1.1 400 Bad Request"


def test_a_second_request_for_the_next_event_does_not_take_the_firsts_place(server: Server) -> None:
    server.deploy("twice", PROTOCOL, Timeout=10)
    assert invoke(server, {"do": "two sockets"}, "twice")[1] == "answered"
    assert invoke(server, {"here": "still"}, "twice")[1] == {"here": "still"}
    wait_for_log(server, "twice", "second next 403")


def test_init_errors_reach_the_caller_with_the_runtimes_own_type(server: Server) -> None:
    source = LOOP + (
        'call("POST", "/2018-06-01/runtime/init/error", b\'{"errorType": "Shop.NoTea", "errorMessage": "empty"}\','
        ' {"Lambda-Runtime-Function-Error-Type": "Shop.NoTea"})\nos._exit(1)\n'
    )
    server.deploy("unready", source)
    answer, error, log = invoke(server, {}, "unready")
    assert answer["FunctionError"] == "Unhandled"
    assert error == {"errorType": "Shop.NoTea", "errorMessage": "empty"}
    assert any("Error Type: Shop.NoTea" in line for line in log)


def test_invoke_async_accepts_and_runs(server: Server) -> None:
    server.deploy("later", "def handler(event, context):\n    print('ran with', event)\n")
    answer = server.client("lambda").invoke_async(FunctionName="later", InvokeArgs=b'{"a": 1}')
    assert answer["Status"] == 202
    with pytest.raises(ClientError) as unreadable:
        server.client("lambda").invoke_async(FunctionName="later", InvokeArgs=b"{")
    assert unreadable.value.response["Error"]["Code"] == "InvalidRequestContentException"
    wait_for_log(server, "later", "ran with {'a': 1}")


def test_a_runtime_in_one_module_serves_many_events(server: Server) -> None:
    server.deploy(
        "counts",
        module(
            "count = 0\n\ndef answer(request_id, headers, event):\n    global count\n    count += 1\n"
            "    call('POST', f'{INVOCATION}{request_id}/response', json.dumps(count))"
        ),
    )
    assert [invoke(server, {}, "counts")[1] for _ in range(5)] == [1, 2, 3, 4, 5]
