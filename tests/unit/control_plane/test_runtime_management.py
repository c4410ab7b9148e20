from __future__ import annotations

import pytest

from .conftest import Sandbox
from .refusals import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def runtime_version(sandbox: Sandbox) -> str:
    found = sandbox.client().get_function_configuration(FunctionName="hello")
    arn: str = found["RuntimeVersionConfig"]["RuntimeVersionArn"]
    return arn


@pytest.mark.proves("GetRuntimeManagementConfig")
def test_runtimes_are_updated_automatically_unless_said_otherwise(sandbox: Sandbox) -> None:
    sandbox.create()
    found = sandbox.client().get_runtime_management_config(FunctionName="hello")
    del found["ResponseMetadata"]
    assert found == {"UpdateRuntimeOn": "Auto", "FunctionArn": ARN}


@pytest.mark.proves("PutRuntimeManagementConfig")
def test_each_version_has_a_mode_of_its_own(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    arn = runtime_version(sandbox)
    put = client.put_runtime_management_config(
        FunctionName="hello", Qualifier="1", UpdateRuntimeOn="Manual", RuntimeVersionArn=arn
    )
    assert (put["UpdateRuntimeOn"], put["FunctionArn"], put["RuntimeVersionArn"]) == (
        "Manual",
        f"{ARN}:1",
        arn,
    )
    client.put_runtime_management_config(FunctionName="hello", UpdateRuntimeOn="FunctionUpdate")
    of_version = client.get_runtime_management_config(FunctionName="hello", Qualifier="1")
    of_latest = client.get_runtime_management_config(FunctionName="hello")
    assert (of_version["UpdateRuntimeOn"], of_version["RuntimeVersionArn"]) == ("Manual", arn)
    assert of_latest["UpdateRuntimeOn"] == "FunctionUpdate"
    assert "RuntimeVersionArn" not in of_latest


@pytest.mark.proves("PutRuntimeManagementConfig")
def test_a_runtime_version_goes_with_manual_and_with_nothing_else(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    arn = runtime_version(sandbox)
    for request in (
        {"UpdateRuntimeOn": "Manual"},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": arn},
        {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:unknown"},
        {"UpdateRuntimeOn": "Auto", "Qualifier": "live"},
    ):
        with refused("InvalidParameterValueException", 400):
            client.put_runtime_management_config(FunctionName="hello", **request)
    with refused("ResourceNotFoundException", 404, f"Function not found: {ARN}:9"):
        client.get_runtime_management_config(FunctionName="hello", Qualifier="9")
