from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Sandbox

EXECUTION = "arn:aws:lambda:us-east-1:000000000000:function:hello:1/durable-execution/order/0123"
UPDATE = {"Id": "a", "Type": "STEP", "Action": "START"}

UNKNOWN: list[Any] = [
    pytest.param(operation, arguments, id=operation)
    for operation, arguments in {
        "GetDurableExecution": {"DurableExecutionArn": EXECUTION},
        "GetDurableExecutionHistory": {"DurableExecutionArn": EXECUTION, "ReverseOrder": True},
        "GetDurableExecutionState": {"DurableExecutionArn": EXECUTION, "CheckpointToken": "abcd"},
        "StopDurableExecution": {"DurableExecutionArn": EXECUTION, "Error": {"ErrorType": "Stop"}},
        "PauseDurableExecution": {"DurableExecutionArn": EXECUTION, "Reason": "lunch"},
        "ResumeDurableExecution": {"DurableExecutionArn": EXECUTION},
        "DeleteDurableExecution": {"DurableExecutionArn": EXECUTION},
        "CheckpointDurableExecution": {
            "DurableExecutionArn": EXECUTION,
            "CheckpointToken": "abcd",
            "Updates": [UPDATE],
        },
        "SendDurableExecutionCallbackSuccess": {"CallbackId": "abcd", "Result": b"1"},
        "SendDurableExecutionCallbackFailure": {"CallbackId": "abcd", "Error": {"ErrorType": "No"}},
        "SendDurableExecutionCallbackHeartbeat": {"CallbackId": "abcd"},
    }.items()
]


@pytest.mark.parametrize(("operation", "arguments"), UNKNOWN)
def test_execution_or_callback_that_nobody_started_is_not_found(
    sandbox: Sandbox, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.client()._make_api_call(operation, arguments)
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("GetDurableExecution", {"DurableExecutionArn": "arn:aws:lambda:hello"}),
        ("GetDurableExecutionState", {"DurableExecutionArn": EXECUTION, "CheckpointToken": "!"}),
        (
            "CheckpointDurableExecution",
            {
                "DurableExecutionArn": EXECUTION,
                "CheckpointToken": "abcd",
                "Updates": [UPDATE | {"Action": "X"}],
            },
        ),
        ("SendDurableExecutionCallbackHeartbeat", {"CallbackId": "a b"}),
    ],
    ids=["no ARN", "no token", "unknown action", "no callback id"],
)
def test_malformed_request_is_refused_before_anything_is_looked_up(
    sandbox: Sandbox, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.client()._make_api_call(operation, arguments)
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_list_is_empty_for_a_function_that_exists(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    listed = client.list_durable_executions_by_function(
        FunctionName="hello", Qualifier="$LATEST", Statuses=["RUNNING"], ReverseOrder=True, MaxItems=10
    )
    assert listed["DurableExecutions"] == []
    with pytest.raises(ClientError) as error:
        client.list_durable_executions_by_function(FunctionName="nope")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_list_of_an_impossible_time_is_refused(sandbox: Sandbox) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.client().list_durable_executions_by_function(
            FunctionName="hello", StartedAfter="2026-02-02T00:00:00Z", StartedBefore="2026-02-01T00:00:00Z"
        )
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
