"""A tour of the Lambda API with the AWS CLI: every group of operations, as a person would type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server

ACCOUNT = "000000000000"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}"
PROFILE = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/shop/abcdefghij"
SOURCE = """
def handler(event, context):
    return {"price": event.get("price", 1), "version": context.function_version}
"""


class Cli:
    """``aws lambda`` in one folder; words with a space are never split, numbers become words."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def __call__(self, operation: str, *arguments: object, **options: object) -> Any:
        """Return what the command prints as JSON, ``None`` for nothing. An option's value ``True`` is a bare flag."""
        done = self._run(operation, *arguments, **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, operation: str, *arguments: object, **options: object) -> str:
        done = self._run(operation, *arguments, **options)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _run(self, operation: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        words = [str(each) for each in arguments]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else _words(value))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing may leave this machine
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.server.endpoint,
        }
        command = [
            str(Path(sys.executable).with_name("aws")),
            "--output",
            "json",
            "lambda",
            operation,
            *words,
        ]
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60
        )


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [json.dumps(value) if isinstance(value, dict) else str(value)]


@pytest.fixture(scope="module")
def aws(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("tour")
    (folder / "first.zip").write_bytes(package(SOURCE))
    (folder / "second.zip").write_bytes(package(SOURCE + "# second\n"))
    (folder / "layer.zip").write_bytes(package({"python/fruit.py": "KIWI = 3\n"}))
    return Cli(server, folder)


@pytest.fixture
def shop(server: Server) -> Iterator[str]:
    """A function of the test's own."""
    server.deploy("shop", SOURCE)
    yield "shop"
    server.client("lambda").delete_function(FunctionName="shop")


@pytest.mark.proves("CreateFunction")
@pytest.mark.proves("GetFunction")
@pytest.mark.proves("UpdateFunctionConfiguration")
@pytest.mark.proves("UpdateFunctionCode")
@pytest.mark.proves("ListFunctions")
@pytest.mark.proves("DeleteFunction")
@pytest.mark.proves("Invoke")
@pytest.mark.proves("InvokeAsync")
def test_life_of_a_function(aws: Cli) -> None:
    named = {"function_name": "quote"}
    made = aws(
        "create-function",
        **named,
        runtime="python3.12",
        role=ROLE,
        handler="app.handler",
        zip_file="fileb://first.zip",
    )
    assert made["FunctionArn"] == f"{ARN}:function:quote"
    aws("wait", "function-active-v2", **named)
    told = aws("invoke", "answer.json", **named, payload='{"price": 3}')
    assert told["StatusCode"] == 200
    assert json.loads((aws.folder / "answer.json").read_text()) == {"price": 3, "version": "$LATEST"}
    changed = aws(
        "update-function-configuration", **named, memory_size=256, environment="Variables={FRUIT=kiwi}"
    )
    assert (changed["MemorySize"], changed["Environment"]["Variables"]) == (256, {"FRUIT": "kiwi"})
    again = aws("update-function-code", **named, zip_file="fileb://second.zip")
    assert again["CodeSha256"] != made["CodeSha256"]
    assert aws("get-function", **named)["Configuration"]["MemorySize"] == 256
    assert "quote" in [each["FunctionName"] for each in aws("list-functions")["Functions"]]
    aws("delete-function", **named)
    assert "ResourceNotFoundException" in aws.refused("get-function", **named)


@pytest.mark.proves("PublishVersion")
@pytest.mark.proves("ListVersionsByFunction")
@pytest.mark.proves("CreateAlias")
@pytest.mark.proves("GetAlias")
@pytest.mark.proves("UpdateAlias")
@pytest.mark.proves("DeleteAlias")
def test_versions_and_aliases(aws: Cli, shop: str) -> None:
    first = aws("publish-version", function_name=shop)["Version"]
    changed = aws("update-function-code", function_name=shop, zip_file="fileb://second.zip", publish=True)
    second = changed["Version"]
    versions = aws("list-versions-by-function", function_name=shop)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", first, second]
    aws("create-alias", function_name=shop, name="live", function_version=first)
    aws(
        "update-alias",
        function_name=shop,
        name="live",
        function_version=second,
        routing_config=f"AdditionalVersionWeights={{{first}=0.25}}",
    )
    told = aws("get-alias", function_name=shop, name="live")
    assert told["RoutingConfig"] == {"AdditionalVersionWeights": {first: 0.25}}
    aws("delete-alias", function_name=shop, name="live")


@pytest.mark.proves("PublishLayerVersion")
@pytest.mark.proves("ListLayers")
@pytest.mark.proves("ListLayerVersions")
@pytest.mark.proves("GetLayerVersion")
@pytest.mark.proves("GetLayerVersionByArn")
@pytest.mark.proves("AddLayerVersionPermission")
@pytest.mark.proves("GetLayerVersionPolicy")
@pytest.mark.proves("RemoveLayerVersionPermission")
@pytest.mark.proves("DeleteLayerVersion")
def test_layers(aws: Cli) -> None:
    made = aws(
        "publish-layer-version",
        layer_name="fruit",
        zip_file="fileb://layer.zip",
        compatible_runtimes=["python3.12", "python3.13"],
    )
    assert made["Version"] == 1
    assert [each["LayerName"] for each in aws("list-layers")["Layers"]] == ["fruit"]
    assert aws("list-layer-versions", layer_name="fruit")["LayerVersions"][0]["Version"] == 1
    one = {"layer_name": "fruit", "version_number": 1}
    assert aws("get-layer-version", **one)["Content"]["CodeSha256"] == made["Content"]["CodeSha256"]
    assert aws("get-layer-version-by-arn", arn=made["LayerVersionArn"])["Version"] == 1
    grant = {"statement_id": "all", "action": "lambda:GetLayerVersion", "principal": "*"}
    aws("add-layer-version-permission", **one, **grant)
    assert '"all"' in aws("get-layer-version-policy", **one)["Policy"]
    aws("remove-layer-version-permission", **one, statement_id="all")
    aws("delete-layer-version", **one)


@pytest.mark.proves("AddPermission")
@pytest.mark.proves("GetPolicy")
@pytest.mark.proves("RemovePermission")
@pytest.mark.proves("CreateFunctionUrlConfig")
@pytest.mark.proves("GetFunctionUrlConfig")
@pytest.mark.proves("UpdateFunctionUrlConfig")
@pytest.mark.proves("DeleteFunctionUrlConfig")
def test_permissions_and_addresses(aws: Cli, shop: str) -> None:
    named = {"function_name": shop}
    grant = {"statement_id": "s3", "action": "lambda:InvokeFunction", "principal": "s3.amazonaws.com"}
    statement = json.loads(
        aws("add-permission", **named, **grant, source_arn="arn:aws:s3:::photos")["Statement"]
    )
    assert statement["Sid"] == "s3"
    assert "arn:aws:s3:::photos" in aws("get-policy", **named)["Policy"]
    aws("remove-permission", **named, statement_id="s3")
    url = aws("create-function-url-config", **named, auth_type="NONE")["FunctionUrl"]
    assert aws("get-function-url-config", **named)["FunctionUrl"] == url
    changed = aws("update-function-url-config", **named, cors={"AllowOrigins": ["https://example.com"]})
    assert changed["Cors"]["AllowOrigins"] == ["https://example.com"]
    aws("delete-function-url-config", **named)


@pytest.mark.proves("CreateEventSourceMapping")
@pytest.mark.proves("GetEventSourceMapping")
@pytest.mark.proves("UpdateEventSourceMapping")
@pytest.mark.proves("ListEventSourceMappings")
@pytest.mark.proves("DeleteEventSourceMapping")
def test_event_source_mappings(aws: Cli, shop: str, server: Server) -> None:
    server.client("sqs").create_queue(QueueName="orders")
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
    uuid = aws("create-event-source-mapping", function_name=shop, event_source_arn=queue, no_enabled=True)[
        "UUID"
    ]
    assert aws("get-event-source-mapping", uuid=uuid)["EventSourceArn"] == queue
    assert aws("update-event-source-mapping", uuid=uuid, batch_size=3)["BatchSize"] == 3
    listed = aws("list-event-source-mappings", function_name=shop)["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [uuid]
    assert aws("delete-event-source-mapping", uuid=uuid)["State"] == "Deleting"


@pytest.mark.proves("PutFunctionEventInvokeConfig")
@pytest.mark.proves("UpdateFunctionEventInvokeConfig")
@pytest.mark.proves("GetFunctionEventInvokeConfig")
@pytest.mark.proves("DeleteFunctionEventInvokeConfig")
def test_settings_of_asynchronous_invokes(aws: Cli, shop: str) -> None:
    named = {"function_name": shop}
    aws("put-function-event-invoke-config", **named, maximum_retry_attempts=1)
    aws("update-function-event-invoke-config", **named, maximum_event_age_in_seconds=600)
    told = aws("get-function-event-invoke-config", **named)
    assert (told["MaximumRetryAttempts"], told["MaximumEventAgeInSeconds"]) == (1, 600)
    aws("delete-function-event-invoke-config", **named)


@pytest.mark.proves("PutFunctionConcurrency")
@pytest.mark.proves("GetFunctionConcurrency")
@pytest.mark.proves("PutProvisionedConcurrencyConfig")
@pytest.mark.proves("GetProvisionedConcurrencyConfig")
@pytest.mark.proves("DeleteProvisionedConcurrencyConfig")
@pytest.mark.proves("GetAccountSettings")
def test_concurrency(aws: Cli, shop: str) -> None:
    named = {"function_name": shop}
    aws("put-function-concurrency", **named, reserved_concurrent_executions=5)
    assert aws("get-function-concurrency", **named)["ReservedConcurrentExecutions"] == 5
    assert aws("get-account-settings")["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    # AWS: numbers are never used again, even for a function that was deleted and made anew.
    version = aws("publish-version", **named)["Version"]
    one = {**named, "qualifier": version}
    aws("put-provisioned-concurrency-config", **one, provisioned_concurrent_executions=1)
    told = aws("get-provisioned-concurrency-config", **one)
    assert told["RequestedProvisionedConcurrentExecutions"] == 1
    aws("delete-provisioned-concurrency-config", **one)


@pytest.mark.proves("CreateCodeSigningConfig")
@pytest.mark.proves("PutFunctionCodeSigningConfig")
@pytest.mark.proves("GetFunctionCodeSigningConfig")
@pytest.mark.proves("DeleteFunctionCodeSigningConfig")
@pytest.mark.proves("DeleteCodeSigningConfig")
def test_code_signing(aws: Cli, shop: str) -> None:
    publishers = {"SigningProfileVersionArns": [PROFILE]}
    arn = aws("create-code-signing-config", allowed_publishers=publishers)["CodeSigningConfig"][
        "CodeSigningConfigArn"
    ]
    aws("put-function-code-signing-config", function_name=shop, code_signing_config_arn=arn)
    told = aws("get-function-code-signing-config", function_name=shop)
    assert told["CodeSigningConfigArn"] == arn
    aws("delete-function-code-signing-config", function_name=shop)
    aws("delete-code-signing-config", code_signing_config_arn=arn)


@pytest.mark.proves("PutRuntimeManagementConfig")
@pytest.mark.proves("GetRuntimeManagementConfig")
@pytest.mark.proves("PutFunctionRecursionConfig")
@pytest.mark.proves("GetFunctionRecursionConfig")
@pytest.mark.proves("TagResource")
@pytest.mark.proves("ListTags")
@pytest.mark.proves("UntagResource")
def test_runtime_recursion_and_tags(aws: Cli, shop: str) -> None:
    named = {"function_name": shop}
    aws("put-runtime-management-config", **named, update_runtime_on="FunctionUpdate")
    assert aws("get-runtime-management-config", **named)["UpdateRuntimeOn"] == "FunctionUpdate"
    aws("put-function-recursion-config", **named, recursive_loop="Allow")
    assert aws("get-function-recursion-config", **named)["RecursiveLoop"] == "Allow"
    arn = f"{ARN}:function:{shop}"
    aws("tag-resource", resource=arn, tags="team=till,fruit=kiwi")
    assert aws("list-tags", resource=arn)["Tags"] == {"team": "till", "fruit": "kiwi"}
    aws("untag-resource", resource=arn, tag_keys=["fruit"])


@pytest.mark.proves("CreateCapacityProvider")
@pytest.mark.proves("ListCapacityProviders")
@pytest.mark.proves("DeleteCapacityProvider")
def test_capacity_providers(aws: Cli) -> None:
    made = aws(
        "create-capacity-provider",
        capacity_provider_name="pool",
        vpc_config={"SubnetIds": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]},
        permissions_config={"CapacityProviderOperatorRoleArn": ROLE},
    )
    assert made["CapacityProvider"]["CapacityProviderArn"] == f"{ARN}:capacity-provider:pool"
    listed = aws("list-capacity-providers")["CapacityProviders"]
    assert [each["CapacityProviderArn"] for each in listed] == [f"{ARN}:capacity-provider:pool"]
    aws("delete-capacity-provider", capacity_provider_name="pool")


def test_errors_reach_the_terminal_in_the_words_of_the_service(aws: Cli, shop: str) -> None:
    said = aws.refused("invoke", "never.json", function_name="missing")
    assert f"Function not found: {ARN}:function:missing" in said
    said = aws.refused("update-function-configuration", function_name=shop, timeout=99_999)
    assert "1 validation error detected: Value '99999' at 'timeout' failed to satisfy constraint" in said
