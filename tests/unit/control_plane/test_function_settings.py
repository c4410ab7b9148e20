"""Each member of a function's configuration: what is shown again, what is left out, what is refused."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import FunctionConfiguration

from .conftest import CALLER, Sandbox, make_zip
from .refusals import refused

IMAGE: dict[str, Any] = {
    "PackageType": "Image",
    "Runtime": None,
    "Handler": None,
    "Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:7"},
}
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "Ipv6AllowedForDualStack": True}
ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"
BAD = "InvalidParameterValueException"


def look(sandbox: Sandbox, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.client().get_function_configuration(FunctionName="hello", **options)
    return found


def change(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    sandbox.client().update_function_configuration(FunctionName="hello", **settings)
    return look(sandbox)


def stored(sandbox: Sandbox) -> FunctionConfiguration:
    function = sandbox.plane.store.function(CALLER.account_id, CALLER.region, "hello")
    assert function is not None
    return function


SETTINGS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "VPC": ({"VpcConfig": VPC}, "VpcConfig", VPC),
    "dead-letter queue": ({"DeadLetterConfig": {"TargetArn": QUEUE}}, "DeadLetterConfig", {"TargetArn": QUEUE}),
    "tracing": ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig", {"Mode": "Active"}),
    "file system": (
        {"VpcConfig": VPC, "FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}]},
        "FileSystemConfigs",
        [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}],
    ),
    "JSON logs": (
        {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "/my/group"}},
        "LoggingConfig",
        {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO", "LogGroup": "/my/group"},
    ),
    "snapshots": (
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        "SnapStart",
        {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"},
    ),
}  # fmt: skip


@pytest.mark.proves("CreateFunction")
@pytest.mark.parametrize(("given", "member", "shown"), SETTINGS.values(), ids=SETTINGS.keys())
def test_setting_given_at_creation_is_shown(
    sandbox: Sandbox, given: dict[str, Any], member: str, shown: Any
) -> None:
    sandbox.create(**given)
    assert look(sandbox)[member] == shown
    sandbox.reopen()
    assert look(sandbox)[member] == shown


@pytest.mark.proves("UpdateFunctionConfiguration")
@pytest.mark.parametrize(("given", "member", "shown"), SETTINGS.values(), ids=SETTINGS.keys())
def test_setting_given_later_is_shown_and_stays(
    sandbox: Sandbox, given: dict[str, Any], member: str, shown: Any
) -> None:
    sandbox.create()
    assert change(sandbox, **given)[member] == shown
    assert change(sandbox, Timeout=9)[member] == shown


@pytest.mark.parametrize(
    ("given", "cleared", "member"),
    [
        ({"VpcConfig": VPC}, {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}, "VpcConfig"),
        ({"DeadLetterConfig": {"TargetArn": QUEUE}}, {"DeadLetterConfig": {"TargetArn": ""}}, "DeadLetterConfig"),
        ({"Environment": {"Variables": {"AB": "1"}}}, {"Environment": {}}, "Environment"),
    ],
)  # fmt: skip
def test_setting_that_is_cleared_is_shown_no_more(
    sandbox: Sandbox, given: dict[str, Any], cleared: dict[str, Any], member: str
) -> None:
    sandbox.create(**given)
    assert member in look(sandbox)
    assert member not in change(sandbox, **cleared)


def test_log_levels_come_and_go_with_json(sandbox: Sandbox) -> None:
    sandbox.create(LoggingConfig={"LogFormat": "JSON"})
    group = "/aws/lambda/hello"
    assert look(sandbox)["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": group,
    }
    text = change(sandbox, LoggingConfig={"LogFormat": "Text"})["LoggingConfig"]
    assert text == {"LogFormat": "Text", "LogGroup": group}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "subnets without security groups": (
        {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
        "SubnetIds and SecurityIds must coexist or be both empty list.",
    ),
    "a dead-letter bucket": ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::bucket"}}, "The provided dead letter"),
    "a dead-letter FIFO queue": ({"DeadLetterConfig": {"TargetArn": f"{QUEUE}.fifo"}}, "FIFO queues and topics"),
    "a file system without VPC": (
        {"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}]},
        "Function must be configured to execute in a VPC to reference access point",
    ),
    "a log level in text": (
        {"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}},
        'LogLevel is not supported when LogFormat is set to "Text".',
    ),
    "a log level without a format": (
        {"LoggingConfig": {"ApplicationLogLevel": "WARN"}},
        'LogLevel is not supported when LogFormat is set to "Text".',
    ),
    "snapshots of an old Python": (
        {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "python3.11"},
        "python3.11 is not supported for SnapStart enabled functions.",
    ),
    "snapshots with a large /tmp": (
        {"SnapStart": {"ApplyOn": "PublishedVersions"}, "EphemeralStorage": {"Size": 1024}},
        "SnapStart supports at most 512 MB",
    ),
    "an image's settings for a zip": (
        {"ImageConfig": {"Command": ["app.handler"]}},
        "Please don't provide ImageConfig",
    ),
    "six layers": (
        {"Layers": [f"arn:aws:lambda:us-east-1:000000000000:layer:l{number}:1" for number in range(6)]},
        "Cannot reference more than 5 layers.",
    ),
    "a capacity provider that is not there": (
        {
            "CapacityProviderConfig": {
                "LambdaManagedInstancesCapacityProviderConfig": {
                    "CapacityProviderArn": "arn:aws:lambda:us-east-1:000000000000:capacity-provider:none"
                }
            }
        },
        "The capacity provider arn:aws:lambda:us-east-1:000000000000:capacity-provider:none does not exist.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_settings_that_do_not_go_together_are_refused_at_creation_and_later(
    sandbox: Sandbox, given: dict[str, Any], message: str
) -> None:
    with refused(BAD, 400, message):
        sandbox.create(**given)
    assert sandbox.client().list_functions()["Functions"] == []
    sandbox.create()
    before = look(sandbox)
    with refused(BAD, 400, message):
        change(sandbox, **given)
    after = look(sandbox)
    del before["ResponseMetadata"], after["ResponseMetadata"]
    assert after == before


def test_tenants_are_kept_apart_from_the_beginning_or_never(sandbox: Sandbox) -> None:
    sandbox.create(TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    assert look(sandbox)["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    assert stored(sandbox).tenant_isolation
    sandbox.create("plain")
    found = sandbox.client().get_function_configuration(FunctionName="plain")
    assert "TenancyConfig" not in found


def test_durable_function_is_made_so_and_changed_later(sandbox: Sandbox) -> None:
    sandbox.create(DurableConfig={"ExecutionTimeout": 3600})
    assert look(sandbox)["DurableConfig"] == {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 14}
    shown = change(sandbox, DurableConfig={"RetentionPeriodInDays": 7, "KMSKeyArn": KEY})["DurableConfig"]
    assert shown == {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 7, "KMSKeyArn": KEY}
    sandbox.create("plain")
    with refused(BAD, 400):
        sandbox.client().update_function_configuration(
            FunctionName="plain", DurableConfig={"ExecutionTimeout": 60}
        )


def test_function_of_managed_instances_runs_what_was_published_to_latest(sandbox: Sandbox) -> None:
    client = sandbox.client()
    provider = client.create_capacity_provider(
        CapacityProviderName="fleet",
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"},
    )["CapacityProvider"]
    managed = {"CapacityProviderArn": provider["CapacityProviderArn"]}
    config = {"LambdaManagedInstancesCapacityProviderConfig": managed}
    sandbox.create(CapacityProviderConfig=config, MemorySize=20_480, Timeout=1200)
    assert look(sandbox)["CapacityProviderConfig"] == config
    with pytest.raises(Exception, match="no published versions"):
        sandbox.plane.resolve("hello", None, CALLER)
    published = client.publish_version(FunctionName="hello", PublishTo="LATEST_PUBLISHED")
    assert published["Version"] == "$LATEST.PUBLISHED"
    assert published["FunctionArn"].endswith(":hello:$LATEST.PUBLISHED")
    assert sandbox.plane.resolve("hello", None, CALLER).version == "$LATEST.PUBLISHED"
    assert look(sandbox, Qualifier="$LATEST.PUBLISHED")["MemorySize"] == 20_480


def test_accelerators_are_kept_for_images_on_a_capacity_provider(sandbox: Sandbox) -> None:
    provider = sandbox.client().create_capacity_provider(
        CapacityProviderName="fleet",
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"},
    )["CapacityProvider"]
    managed = {"CapacityProviderArn": provider["CapacityProviderArn"]}
    config = {"LambdaManagedInstancesCapacityProviderConfig": managed}
    sandbox.create(**IMAGE, CapacityProviderConfig=config, AcceleratorConfig={"AcceleratorMemorySize": 24})
    assert look(sandbox)["AcceleratorConfig"] == {"AcceleratorMemorySize": 24}
    with refused(BAD, 400, "AcceleratorMemorySize must be one of 3, 6, 12, 16, 24, 48."):
        change(sandbox, AcceleratorConfig={"AcceleratorMemorySize": 5})
    with refused(BAD, 400, "AcceleratorConfig is supported only for"):
        sandbox.create("plain", AcceleratorConfig={"AcceleratorMemorySize": 24})


# --- code -------------------------------------------------------------------------------------------------


@pytest.mark.proves("GetFunction")
def test_image_is_kept_by_its_name_and_has_neither_runtime_nor_handler(sandbox: Sandbox) -> None:
    sandbox.create(**IMAGE, ImageConfig={"Command": ["app.handler"], "WorkingDirectory": "/app"})
    found = sandbox.client().get_function(FunctionName="hello")
    code, configuration = found["Code"], found["Configuration"]
    assert (code["RepositoryType"], code["ImageUri"]) == ("ECR", IMAGE["Code"]["ImageUri"])
    repository, digest = code["ResolvedImageUri"].split("@sha256:")
    assert repository == "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop"
    assert digest == configuration["CodeSha256"]
    assert (configuration["PackageType"], configuration["CodeSize"]) == ("Image", 0)
    assert not {"Runtime", "Handler"} & configuration.keys()
    assert configuration["ImageConfigResponse"] == {
        "ImageConfig": {"Command": ["app.handler"], "WorkingDirectory": "/app"}
    }


@pytest.mark.proves("UpdateFunctionCode")
def test_image_is_updated_by_an_image_and_a_zip_by_a_zip(sandbox: Sandbox) -> None:
    client = sandbox.client()
    sandbox.create("image", **IMAGE)
    sandbox.create("zip")
    digest = f"repository@sha256:{'a' * 64}"
    updated = client.update_function_code(FunctionName="image", ImageUri=digest)
    assert updated["CodeSha256"] == "a" * 64
    assert client.get_function(FunctionName="image")["Code"]["ResolvedImageUri"] == digest
    with refused(BAD, 400, "Please don't provide ImageUri when updating a function with packageType Zip."):
        client.update_function_code(FunctionName="zip", ImageUri=digest)
    with refused(BAD, 400):
        client.update_function_code(FunctionName="image", ZipFile=make_zip())
    with refused(BAD, 400, "Please provide ImageUri when updating a function with packageType Image."):
        client.update_function_code(FunctionName="image")


@pytest.mark.parametrize("given", [{"Runtime": "python3.12"}, {"Handler": "app.handler"}, {"Layers": ["l"]}])
def test_image_takes_no_runtime_handler_or_layer(sandbox: Sandbox, given: dict[str, Any]) -> None:
    if "Layers" in given:
        given = {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}
    message = (
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
    )
    with refused(BAD, 400, message):
        sandbox.create(**(IMAGE | given))


def test_referenced_object_is_named_and_takes_none_of_the_storage(sandbox: Sandbox) -> None:
    sandbox.reopen(code_storage_bytes=10)
    sandbox.objects["code-bucket", "app.zip", "3"] = make_zip()
    place = {"S3Bucket": "code-bucket", "S3Key": "app.zip", "S3ObjectVersion": "3"}
    sandbox.create(Code={**place, "S3ObjectStorageMode": "REFERENCE", "SourceKMSKeyArn": KEY})
    code = sandbox.client().get_function(FunctionName="hello")["Code"]
    assert (code["ResolvedS3Object"], code["SourceKMSKeyArn"]) == (place, KEY)


@pytest.mark.proves("PublishVersion")
def test_code_storage_of_an_account_has_an_end(sandbox: Sandbox) -> None:
    size = len(make_zip())
    sandbox.reopen(code_storage_bytes=3 * size)
    client = sandbox.client()
    sandbox.create("one", Publish=True)
    sandbox.create("two")
    full = "Code storage limit exceeded."
    with refused("CodeStorageExceededException", 400, full):
        sandbox.create("three")
    with refused("CodeStorageExceededException", 400, full):
        client.publish_version(FunctionName="two")
    client.delete_function(FunctionName="one", Qualifier="1")
    assert client.publish_version(FunctionName="two")["Version"] == "1"
    with refused("CodeStorageExceededException", 400, full):
        client.update_function_code(FunctionName="one", ZipFile=make_zip({"b": "b" * 90}))


def test_function_that_cannot_be_published_is_not_made_and_its_code_does_not_stay(sandbox: Sandbox) -> None:
    size = len(make_zip())
    sandbox.reopen(code_storage_bytes=size)
    with refused("CodeStorageExceededException", 400):
        sandbox.create(Publish=True)
    client = sandbox.client()
    assert client.list_functions()["Functions"] == []
    sandbox.clock.advance(901)
    sandbox.create("other", Code={"ZipFile": make_zip({"a": ""})})
    client.delete_function(FunctionName="other")
    code_sha256 = base64.b64encode(hashlib.sha256(make_zip()).digest()).decode()
    assert sandbox.plane.code.package(code_sha256) is None


@pytest.mark.proves("GetFunction")
def test_reserved_concurrency_is_shown_with_every_version(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    assert "Concurrency" not in client.get_function(FunctionName="hello")
    client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    for name in ("hello", "hello:1"):
        found = client.get_function(FunctionName=name)
        assert found["Concurrency"] == {"ReservedConcurrentExecutions": 5}


@pytest.mark.proves("ListFunctions")
def test_no_function_comes_from_another_master_region(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    for master, count in (("ALL", 1), ("us-east-1", 1), ("eu-west-1", 0)):
        found = client.list_functions(MasterRegion=master, FunctionVersion="ALL")
        assert len(found["Functions"]) == count


@pytest.mark.parametrize(
    "name", ["hello:live", "arn:aws:lambda:us-east-1:000000000000:function:hello:7", "hello:1"]
)
def test_no_version_or_alias_is_created_by_its_name(sandbox: Sandbox, name: str) -> None:
    with refused(BAD, 400, "Current operation does not support versions other than $LATEST"):
        sandbox.create(name)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("x" * 64, 0),
        ("x" * 65, 64),
        ("x" * 141, 140),
        ("arn:aws:lambda:us-east-1:000000000000:function:" + "x" * 64, 0),
        ("000000000000:function:" + "x" * 65, 64),
    ],
    ids=["64", "65", "141", "ARN with 64", "partial ARN with 65"],
)
def test_name_is_as_long_as_aws_lets_it(sandbox: Sandbox, name: str, limit: int) -> None:
    if not limit:
        assert sandbox.create(name)["FunctionName"] == "x" * 64
        return
    with refused("ValidationException", 400, "1 validation error detected: Value '"):
        sandbox.create(name)


@pytest.mark.parametrize("later", [False, True], ids=["when it is made", "later"])
def test_a_key_for_variables_is_refused_with_the_reason_and_what_to_do(sandbox: Sandbox, later: bool) -> None:
    if later:
        sandbox.create()
    with pytest.raises(ClientError) as error:
        change(sandbox, KMSKeyArn=KEY) if later else sandbox.create(KMSKeyArn=KEY)
    answer = error.value.response
    assert answer["Error"]["Code"] == "NotImplementedException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    message = answer["Error"]["Message"]
    operation = "UpdateFunctionConfiguration" if later else "CreateFunction"
    assert message.startswith(f"{operation}.KMSKeyArn is not emulated by this sandbox: it keeps variables")
    assert "put plain test values into the variables" in message
    assert message.endswith("; see the API parity page.")
