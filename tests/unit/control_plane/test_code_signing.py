from __future__ import annotations

import re
from typing import Any

import pytest

from .conftest import Sandbox, make_zip
from .refusals import refused

PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/team/abcdefghij"
OTHER = f"{PROFILE}2"
UNKNOWN = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdefg"
UNSIGNED = "Lambda cannot deploy the function. The function or layer might be signed using a signature"


def make(sandbox: Sandbox, policy: str | None = None, **options: Any) -> dict[str, Any]:
    if policy:
        options["CodeSigningPolicies"] = {"UntrustedArtifactOnDeployment": policy}
    answer = sandbox.client().create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [PROFILE]}, **options
    )
    config: dict[str, Any] = answer["CodeSigningConfig"]
    return config


@pytest.mark.proves("CreateCodeSigningConfig")
@pytest.mark.proves("GetCodeSigningConfig")
def test_configuration_is_answered_as_it_was_made(sandbox: Sandbox) -> None:
    made = make(sandbox, Description="ours", Tags={"team": "a"})
    arn = made["CodeSigningConfigArn"]
    found = sandbox.client().get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
    assert found == made
    assert re.fullmatch("csc-[a-z0-9]{17}", found.pop("CodeSigningConfigId"))
    assert found == {
        "CodeSigningConfigArn": arn,
        "Description": "ours",
        "AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"},
        "LastModified": "2023-11-14T22:13:20.000+0000",
    }


@pytest.mark.proves("UpdateCodeSigningConfig")
def test_update_changes_what_it_names(sandbox: Sandbox) -> None:
    arn = make(sandbox, Description="ours")["CodeSigningConfigArn"]
    client = sandbox.client()
    sandbox.clock.advance(1)
    client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )
    client.update_code_signing_config(
        CodeSigningConfigArn=arn, AllowedPublishers={"SigningProfileVersionArns": [OTHER]}
    )
    found = client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
    assert found["Description"] == "ours"
    assert found["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    assert found["AllowedPublishers"] == {"SigningProfileVersionArns": [OTHER]}
    assert found["LastModified"] == "2023-11-14T22:13:21.000+0000"


@pytest.mark.proves("ListCodeSigningConfigs")
def test_configurations_are_listed_in_pages(sandbox: Sandbox) -> None:
    made = {make(sandbox)["CodeSigningConfigArn"] for _ in range(3)}
    pages = (
        sandbox.client().get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2})
    )
    found = [[each["CodeSigningConfigArn"] for each in page["CodeSigningConfigs"]] for page in pages]
    assert [len(page) for page in found] == [2, 1]
    assert {arn for page in found for arn in page} == made


@pytest.mark.proves("PutFunctionCodeSigningConfig")
@pytest.mark.proves("GetFunctionCodeSigningConfig")
@pytest.mark.proves("DeleteFunctionCodeSigningConfig")
@pytest.mark.proves("ListFunctionsByCodeSigningConfig")
def test_functions_take_and_leave_a_configuration(sandbox: Sandbox) -> None:
    arn = make(sandbox)["CodeSigningConfigArn"]
    client = sandbox.client()
    sandbox.create("one", CodeSigningConfigArn=arn, Publish=True)
    sandbox.create("two")
    put = client.put_function_code_signing_config(FunctionName="two", CodeSigningConfigArn=arn)
    assert (put["CodeSigningConfigArn"], put["FunctionName"]) == (arn, "two")
    listed = client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]
    assert [each.split(":function:")[1] for each in listed] == ["one", "two"]
    deleted = client.delete_function_code_signing_config(FunctionName="one")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.get_function_code_signing_config(FunctionName="one")["CodeSigningConfigArn"] == ""
    assert client.get_function_code_signing_config(FunctionName="two")["CodeSigningConfigArn"] == arn


@pytest.mark.proves("DeleteCodeSigningConfig")
def test_configuration_in_use_is_not_deleted(sandbox: Sandbox) -> None:
    arn = make(sandbox)["CodeSigningConfigArn"]
    client = sandbox.client()
    sandbox.create(CodeSigningConfigArn=arn)
    with refused("ResourceConflictException", 409):
        client.delete_code_signing_config(CodeSigningConfigArn=arn)
    client.delete_function(FunctionName="hello")
    deleted = client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("ResourceNotFoundException", 404):
        client.get_code_signing_config(CodeSigningConfigArn=arn)


@pytest.mark.proves("UpdateFunctionCode")
def test_enforced_configuration_refuses_unsigned_code_and_a_warning_one_does_not(sandbox: Sandbox) -> None:
    client = sandbox.client()
    warning, enforcing = make(sandbox, "Warn"), make(sandbox, "Enforce")
    with refused("CodeVerificationFailedException", 400, UNSIGNED):
        sandbox.create(CodeSigningConfigArn=enforcing["CodeSigningConfigArn"])
    assert client.list_functions()["Functions"] == []
    sandbox.create(CodeSigningConfigArn=warning["CodeSigningConfigArn"])
    new = {"FunctionName": "hello", "ZipFile": make_zip({"b": "b"})}
    assert client.update_function_code(**new)["LastUpdateStatus"] == "InProgress"
    client.put_function_code_signing_config(
        FunctionName="hello", CodeSigningConfigArn=enforcing["CodeSigningConfigArn"]
    )
    with refused("CodeVerificationFailedException", 400, UNSIGNED):
        client.update_function_code(**new)
    client.update_function_configuration(FunctionName="hello", Timeout=9)


def test_configuration_that_is_not_there_is_named(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    with refused("CodeSigningConfigNotFoundException", 404):
        client.put_function_code_signing_config(FunctionName="hello", CodeSigningConfigArn=UNKNOWN)
    with refused("CodeSigningConfigNotFoundException", 404):
        sandbox.create("other", CodeSigningConfigArn=UNKNOWN)
    with refused("ResourceNotFoundException", 404):
        client.list_functions_by_code_signing_config(CodeSigningConfigArn=UNKNOWN)


def test_image_takes_no_configuration(sandbox: Sandbox) -> None:
    sandbox.create(PackageType="Image", Runtime=None, Handler=None, Code={"ImageUri": "repository:1"})
    with refused(
        "InvalidParameterValueException",
        400,
        "Code signing is not supported for functions created with container images.",
    ):
        sandbox.client().get_function_code_signing_config(FunctionName="hello")
