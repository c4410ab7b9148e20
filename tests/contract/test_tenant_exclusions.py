"""What AWS excludes for functions with tenant isolation is refused, so that no event runs without its tenant."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.resources import FunctionUrl
from lambda_sandbox.server_client import ServerClient
from tests.contract.conftest import Server

CODE = "def handler(event, context):\n    return context.tenant_id"
PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
SNAP_START = {"ApplyOn": "PublishedVersions"}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"


@pytest.fixture(scope="module")
def tenants(server: Server) -> Server:
    """A server with a function of tenants, ``apart``, with an alias, and one without, ``plain``."""
    client = server.client("lambda")
    server.deploy("apart", CODE, TenancyConfig=PER_TENANT, Publish=True)
    server.deploy("plain", CODE)
    client.create_alias(FunctionName="apart", Name="live", FunctionVersion="1")
    server.client("sqs").create_queue(QueueName="orders")
    return server


def refusal(call: Callable[..., Any], **given: Any) -> str:
    """Return the sentence with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    answer = refused.value.response
    assert answer["Error"]["Code"] == "InvalidParameterValueException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(answer["Error"]["Message"])


@pytest.mark.parametrize("qualifier", ["1", "live"], ids=["a version", "an alias"])
def test_provisioned_concurrency_is_refused(tenants: Server, qualifier: str) -> None:
    put = tenants.client("lambda").put_provisioned_concurrency_config
    said = refusal(put, FunctionName="apart", Qualifier=qualifier, ProvisionedConcurrentExecutions=1)
    assert said == "Provisioned Concurrency is not supported for functions with tenant isolation."


@pytest.mark.parametrize("target", [{}, {"Qualifier": "live"}], ids=["the function", "an alias"])
def test_a_function_url_is_refused(tenants: Server, target: dict[str, str]) -> None:
    create = tenants.client("lambda").create_function_url_config
    said = refusal(create, FunctionName="apart", AuthType="NONE", **target)
    assert said == "Function URLs are not supported for functions with tenant isolation."


def test_snap_start_is_refused_at_creation_and_at_an_update(tenants: Server) -> None:
    client, sentence = (
        tenants.client("lambda"),
        "SnapStart is not supported for functions with tenant isolation.",
    )
    assert (
        refusal(tenants.deploy, name="both", source=CODE, TenancyConfig=PER_TENANT, SnapStart=SNAP_START)
        == sentence
    )
    update = client.update_function_configuration
    assert refusal(update, FunctionName="apart", SnapStart=SNAP_START) == sentence
    assert client.get_function_configuration(FunctionName="apart")["SnapStart"]["ApplyOn"] == "None"


@pytest.mark.parametrize("name", ["apart", "apart:live"], ids=["the function", "an alias"])
def test_an_event_source_mapping_is_refused(tenants: Server, name: str) -> None:
    create = tenants.client("lambda").create_event_source_mapping
    said = refusal(create, FunctionName=name, EventSourceArn=QUEUE)
    assert said == "Event source mappings are not supported for functions with tenant isolation."


def test_a_mapping_cannot_be_turned_to_a_function_of_tenants(tenants: Server) -> None:
    client = tenants.client("lambda")
    mapping = client.create_event_source_mapping(FunctionName="plain", EventSourceArn=QUEUE)["UUID"]
    said = refusal(client.update_event_source_mapping, UUID=mapping, FunctionName="apart")
    assert said == "Event source mappings are not supported for functions with tenant isolation."
    client.delete_event_source_mapping(UUID=mapping)


def test_a_function_url_of_an_earlier_release_runs_nothing(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    before = start_server("--state", str(tmp_path), "--no-neighbours")
    before.deploy("apart", CODE, TenancyConfig=PER_TENANT)
    before.stop()
    store = Store(tmp_path)
    moment = "2026-11-01T00:00:00.000000Z"
    store.function_urls.put(
        FunctionUrl("000000000000", "us-east-1", "apart", "", "a" * 32, "NONE", moment, moment)
    )
    store.close()
    after = start_server("--state", str(tmp_path), "--no-neighbours")
    host = f"{'a' * 32}.lambda-url.us-east-1.localhost:{urlsplit(after.endpoint).port}"
    request = urllib.request.Request(after.endpoint, headers={"Host": host})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert answer.code == 400
        assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
        assert b"Function URLs are not supported" in answer.read()


def test_what_names_no_tenant_runs_nothing_as_a_destination(tenants: Server) -> None:
    client = tenants.client("lambda")
    arn = client.get_function_configuration(FunctionName="apart")["FunctionArn"]
    client.put_function_event_invoke_config(
        FunctionName="plain", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    client.invoke(FunctionName="plain", InvocationType="Event")
    ends = time.monotonic() + 20
    while not (told := history(tenants)["deliveries"]):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert "Add a valid tenant ID" in told[-1]["why"]
    assert not [each for each in history(tenants)["invocations"] if each["function_name"] == "apart"]


def history(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = ServerClient(server.endpoint).read("/_sandbox/history")
    return found
