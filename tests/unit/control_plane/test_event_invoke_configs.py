from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:results"
BUCKET = "arn:aws:s3:::failures"


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    del answer["ResponseMetadata"], answer["LastModified"]
    return answer


@pytest.mark.proves("PutFunctionEventInvokeConfig")
def test_put_replaces_everything(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    made = client.put_function_event_invoke_config(
        FunctionName="hello",
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": BUCKET}},
    )
    assert made["LastModified"].timestamp() == sandbox.clock.now()
    assert without_metadata(made) == {
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": BUCKET}},
    }
    client.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=1)
    assert without_metadata(client.get_function_event_invoke_config(FunctionName="hello")) == {
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


@pytest.mark.proves("UpdateFunctionEventInvokeConfig")
@pytest.mark.proves("GetFunctionEventInvokeConfig")
def test_update_keeps_what_it_does_not_name(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=1)
    sandbox.clock.advance(10)
    updated = client.update_function_event_invoke_config(
        FunctionName="hello", DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    assert updated["LastModified"].timestamp() == sandbox.clock.now()
    sandbox.reopen()
    found = client.get_function_event_invoke_config(FunctionName="hello", Qualifier="$LATEST")
    assert found["MaximumRetryAttempts"] == 1
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": QUEUE}


def test_empty_destination_removes_it(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.put_function_event_invoke_config(
        FunctionName="hello", DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    updated = client.update_function_event_invoke_config(
        FunctionName="hello", DestinationConfig={"OnFailure": {"Destination": ""}}
    )
    assert updated["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}


@pytest.mark.proves("ListFunctionEventInvokeConfigs")
@pytest.mark.proves("DeleteFunctionEventInvokeConfig")
def test_each_version_and_alias_has_its_own(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    for number, qualifier in enumerate(("$LATEST", "1", "live")):
        client.put_function_event_invoke_config(
            FunctionName="hello", Qualifier=qualifier, MaximumRetryAttempts=number
        )
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName="hello", PaginationConfig={"PageSize": 2}
    )
    listed = {
        each["FunctionArn"]: each["MaximumRetryAttempts"]
        for page in pages
        for each in page["FunctionEventInvokeConfigs"]
    }
    assert listed == {f"{ARN}:$LATEST": 0, f"{ARN}:1": 1, f"{ARN}:live": 2}
    answer = client.delete_function_event_invoke_config(FunctionName="hello:live")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError) as error:
        client.get_function_event_invoke_config(FunctionName="hello", Qualifier="live")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert sandbox.plane.event_invoke_config(ARN, "live") is None
    config = sandbox.plane.event_invoke_config(ARN, "1")
    assert config is not None
    assert config.maximum_retry_attempts == 1


def test_deleting_the_function_deletes_its_configs(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=1)
    client.delete_function(FunctionName="hello")
    assert sandbox.plane.store.event_invoke_configs.all() == []


def destination(on_success: str = "", on_failure: str = "") -> dict[str, Any]:
    return {
        "DestinationConfig": {
            "OnSuccess": {"Destination": on_success},
            "OnFailure": {"Destination": on_failure},
        }
    }


BAD_REQUESTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing set": ({}, "InvalidParameterValueException"),
    "three retries": ({"MaximumRetryAttempts": 3}, "ValidationException"),
    "an age below a minute": ({"MaximumEventAgeInSeconds": 59}, "ValidationException"),
    "an age above six hours": ({"MaximumEventAgeInSeconds": 21_601}, "ValidationException"),
    "a FIFO queue": (destination(on_failure=f"{QUEUE}.fifo"), "InvalidParameterValueException"),
    "S3 for success": (destination(on_success=BUCKET), "InvalidParameterValueException"),
    "itself": (destination(on_success=f"{ARN}:$LATEST"), "InvalidParameterValueException"),
    "a stream": (
        destination(on_success="arn:aws:kinesis:us-east-1:000000000000:stream/s"),
        "InvalidParameterValueException",
    ),
    "no ARN": (destination(on_success="results"), "ValidationException"),
    "another version": ({"Qualifier": "7", "MaximumRetryAttempts": 1}, "ResourceNotFoundException"),
    "another function": ({"FunctionName": "nope", "MaximumRetryAttempts": 1}, "ResourceNotFoundException"),
}


@pytest.mark.parametrize(("change", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_is_refused_and_leaves_nothing(
    sandbox: Sandbox, change: dict[str, Any], code: str
) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.client().put_function_event_invoke_config(**({"FunctionName": "hello"} | change))
    assert error.value.response["Error"]["Code"] == code
    assert sandbox.plane.store.event_invoke_configs.all() == []


@pytest.mark.parametrize(
    "arn",
    [
        QUEUE,
        "arn:aws:sns:us-east-1:000000000000:results",
        "arn:aws:lambda:us-east-1:000000000000:function:other:live",
        "arn:aws:events:us-east-1:000000000000:event-bus/default",
    ],
)
def test_destination_of_each_kind_is_taken(sandbox: Sandbox, arn: str) -> None:
    sandbox.create()
    made = sandbox.client().put_function_event_invoke_config(
        FunctionName="hello", **destination(on_success=arn)
    )
    assert made["DestinationConfig"]["OnSuccess"] == {"Destination": arn}
