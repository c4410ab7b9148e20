"""Custom resources: a function of the template's is asked to create, update and delete, and its answer is the resource."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.conftest import ROLE, Server

# Answers as its properties say; ``Fail`` names the request that it fails.
PROVIDER = """
import json, urllib.request
def handler(event, context):
    wanted = event["ResourceProperties"]
    print(json.dumps(event))
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer["Status"] = "FAILED" if wanted.get("Fail") == event["RequestType"] else "SUCCESS"
    answer["Reason"] = "it was asked to"
    answer["PhysicalResourceId"] = wanted.get("Id", "thing-1")
    answer["Data"] = {"Size": wanted.get("Size", "none"), "Long": "x" * int(wanted.get("Long", 1))}
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""
SILENT = "def handler(event, context):\n    print(event['ResponseURL'])\n"
BY_MODULE = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Size": "from Python"}, "fixed")
"""
BY_NODE_MODULE = """
const response = require('cfn-response');
exports.handler = (event, context) => response.send(event, context, response.SUCCESS, {Size: "from Node"}, "fixed");
"""
# As the CDK's own functions do: the host and the path are the address's, the scheme and the port are not.
BY_HTTPS = """
exports.handler = (event) => new Promise((resolve, reject) => {
  const { hostname, path } = require('url').parse(event.ResponseURL);
  const { StackId, RequestId, LogicalResourceId } = event;
  const body = JSON.stringify({Status: "SUCCESS", StackId, RequestId, LogicalResourceId, PhysicalResourceId: "fixed",
                               Data: {Size: "by https"}});
  const request = require('https').request({hostname, path, method: "PUT", headers: {"content-length": body.length}}, resolve);
  request.on("error", reject);
  request.end(body);
}).then((response) => response.statusCode);
"""
# As crhelper does: the port is the address's, the scheme is not.
BY_PYTHON_S_HTTPS = """
import json
from http.client import HTTPSConnection
from urllib.parse import urlsplit
def handler(event, context):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "fixed", "Data": {"Size": "by https"}}
    address = urlsplit(event["ResponseURL"])
    connection = HTTPSConnection(address.netloc)
    connection.request("PUT", f"{address.path}?{address.query}", json.dumps(answer))
    return connection.getresponse().status
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
https_functions = pytest.mark.parametrize(
    ("code", "runtime"),
    [pytest.param(BY_HTTPS, "nodejs22.x", marks=needs_node), (BY_PYTHON_S_HTTPS, "python3.12")],
    ids=["Node.js", "Python"],
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose neighbours are up: the first stack would wait for them."""
    running = Server()
    running.client("cloudformation").list_stacks()
    yield running
    running.stop()


def template(
    code: str = PROVIDER, kind: str = "Custom::Thing", runtime: str = "python3.12", **wanted: Any
) -> str:
    function = {
        "Code": {"ZipFile": code},
        "Role": ROLE,
        "Handler": "index.handler",
        "Runtime": runtime,
        "Timeout": 30,
    }
    properties = {"ServiceToken": {"Fn::GetAtt": "Maker.Arn"}, **wanted}
    return json.dumps(
        {
            "Resources": {
                "Maker": {"Type": "AWS::Lambda::Function", "Properties": function},
                "Thing": {"Type": kind, "Properties": properties},
            },
            "Outputs": {
                "Id": {"Value": {"Ref": "Thing"}},
                "Size": {"Value": {"Fn::GetAtt": ["Thing", "Size"]}},
                "Maker": {"Value": {"Ref": "Maker"}},
            },
        }
    )


def apply(server: Server, action: str, name: str, body: str) -> dict[str, Any]:
    stacks = server.client("cloudformation")
    getattr(stacks, f"{action}_stack")(StackName=name, TemplateBody=body)
    told: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
    told["Values"] = {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}
    return told


def asked(server: Server, function: str) -> list[dict[str, Any]]:
    """Return the requests that a provider has printed."""
    events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    return [json.loads(each["message"]) for each in events if each["message"].startswith("{")]


@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_function_is_asked_to_create_and_to_delete(server: Server, kind: str) -> None:
    stack = apply(server, "create", "made", template(kind=kind, Size=3, On=True, List=[1, {"deep": False}]))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    maker = stack["Values"]["Maker"]
    assert stack["Values"] == {"Id": "thing-1", "Size": "3", "Maker": maker}
    server.client("cloudformation").delete_stack(StackName="made")
    create, delete = asked(server, maker)
    assert (create["RequestType"], delete["RequestType"]) == ("Create", "Delete")
    assert (create["ResourceType"], create["LogicalResourceId"]) == (kind, "Thing")
    assert create["StackId"] == stack["StackId"]
    assert "PhysicalResourceId" not in create
    assert delete["PhysicalResourceId"] == "thing-1"
    # Numbers and booleans come as texts, as on AWS.
    assert create["ResourceProperties"] == {
        "ServiceToken": create["ServiceToken"],
        "Size": "3",
        "On": "true",
        "List": ["1", {"deep": "false"}],
    }
    assert create["ServiceToken"].endswith(f":function:{maker}")


def test_update_with_the_same_id_is_an_update_and_with_another_a_replacement(server: Server) -> None:
    maker = apply(server, "create", "changed", template(Size=1))["Values"]["Maker"]
    assert apply(server, "update", "changed", template(Size=2))["Values"]["Size"] == "2"
    assert apply(server, "update", "changed", template(Size=3, Id="thing-2"))["Values"]["Id"] == "thing-2"
    requests = asked(server, maker)
    assert [each["RequestType"] for each in requests] == ["Create", "Update", "Update", "Delete"]
    assert [each.get("PhysicalResourceId") for each in requests] == [None, *["thing-1"] * 3]
    assert requests[1]["OldResourceProperties"]["Size"] == "1"
    assert requests[1]["ResourceProperties"]["Size"] == "2"
    events = server.client("cloudformation").describe_stack_events(StackName="changed")["StackEvents"]
    steps = [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(events)]
    assert steps[-4:] == [
        ("Thing", "UPDATE_COMPLETE"),
        ("changed", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Thing", "DELETE_COMPLETE"),
        ("changed", "UPDATE_COMPLETE"),
    ]
    server.client("cloudformation").delete_stack(StackName="changed")


def test_failed_update_asks_for_what_was_before(server: Server) -> None:
    maker = apply(server, "create", "back", template(Size=1))["Values"]["Maker"]
    stack = apply(server, "update", "back", template(Size=2, Fail="Update"))
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Message returned: it was asked to" in stack["StackStatusReason"]
    requests = asked(server, maker)
    sizes = [(each["RequestType"], each["ResourceProperties"]["Size"]) for each in requests]
    assert sizes == [("Create", "1"), ("Update", "2"), ("Update", "1")]
    assert requests[2]["OldResourceProperties"]["Size"] == "2"
    server.client("cloudformation").delete_stack(StackName="back")


def test_failed_creation_rolls_back_and_has_the_function_delete(server: Server) -> None:
    stack = apply(server, "create", "failed", template(Fail="Create", Id="half"))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = "Received response status [FAILED] from custom resource. Message returned: it was asked to (RequestId: "
    assert stack["StackStatusReason"].startswith(reason)
    events = server.client("cloudformation").describe_stack_events(StackName="failed")["StackEvents"]
    deleted = [each for each in events if each["ResourceStatus"] == "DELETE_COMPLETE"]
    assert [each["LogicalResourceId"] for each in reversed(deleted)] == ["Thing", "Maker"]
    assert deleted[1]["PhysicalResourceId"] == "half"
    server.client("cloudformation").delete_stack(StackName="failed")


def test_failed_deletion_keeps_the_function_until_the_resource_is_retained(server: Server) -> None:
    stacks = server.client("cloudformation")
    maker = apply(server, "create", "stuck", template(Fail="Delete"))["Values"]["Maker"]
    with pytest.raises(Exception, match="only when the stack is in the DELETE_FAILED state"):
        stacks.delete_stack(StackName="stuck", RetainResources=["Thing"])
    stacks.delete_stack(StackName="stuck")
    assert stacks.describe_stacks(StackName="stuck")["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    assert server.client("lambda").get_function(FunctionName=maker)
    stacks.delete_stack(StackName="stuck", RetainResources=["Thing"])
    left = [each["StackName"] for each in stacks.describe_stacks()["Stacks"]]
    assert "stuck" not in left


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"code": SILENT, "ServiceTimeout": 1}, "did not receive a response from your Custom Resource"),
        ({"Long": 5000}, "Response object is too long."),
        ({"ServiceTimeout": 4000}, "it must be a number of seconds from 1 to 3600"),
        ({"ServiceToken": "arn:aws:sns:us-east-1:000000000000:topic"}, "and no SNS topics"),
        ({"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:gone"}, "Function not found"),
    ],
    ids=["no answer", "answer too long", "timeout too long", "topic", "no function"],
)
def test_stack_says_why_a_custom_resource_failed(
    server: Server, wanted: dict[str, Any], sentence: str
) -> None:
    name = f"why-{uuid.uuid4().hex}"
    stack = apply(server, "create", name, template(**wanted))
    assert stack["StackStatus"].startswith("ROLLBACK_")
    assert sentence in stack["StackStatusReason"]


def test_attribute_that_the_function_did_not_send_fails_the_stack(server: Server) -> None:
    body = template().replace('"Thing", "Size"', '"Thing", "Colour"')
    stack = apply(server, "create", "colour", body)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Vendor response doesn't contain Colour attribute in object" in stack["StackStatusReason"]
    server.client("cloudformation").delete_stack(StackName="colour")


@pytest.mark.parametrize(
    ("code", "runtime", "size"),
    [
        (BY_MODULE, "python3.12", "from Python"),
        pytest.param(BY_NODE_MODULE, "nodejs22.x", "from Node", marks=needs_node),
    ],
    ids=["cfnresponse", "cfn-response"],
)
def test_inline_code_finds_the_module_that_answers(
    server: Server, code: str, runtime: str, size: str
) -> None:
    stack = apply(server, "create", "module", template(code, runtime=runtime))
    assert (stack["StackStatus"], stack["Values"]["Size"]) == ("CREATE_COMPLETE", size)
    server.client("cloudformation").delete_stack(StackName="module")


def _answers_by_https(server: Server, code: str, runtime: str) -> None:
    body = template(code, runtime=runtime, ServiceTimeout=15)
    stack = apply(server, "create", "https", body)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    assert stack["Values"]["Size"] == "by https"
    server.client("cloudformation").delete_stack(StackName="https")


@https_functions
def test_function_that_asks_for_tls_whatever_the_address_says_is_heard(
    server: Server, code: str, runtime: str
) -> None:
    _answers_by_https(server, code, runtime)


@pytest.mark.parametrize("isolation", ["bwrap", "none"])
@https_functions
def test_function_that_asks_for_tls_is_heard_at_every_level(
    start_server: Callable[..., Server], isolation: str, code: str, runtime: str
) -> None:
    if isolation == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap")
    _answers_by_https(start_server("--isolation", isolation), code, runtime)


def test_stack_that_waits_long_goes_on_after_its_request(server: Server) -> None:
    stacks = server.client("cloudformation")
    stack = apply(server, "create", "slow", template(SILENT, ServiceTimeout=600))
    assert stack["StackStatus"] == "CREATE_IN_PROGRESS"
    [made] = stacks.describe_stack_resources(StackName="slow")["StackResources"]
    assert made["LogicalResourceId"] == "Maker"
    for refused in (stacks.delete_stack, stacks.update_stack):
        more = {"TemplateBody": template(SILENT)} if refused is stacks.update_stack else {}
        with pytest.raises(Exception, match="is in CREATE_IN_PROGRESS state and can not be"):
            refused(StackName="slow", **more)
    # The address is in the log: somebody else may answer, once.
    url = _printed_address(server, f"/aws/lambda/{made['PhysicalResourceId']}")
    stack_id, logical_id, request_id = urllib.parse.unquote(url.split("?")[0]).split("/", 4)[4].split("|")
    answer = {
        "Status": "SUCCESS",
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "RequestId": request_id,
        "PhysicalResourceId": "by-hand",
        "Data": {"Size": "7"},
    }
    with pytest.raises(urllib.error.HTTPError, match="403"):
        _put(url.replace("Signature=", "Signature=0"), answer)
    _put(url, answer)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        _put(url, answer)
    stacks.get_waiter("stack_create_complete").wait(
        StackName="slow", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    told = stacks.describe_stacks(StackName="slow")["Stacks"][0]
    assert {"OutputKey": "Id", "OutputValue": "by-hand"} in told["Outputs"]


def _printed_address(server: Server, group: str) -> str:
    """Return the line that the function has printed, once its log is copied."""
    ends = time.monotonic() + 30
    while True:
        events = server.client("logs").filter_log_events(logGroupName=group)["events"]
        for each in events:
            if each["message"].startswith("http"):
                return str(each["message"].strip())
        assert time.monotonic() < ends, events
        time.sleep(0.1)


def _put(url: str, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT")).close()
