from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Caller, EventSourceState

from .conftest import Sandbox

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def make(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    if sandbox.plane.store.function("000000000000", "us-east-1", "hello") is None:
        sandbox.create()
    request = {"FunctionName": "hello", "EventSourceArn": QUEUE} | settings
    answer: dict[str, Any] = sandbox.client().create_event_source_mapping(**request)
    return answer


@pytest.mark.proves("CreateEventSourceMapping")
@pytest.mark.proves("GetEventSourceMapping")
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


@pytest.mark.proves("UpdateEventSourceMapping")
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


@pytest.mark.proves("DeleteEventSourceMapping")
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


def test_list_by_an_alias_shows_the_mappings_of_that_alias_only(sandbox: Sandbox) -> None:
    client = sandbox.client()
    sandbox.create()
    client.publish_version(FunctionName="hello")
    for name in ("blue", "green"):
        client.create_alias(FunctionName="hello", Name=name, FunctionVersion="1")
        make(sandbox, FunctionName=f"hello:{name}", EventSourceArn=f"{QUEUE}-{name}")
    plain = make(sandbox)
    green = client.get_alias(FunctionName="hello", Name="green")["AliasArn"]
    by_alias = client.list_event_source_mappings(FunctionName=green)["EventSourceMappings"]
    assert [each["FunctionArn"] for each in by_alias] == [green]
    by_name = client.list_event_source_mappings(FunctionName="hello")["EventSourceMappings"]
    assert {each["FunctionArn"].rpartition(":")[2] for each in by_name} == {"hello", "blue", "green"}
    assert plain["UUID"] in {each["UUID"] for each in by_name}


@pytest.mark.proves("ListEventSourceMappings")
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
    "a filter that is no pattern": (
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": "x"}'}]}},
        "InvalidParameterValueException",
        "Invalid filter pattern definition.",
    ),
    "six filters": (
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 6}},
        "InvalidParameterValueException",
        "A mapping has at most 5 filters",
    ),
    "a starting position": (
        {"StartingPosition": "LATEST"},
        "InvalidParameterValueException",
        "StartingPosition is not valid for SQS event sources.",
    ),
    "a destination": (
        {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}},
        "InvalidParameterValueException",
        "Unsupported 'destinationConfig' parameter for given event source mapping type.",
    ),
    "one provisioned poller": (
        {"ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 2}},
        "InvalidParameterValueException",
        "MinimumPollers must be at least 2",
    ),
    "pollers and a concurrency": (
        {"ProvisionedPollerConfig": {"MinimumPollers": 2}, "ScalingConfig": {"MaximumConcurrency": 2}},
        "InvalidParameterValueException",
        "ProvisionedPollerConfig and ScalingConfig.MaximumConcurrency cannot be used together.",
    ),
    "a topic as the source": (
        {"EventSourceArn": "arn:aws:sns:us-east-1:000000000000:topic"},
        "InvalidParameterValueException",
        "Unrecognized event source.",
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


def test_filters_are_kept_hidden_from_lists_when_encrypted_and_removed(sandbox: Sandbox) -> None:
    filters = {"Filters": [{"Pattern": '{"body": {"size": [{"numeric": [">", 5]}]}}'}]}
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    uuid = make(sandbox, FilterCriteria=filters, KMSKeyArn=key)["UUID"]
    client = sandbox.client()
    assert client.get_event_source_mapping(UUID=uuid)["FilterCriteria"] == filters
    [listed] = client.list_event_source_mappings()["EventSourceMappings"]
    assert "FilterCriteria" not in listed
    client.update_event_source_mapping(UUID=uuid, KMSKeyArn="")
    assert client.list_event_source_mappings()["EventSourceMappings"][0]["FilterCriteria"] == filters
    client.update_event_source_mapping(UUID=uuid, FilterCriteria={})
    assert "FilterCriteria" not in client.get_event_source_mapping(UUID=uuid)


def test_queue_that_does_not_exist_is_refused_in_the_words_of_sqs(sandbox: Sandbox) -> None:
    problem = "SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: gone"
    sandbox.sources[QUEUE] = EventSourceState(exists=False, problem=problem)
    with pytest.raises(ClientError) as error:
        make(sandbox)
    assert error.value.response["Error"] == {
        "Code": "InvalidParameterValueException",
        "Message": f"Error occurred while ReceiveMessage. {problem}",
    }


def test_queue_must_hide_messages_as_long_as_the_function_may_run(sandbox: Sandbox) -> None:
    sandbox.create(Timeout=60)
    sandbox.sources[QUEUE] = EventSourceState(exists=True, visibility_timeout_s=30)
    with pytest.raises(ClientError) as error:
        make(sandbox)
    assert error.value.response["Error"] == {
        "Code": "InvalidParameterValueException",
        "Message": "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    }
    sandbox.sources[QUEUE] = EventSourceState(exists=True, visibility_timeout_s=60)
    assert make(sandbox)["State"] == "Creating"


def test_function_that_a_mapping_moves_to_must_fit_the_queue(sandbox: Sandbox) -> None:
    uuid = make(sandbox)["UUID"]
    sandbox.create("slow", Timeout=60)
    sandbox.sources[QUEUE] = EventSourceState(exists=True, visibility_timeout_s=30)
    with pytest.raises(ClientError, match="30 seconds is less than Function timeout: 60 seconds"):
        sandbox.client().update_event_source_mapping(UUID=uuid, FunctionName="slow")
    assert sandbox.plane.mappings()[0].function_arn == ARN


def test_states_pass_with_the_clock_where_transitions_take_time(sandbox: Sandbox) -> None:
    sandbox.plane.close()
    sandbox.config = replace(sandbox.config, transition_s=20.0)
    sandbox.open()
    made = make(sandbox)
    client = sandbox.client()

    def state() -> str:
        found: str = client.get_event_source_mapping(UUID=made["UUID"])["State"]
        return found

    with pytest.raises(ClientError) as error:
        client.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
    assert error.value.response["Error"]["Code"] == "ResourceInUseException"
    states = [state()]
    sandbox.clock.advance(20)
    states.append(state())
    for change in ({"Enabled": False}, {"BatchSize": 5}, {"Enabled": True}):
        client.update_event_source_mapping(UUID=made["UUID"], **change)
        states.append(state())
        sandbox.clock.advance(20)
        states.append(state())
    assert states == [
        *("Creating", "Enabled"),
        *("Disabling", "Disabled"),
        *("Updating", "Disabled"),
        *("Enabling", "Enabled"),
    ]
    assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    assert state() == "Deleting"
    sandbox.clock.advance(20)
    with pytest.raises(ClientError, match="The resource you requested does not exist"):
        state()
