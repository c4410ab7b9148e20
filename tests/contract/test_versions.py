"""Versions and aliases as they run: the version that a qualifier means, the share that a weight gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server

ARN = "arn:aws:lambda:us-east-1:000000000000:function:shop"
SOURCE = """
def handler(event, context):
    return {"release": RELEASE, "version": context.function_version, "arn": context.invoked_function_arn}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server("--no-neighbours", seed="7")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def client(server: Server) -> Any:
    """Two published versions, a third release in ``$LATEST``."""
    client = server.client("lambda")
    server.deploy("shop", f"RELEASE = 1\n{SOURCE}", Publish=True)
    for release in (2, 3):
        zipped = package(f"RELEASE = {release}\n{SOURCE}")
        client.update_function_code(FunctionName="shop", ZipFile=zipped, Publish=release == 2)
    client.create_alias(FunctionName="shop", Name="live", FunctionVersion="1")
    return client


def invoke(client: Any, name: str, **options: Any) -> tuple[str, dict[str, Any]]:
    answer = client.invoke(FunctionName=name, **options)
    return answer["ExecutedVersion"], json.loads(answer["Payload"].read())


@pytest.mark.proves("Invoke")
@pytest.mark.parametrize(
    ("name", "qualifier", "release", "version", "arn"),
    [
        ("shop", None, 3, "$LATEST", ARN),
        ("shop", "$LATEST", 3, "$LATEST", f"{ARN}:$LATEST"),
        ("shop", "1", 1, "1", f"{ARN}:1"),
        (f"{ARN}:2", None, 2, "2", f"{ARN}:2"),
        ("000000000000:function:shop:live", None, 1, "1", f"{ARN}:live"),
        ("shop:live", "live", 1, "1", f"{ARN}:live"),
    ],
)
def test_qualifier_chooses_the_version_and_the_function_sees_how_it_was_named(
    client: Any, name: str, qualifier: str | None, release: int, version: str, arn: str
) -> None:
    executed, answer = invoke(client, name, **({"Qualifier": qualifier} if qualifier else {}))
    assert executed == version
    assert answer == {"release": release, "version": version, "arn": arn}


@pytest.mark.proves("CreateAlias")
def test_weighted_alias_shares_its_invocations_and_history_says_why(server: Server, client: Any) -> None:
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName="shop", Name="canary", FunctionVersion="1", RoutingConfig=routing)
    shares = Counter(invoke(client, "shop", Qualifier="canary")[0] for _ in range(400))
    assert shares.keys() == {"1", "2"}
    assert 70 <= shares["2"] <= 130  # of 400, a quarter; three deviations are 26
    with urlopen(f"{server.endpoint}/_sandbox/history") as answer:  # loopback
        reasons = {each["why"].split(" (drew")[0] for each in json.load(answer)["invocations"]}
    assert {"alias canary sends 75% to version 1", "alias canary sends 25% to version 2"} <= reasons


@pytest.mark.proves("UpdateAlias")
def test_alias_that_moves_takes_the_next_invocation_with_it(client: Any) -> None:
    client.create_alias(FunctionName="shop", Name="moving", FunctionVersion="1")
    assert invoke(client, "shop:moving")[0] == "1"
    client.update_alias(FunctionName="shop", Name="moving", FunctionVersion="2")
    assert invoke(client, "shop:moving")[0] == "2"


@pytest.mark.proves("DeleteAlias")
def test_deleted_alias_is_found_no_more(client: Any) -> None:
    client.create_alias(FunctionName="shop", Name="gone", FunctionVersion="1")
    assert invoke(client, "shop:gone")[0] == "1"
    client.delete_alias(FunctionName="shop", Name="gone")
    with pytest.raises(ClientError, match=f"Function not found: {ARN}:gone"):
        client.invoke(FunctionName="shop:gone")


def test_update_leaves_the_environment_of_a_published_version_warm(server: Server, client: Any) -> None:
    source = "COUNT = 0\ndef handler(event, context):\n    global COUNT\n    COUNT += 1\n    return COUNT"
    server.deploy("counter", source, Publish=True)
    assert invoke(client, "counter:1")[1] == 1  # type: ignore[comparison-overlap]
    client.update_function_configuration(FunctionName="counter", Description="changed")
    client.create_alias(FunctionName="counter", Name="live", FunctionVersion="1")
    assert invoke(client, "counter:live")[1] == 2  # type: ignore[comparison-overlap]


def test_invocation_by_a_name_that_is_none_is_refused_as_the_model_says(client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName="no such name")
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert "at 'functionName' failed to satisfy constraint" in str(error.value)


def test_image_fails_at_init_and_the_log_says_what_it_would_need(server: Server, client: Any) -> None:
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1"
    client.create_function(FunctionName="image", PackageType="Image", Code={"ImageUri": image}, Role=ROLE)
    assert client.invoke(FunctionName="image")["FunctionError"] == "Unhandled"
    with urlopen(f"{server.endpoint}/_sandbox/logs?function=image") as answer:  # loopback
        messages = [each["message"] for each in json.load(answer)["events"]]
    assert any(f"The image {image} cannot run: that needs a container engine." in each for each in messages)


def test_accounts_and_regions_are_apart(server: Server, client: Any) -> None:
    elsewhere = server.client("lambda", region_name="eu-west-1")
    stranger = server.client("lambda", aws_access_key_id="111111111111")
    for other in (elsewhere, stranger):
        assert other.list_functions()["Functions"] == []
        with pytest.raises(ClientError, match="Function not found"):
            other.invoke(FunctionName="shop")
    with pytest.raises(ClientError) as error:
        stranger.invoke(FunctionName=ARN)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    client.add_permission(
        FunctionName="shop", StatementId="share", Action="lambda:InvokeFunction", Principal="111111111111"
    )
    assert invoke(stranger, ARN)[0] == "$LATEST"
    client.remove_permission(FunctionName="shop", StatementId="share")
    with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
        stranger.invoke(FunctionName=ARN)
    with pytest.raises(ClientError, match="Functions from 'us-east-1' are not reachable in this region"):
        elsewhere.invoke(FunctionName=ARN)


def test_command_line_and_function_are_in_the_account_and_region_of_their_credentials(server: Server) -> None:
    stranger = server.client("lambda", aws_access_key_id="222222222222", region_name="eu-west-1")
    source = "import boto3\ndef handler(event, context):\n    listed = boto3.client('lambda').list_functions()\n    return [each['FunctionArn'] for each in listed['Functions']]"
    arn = "arn:aws:lambda:eu-west-1:222222222222:function:looker"
    stranger.create_function(
        FunctionName="looker",
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::222222222222:role/demo",
        Timeout=30,
        Code={"ZipFile": package(source)},
    )
    assert invoke(stranger, "looker")[1] == [arn]  # type: ignore[comparison-overlap]
    command = [sys.executable, "-m", "awscli", "lambda", "list-functions", "--endpoint-url", server.endpoint]
    keys = {
        "AWS_ACCESS_KEY_ID": "222222222222",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    done = subprocess.run(command, env=os.environ | keys, capture_output=True, text=True, check=True)
    assert [each["FunctionArn"] for each in json.loads(done.stdout)["Functions"]] == [arn]
