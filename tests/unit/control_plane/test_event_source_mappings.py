from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Caller

from .conftest import Sandbox

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def make(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    if sandbox.plane.store.function("000000000000", "us-east-1", "hello") is None:
        sandbox.create()
    request = {"FunctionName": "hello", "EventSourceArn": QUEUE} | settings
    answer: dict[str, Any] = sandbox.client().create_event_source_mapping(**request)
    return answer


def test_new_mapping_has_the_defaults_of_aws(sandbox: Sandbox) -> None:
    made = make(sandbox)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert made["State"] == "Creating"
    found = sandbox.client().get_event_source_mapping(UUID=made["UUID"])
    assert found["LastModified"].timestamp() == sandbox.clock.now()
    del found["ResponseMetadata"], found["LastModified"]
    assert found == {
        "UUID": made["UUID"],
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": QUEUE,
        "FunctionArn": ARN,
        "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{made['UUID']}",
    }
    assert len(sandbox.mapping_changes) == 1


def test_settings_reach_the_pollers_and_survive_a_restart(sandbox: Sandbox) -> None:
    settings = {
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 300,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
        "Enabled": False,
        "Tags": {"team": "a"},
    }
    made = make(sandbox, **settings)
    sandbox.reopen()
    [mapping] = sandbox.plane.mappings()
    assert (mapping.batch_size, mapping.maximum_batching_window_s) == (10_000, 300)
    assert mapping.report_batch_item_failures
    assert (mapping.maximum_concurrency, mapping.state) == (2, "Disabled")
    assert sandbox.client().list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"team": "a"}


def test_update_changes_what_it_names_and_no_more(sandbox: Sandbox) -> None:
    uuid = make(sandbox, BatchSize=5, ScalingConfig={"MaximumConcurrency": 7})["UUID"]
    client = sandbox.client()
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    found = client.get_event_source_mapping(UUID=uuid)
    assert (found["State"], found["BatchSize"]) == ("Disabled", 5)
    assert found["ScalingConfig"] == {"MaximumConcurrency": 7}
    client.update_event_source_mapping(UUID=uuid, ScalingConfig={}, Enabled=True)
    found = client.get_event_source_mapping(UUID=uuid)
    assert found["State"] == "Enabled"
    assert "ScalingConfig" not in found


def test_mapping_moves_to_another_function(sandbox: Sandbox) -> None:
    uuid = make(sandbox)["UUID"]
    sandbox.create("other")
    sandbox.client().update_event_source_mapping(UUID=uuid, FunctionName="other")
    assert [mapping.function_arn for mapping in sandbox.plane.mappings()] == [ARN.replace("hello", "other")]


def test_deleted_mapping_is_gone(sandbox: Sandbox) -> None:
    uuid = make(sandbox)["UUID"]
    client = sandbox.client()
    assert client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    assert sandbox.plane.mappings() == []
    with pytest.raises(ClientError) as error:
        client.get_event_source_mapping(UUID=uuid)
    assert error.value.response["Error"]["Message"] == "The resource you requested does not exist."


def test_deleting_the_function_keeps_the_mapping(sandbox: Sandbox) -> None:
    make(sandbox)
    sandbox.client().delete_function(FunctionName="hello")
    assert len(sandbox.plane.mappings()) == 1


def test_list_is_filtered_by_source_and_function(sandbox: Sandbox) -> None:
    make(sandbox)
    make(sandbox, EventSourceArn=f"{QUEUE}-2")
    sandbox.create("other")
    make(sandbox, FunctionName="other")
    client = sandbox.client()

    def count(**filters: str) -> int:
        pages = client.get_paginator("list_event_source_mappings").paginate(
            PaginationConfig={"PageSize": 1}, **filters
        )
        return sum(len(page["EventSourceMappings"]) for page in pages)

    assert count() == 3
    assert count(EventSourceArn=QUEUE) == 2
    assert count(FunctionName="hello") == 2
    assert count(FunctionName=ARN, EventSourceArn=QUEUE) == 1
    assert sandbox.client(Caller("111111111111", "us-east-1")).list_event_source_mappings() | {
        "ResponseMetadata": None
    } == {"EventSourceMappings": [], "ResponseMetadata": None}


def test_second_mapping_of_the_same_pair_is_a_conflict(sandbox: Sandbox) -> None:
    uuid = make(sandbox)["UUID"]
    with pytest.raises(ClientError) as error:
        make(sandbox)
    assert error.value.response["Error"] == {
        "Code": "ResourceConflictException",
        "Message": f'The event source arn (" {QUEUE} ") and function (" hello ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}",
    }


BAD_REQUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a function that is not there": (
        {"FunctionName": "nope"},
        "InvalidParameterValueException",
        "Function does not exist",
    ),
    "no source": ({"EventSourceArn": None}, "InvalidParameterValueException", "Unrecognized event source."),
    "a queue of another Region": (
        {"EventSourceArn": QUEUE.replace("us-east-1", "eu-west-1")},
        "InvalidParameterValueException",
        "The queue must be in the Region",
    ),
    "a stream": (
        {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
        "NotImplementedException",
        "CreateEventSourceMapping.EventSourceArn of kinesis",
    ),
    "11 messages without a window": (
        {"BatchSize": 11},
        "InvalidParameterValueException",
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    ),
    "11 messages of a FIFO queue": (
        {"BatchSize": 11, "EventSourceArn": f"{QUEUE}.fifo"},
        "InvalidParameterValueException",
        "The batch size of a FIFO queue is at most 10.",
    ),
    "a window on a FIFO queue": (
        {"MaximumBatchingWindowInSeconds": 1, "EventSourceArn": f"{QUEUE}.fifo"},
        "InvalidParameterValueException",
        "Batching window is not supported for FIFO queues.",
    ),
    "a batch of none": (
        {"BatchSize": 0},
        "ValidationException",
        "1 validation error detected: Value '0' at 'batchSize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    ),
    "a window of 301 seconds": (
        {"MaximumBatchingWindowInSeconds": 301},
        "ValidationException",
        "1 validation error detected: Value '301' at 'maximumBatchingWindowInSeconds'",
    ),
    "a concurrency of one": (
        {"ScalingConfig": {"MaximumConcurrency": 1}},
        "ValidationException",
        "1 validation error detected: Value '1' at 'scalingConfig.maximumConcurrency'",
    ),
    "a filter": (
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
        "NotImplementedException",
        "CreateEventSourceMapping.FilterCriteria is not emulated",
    ),
    "a destination": (
        {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}},
        "NotImplementedException",
        "CreateEventSourceMapping.DestinationConfig is not emulated",
    ),
}


@pytest.mark.parametrize(("change", "code", "message"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_is_refused_and_leaves_nothing(
    sandbox: Sandbox, change: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as error:
        make(sandbox, **change)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["Error"]["Message"].startswith(message)
    assert sandbox.plane.mappings() == []


def test_update_is_held_to_the_same_rules(sandbox: Sandbox) -> None:
    uuid = make(sandbox, BatchSize=100, MaximumBatchingWindowInSeconds=5)["UUID"]
    with pytest.raises(ClientError, match="Maximum batch window in seconds must be greater than 0"):
        sandbox.client().update_event_source_mapping(UUID=uuid, MaximumBatchingWindowInSeconds=0)
    assert sandbox.plane.mappings()[0].maximum_batching_window_s == 5
