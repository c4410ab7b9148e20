from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import ProvisionedStatus

from .conftest import Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def publish(sandbox: Sandbox, **settings: Any) -> None:
    """Make function hello with version 1 and alias live that points to it."""
    sandbox.create(Publish=True, **settings)
    sandbox.client().create_alias(FunctionName="hello", Name="live", FunctionVersion="1")


def put(sandbox: Sandbox, number: int = 5, qualifier: str = "1", name: str = "hello") -> dict[str, Any]:
    answer: dict[str, Any] = sandbox.client().put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=number
    )
    return answer


def refusal(sandbox: Sandbox, number: int = 5, qualifier: str = "1", name: str = "hello") -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        put(sandbox, number, qualifier, name)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


@pytest.mark.proves("PutProvisionedConcurrencyConfig")
@pytest.mark.proves("GetProvisionedConcurrencyConfig")
def test_allocation_is_in_progress_until_the_core_says_it_is_ready(sandbox: Sandbox) -> None:
    publish(sandbox)
    made = put(sandbox)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    del made["ResponseMetadata"]
    assert made == {
        "RequestedProvisionedConcurrentExecutions": 5,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": "2023-11-14T22:13:20+0000",
    }
    assert len(sandbox.provisioned_changes) == 1
    get = sandbox.client().get_provisioned_concurrency_config
    assert get(FunctionName="hello", Qualifier="1")["Status"] == "IN_PROGRESS"
    sandbox.allocations[f"{ARN}:1"] = ProvisionedStatus("READY", allocated=5, available=4)
    found = get(FunctionName="hello", Qualifier="1")
    assert (found["Status"], found["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 5)
    assert found["AvailableProvisionedConcurrentExecutions"] == 4
    sandbox.allocations[f"{ARN}:1"] = ProvisionedStatus("FAILED", reason="FUNCTION_ERROR_INIT_FAILURE")
    found = get(FunctionName="hello", Qualifier="1")
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


@pytest.mark.proves("ListProvisionedConcurrencyConfigs")
@pytest.mark.proves("DeleteProvisionedConcurrencyConfig")
def test_configs_are_listed_by_page_and_deleted(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    client.update_function_configuration(FunctionName="hello", MemorySize=256)
    client.publish_version(FunctionName="hello")
    put(sandbox, 1, "live")
    put(sandbox, 2, "2")
    pages = client.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName="hello", PaginationConfig={"PageSize": 1}
    )
    listed = [config for page in pages for config in page["ProvisionedConcurrencyConfigs"]]
    assert [each["FunctionArn"] for each in listed] == [f"{ARN}:2", f"{ARN}:live"]
    answer = client.delete_provisioned_concurrency_config(FunctionName="hello", Qualifier="2")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    client.delete_provisioned_concurrency_config(FunctionName="hello", Qualifier="2")
    [left] = client.list_provisioned_concurrency_configs(FunctionName="hello")[
        "ProvisionedConcurrencyConfigs"
    ]
    assert left["FunctionArn"] == f"{ARN}:live"
    assert len(sandbox.provisioned_changes) == 3


def test_missing_config_has_an_error_of_its_own(sandbox: Sandbox) -> None:
    publish(sandbox)
    with pytest.raises(ClientError) as error:
        sandbox.client().get_provisioned_concurrency_config(FunctionName="hello", Qualifier="1")
    assert error.value.response["Error"]["Code"] == "ProvisionedConcurrencyConfigNotFoundException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_unpublished_code_cannot_be_provisioned(sandbox: Sandbox) -> None:
    publish(sandbox)
    sandbox.client().create_alias(FunctionName="hello", Name="dev", FunctionVersion="$LATEST")
    expected = (
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    )
    assert refusal(sandbox, qualifier="$LATEST") == expected
    assert refusal(sandbox, qualifier="dev") == expected


def test_a_version_and_an_alias_that_points_to_it_are_not_both_provisioned(sandbox: Sandbox) -> None:
    publish(sandbox)
    put(sandbox, 1, "1")
    assert refusal(sandbox, 1, "live")[0] == "ResourceConflictException"
    sandbox.client().delete_provisioned_concurrency_config(FunctionName="hello", Qualifier="1")
    put(sandbox, 1, "live")
    assert refusal(sandbox, 1, "1")[0] == "ResourceConflictException"
    put(sandbox, 2, "live")


def test_alias_that_shares_its_traffic_cannot_be_provisioned(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    client.update_function_configuration(FunctionName="hello", MemorySize=256)
    client.publish_version(FunctionName="hello")
    client.update_alias(
        FunctionName="hello", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}
    )
    assert refusal(sandbox, 1, "live") == (
        "InvalidParameterValueException",
        "Alias with weights can not be used with Provisioned Concurrency",
    )


def test_deleting_the_alias_deletes_its_config(sandbox: Sandbox) -> None:
    publish(sandbox)
    put(sandbox, 1, "live")
    sandbox.client().delete_alias(FunctionName="hello", Name="live")
    assert sandbox.plane.store.provisioned.all() == []


def test_provisioned_stays_within_the_reservation(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    assert refusal(sandbox, 6)[0] == "InvalidParameterValueException"
    put(sandbox, 5)
    with pytest.raises(ClientError, match="should not be lower than function's total provisioned"):
        client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=4)


def test_provisioned_leaves_a_hundred_to_the_account(sandbox: Sandbox) -> None:
    publish(sandbox)
    assert refusal(sandbox, 901) == (
        "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
    )
    put(sandbox, 900)
    sandbox.create("other")
    with pytest.raises(ClientError, match=r"below its minimum value of \[100\]"):
        sandbox.client().put_function_concurrency(FunctionName="other", ReservedConcurrentExecutions=1)


@pytest.mark.parametrize(
    ("name", "qualifier", "number", "code"),
    [
        ("nope", "1", 1, "ResourceNotFoundException"),
        ("hello", "9", 1, "ResourceNotFoundException"),
        ("hello:2", "1", 1, "InvalidParameterValueException"),
        ("hello", "1", 0, "ValidationException"),
    ],
    ids=["missing function", "missing version", "two qualifiers", "none at all"],
)
def test_request_that_aws_refuses_leaves_nothing(
    sandbox: Sandbox, name: str, qualifier: str, number: int, code: str
) -> None:
    publish(sandbox)
    assert refusal(sandbox, number, qualifier, name)[0] == code
    assert sandbox.plane.store.provisioned.all() == []
