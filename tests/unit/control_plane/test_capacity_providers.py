from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Caller

from .conftest import Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:fleet"
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
PERMISSIONS = {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"}
POLICY = {"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50.0}


def make(sandbox: Sandbox, name: str = "fleet", **settings: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sandbox.client().create_capacity_provider(
        CapacityProviderName=name, **({"VpcConfig": VPC, "PermissionsConfig": PERMISSIONS} | settings)
    )
    return answer


def use(sandbox: Sandbox, name: str = "hello") -> None:
    """Let a function, and so its version 1, run on the capacity provider."""
    sandbox.create(
        name,
        Publish=True,
        MemorySize=2048,
        CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": ARN}},
    )


@pytest.mark.proves("CreateCapacityProvider")
@pytest.mark.proves("GetCapacityProvider")
def test_created_provider_is_pending_in_the_answer_and_active_when_looked_at(sandbox: Sandbox) -> None:
    made = make(sandbox, Tags={"team": "a"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert made["CapacityProvider"] == {
        "CapacityProviderArn": ARN,
        "State": "Pending",
        "VpcConfig": VPC,
        "PermissionsConfig": PERMISSIONS,
        "InstanceRequirements": {"Architectures": ["x86_64"]},
        "CapacityProviderScalingConfig": {"MaxVCpuCount": 400, "ScalingMode": "Auto"},
        "LastModified": "2023-11-14T22:13:20.000+0000",
    }
    sandbox.reopen()
    client = sandbox.client()
    found = client.get_capacity_provider(CapacityProviderName=ARN)["CapacityProvider"]
    assert found == made["CapacityProvider"] | {"State": "Active"}
    assert client.list_tags(Resource=ARN)["Tags"] == {"team": "a"}


@pytest.mark.proves("UpdateCapacityProvider")
def test_update_changes_what_it_names(sandbox: Sandbox) -> None:
    make(sandbox)
    client = sandbox.client()
    manual = {"ScalingMode": "Manual", "ScalingPolicies": [POLICY]}
    client.update_capacity_provider(CapacityProviderName="fleet", CapacityProviderScalingConfig=manual)
    found = client.get_capacity_provider(CapacityProviderName="fleet")["CapacityProvider"]
    assert found["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 400, **manual}
    assert found["VpcConfig"] == VPC
    client.update_capacity_provider(
        CapacityProviderName="fleet", CapacityProviderScalingConfig={"ScalingMode": "Auto"}
    )
    found = client.get_capacity_provider(CapacityProviderName="fleet")["CapacityProvider"]
    assert found["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 400, "ScalingMode": "Auto"}


@pytest.mark.proves("ListCapacityProviders")
def test_list_is_by_page_account_and_state(sandbox: Sandbox) -> None:
    for name in ("c", "a", "b"):
        make(sandbox, name)
    client = sandbox.client()
    pages = client.get_paginator("list_capacity_providers").paginate(PaginationConfig={"PageSize": 2})
    listed = [each["CapacityProviderArn"] for page in pages for each in page["CapacityProviders"]]
    assert [arn.rsplit(":", 1)[1] for arn in listed] == ["a", "b", "c"]
    assert client.list_capacity_providers(State="Failed")["CapacityProviders"] == []
    elsewhere = sandbox.client(Caller("111111111111", "us-east-1"))
    assert elsewhere.list_capacity_providers()["CapacityProviders"] == []


@pytest.mark.proves("DeleteCapacityProvider")
@pytest.mark.proves("ListFunctionVersionsByCapacityProvider")
def test_provider_that_a_function_uses_is_not_deleted(sandbox: Sandbox) -> None:
    make(sandbox)
    use(sandbox)
    client = sandbox.client()
    listed = client.list_function_versions_by_capacity_provider(CapacityProviderName="fleet")
    assert listed["CapacityProviderArn"] == ARN
    assert listed["FunctionVersions"] == [
        {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:hello:1", "State": "Active"}
    ]
    with pytest.raises(ClientError) as error:
        client.delete_capacity_provider(CapacityProviderName="fleet")
    assert error.value.response["Error"]["Code"] == "ResourceConflictException"
    client.delete_function(FunctionName="hello")
    deleted = client.delete_capacity_provider(CapacityProviderName="fleet")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["CapacityProvider"]["State"] == "Deleting"
    with pytest.raises(ClientError) as error:
        client.get_capacity_provider(CapacityProviderName="fleet")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "settings",
    [
        {"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}},
        {"CapacityProviderScalingConfig": {"ScalingPolicies": [POLICY]}},
        {"InstanceRequirements": {"AllowedInstanceTypes": ["m7i.*"], "ExcludedInstanceTypes": ["c7i.*"]}},
        {"PropagateTags": {"Mode": "Explicit"}},
        {"PropagateTags": {"Mode": "None", "ExplicitTags": {"a": "b"}}},
    ],
    ids=["manual without policies", "policies without manual", "both lists", "no tags", "tags unasked"],
)
def test_settings_that_contradict_each_other_are_refused(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        make(sandbox, **settings)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert sandbox.client().list_capacity_providers()["CapacityProviders"] == []


def test_second_provider_of_a_name_is_a_conflict(sandbox: Sandbox) -> None:
    make(sandbox)
    with pytest.raises(ClientError) as error:
        make(sandbox)
    assert error.value.response["Error"]["Code"] == "ResourceConflictException"


@pytest.mark.proves("PutFunctionScalingConfig")
@pytest.mark.proves("GetFunctionScalingConfig")
def test_scaling_of_a_function_on_a_provider_is_kept(sandbox: Sandbox) -> None:
    make(sandbox)
    use(sandbox)
    client = sandbox.client()
    wanted = {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 9}
    put = client.put_function_scaling_config(
        FunctionName="hello", Qualifier="1", FunctionScalingConfig=wanted
    )
    assert (put["FunctionState"], put["ResponseMetadata"]["HTTPStatusCode"]) == ("Active", 202)
    found = client.get_function_scaling_config(FunctionName="hello", Qualifier="1")
    assert found["FunctionArn"].endswith(":function:hello:1")
    assert found["RequestedFunctionScalingConfig"] == wanted
    assert found["AppliedFunctionScalingConfig"] == wanted


def test_scaling_of_any_other_function_is_refused(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    with pytest.raises(ClientError) as error:
        client.put_function_scaling_config(FunctionName="hello", Qualifier="1")
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError) as error:
        client.get_function_scaling_config(FunctionName="nope", Qualifier="1")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
