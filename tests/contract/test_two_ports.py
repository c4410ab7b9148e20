"""A sandbox with an inherited listener beside its own port: whoever asks is given addresses that they can reach."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE

SOURCE = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['requestContext']['domainName']}\n"
STACK = """
Resources:
  Url:
    Type: AWS::Lambda::Url
    Properties: {TargetFunctionArn: stacked, AuthType: NONE}
Outputs:
  Address: {Value: !GetAtt Url.FunctionUrl}
"""


class Sandbox:
    """``outer`` is the sandbox's own port, ``inner`` that of the listener, which a notebook or a container is given."""

    def __init__(self, listener: socket.socket) -> None:
        self.inner: int = listener.getsockname()[1]
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "lambda_sandbox", "serve",
                "--port", "0", "--listen-fd", str(listener.fileno()), "--stop-with-stdin",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(listener.fileno(),),
        )  # fmt: skip
        assert self.process.stdout is not None
        self.outer = urlsplit(self.process.stdout.readline().split()[1]).port

    def client(self, service: str, port: int | None, host: str = "127.0.0.1") -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )


def fetch(address: str) -> tuple[int, bytes]:
    """Open an address as a browser would that finds its name at this machine."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    connection.request("GET", f"{parts.path or '/'}?{parts.query}", headers={"Host": parts.netloc})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Sandbox(listener)
    yield made
    made.process.communicate(timeout=30)


def deploy(sandbox: Sandbox, name: str) -> None:
    code = {"ZipFile": package(SOURCE)}
    settings = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": code}
    sandbox.client("lambda", sandbox.outer).create_function(FunctionName=name, **settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_every_answer_with_a_function_url_has_the_port_that_was_called(sandbox: Sandbox, host: str) -> None:
    name = f"at-{host.replace('.', '-')}"
    deploy(sandbox, name)
    inner, outer = (sandbox.client("lambda", port, host) for port in (sandbox.inner, sandbox.outer))
    made = inner.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        inner.add_permission(
            FunctionName=name, StatementId=action[-3:], Action=action, Principal="*",
            **({"FunctionUrlAuthType": "NONE"} if action.endswith("Url") else {"InvokedViaFunctionUrl": True}),
        )  # fmt: skip
    assert fetch(made) == (200, urlsplit(made).hostname.encode())  # type: ignore[union-attr]
    for client, port in ((inner, sandbox.inner), (outer, sandbox.outer)):
        told = [
            client.get_function_url_config(FunctionName=name)["FunctionUrl"],
            client.update_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"],
            client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"][0]["FunctionUrl"],
        ]
        assert {urlsplit(address).port for address in told} == {port}
        assert fetch(told[0])[0] == 200


def test_the_link_to_a_package_leads_to_the_port_that_was_called(sandbox: Sandbox) -> None:
    deploy(sandbox, "linked")
    for port in (sandbox.inner, sandbox.outer):
        client = sandbox.client("lambda", port)
        link = client.get_function(FunctionName="linked")["Code"]["Location"]
        layer = client.publish_layer_version(LayerName="l", Content={"ZipFile": package("x = 1\n")})
        for address in (link, layer["Content"]["Location"]):
            assert urlsplit(address).port == port
            status, body = fetch(address)
            assert (status, body[:2]) == (200, b"PK")


def test_the_url_of_a_stack_and_an_apis_address_have_the_listeners_port(sandbox: Sandbox) -> None:
    deploy(sandbox, "stacked")
    stacks = sandbox.client("cloudformation", sandbox.inner)
    stacks.create_stack(StackName="url", TemplateBody=STACK)
    outputs = stacks.describe_stacks(StackName="url")["Stacks"][0]["Outputs"]
    made = sandbox.client("apigatewayv2", sandbox.inner).create_api(Name="a", ProtocolType="HTTP")
    for address in (outputs[0]["OutputValue"], made["ApiEndpoint"]):
        assert urlsplit(address).port == sandbox.inner
