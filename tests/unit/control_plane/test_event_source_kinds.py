"""Mappings of every kind of source but SQS: what each takes, requires, refuses and shows."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import EventSourceState

from .conftest import Sandbox

ACCOUNT = "us-east-1:000000000000"
STREAM = f"arn:aws:kinesis:{ACCOUNT}:stream/clicks"
TABLE = f"arn:aws:dynamodb:{ACCOUNT}:table/orders/stream/2026-01-01T00:00:00.000"
CLUSTER = f"arn:aws:kafka:{ACCOUNT}:cluster/bus/0123-4"
BROKER = f"arn:aws:mq:{ACCOUNT}:broker:mail:b-0123"
DOCUMENTS = f"arn:aws:rds:{ACCOUNT}:cluster:documents"
SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:s"
BASIC = [{"Type": "BASIC_AUTH", "URI": SECRET}]
LATEST = {"StartingPosition": "LATEST"}
SERVERS = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["broker:9092"]}}

KINDS: dict[str, dict[str, Any]] = {
    "kinesis": {"EventSourceArn": STREAM, **LATEST},
    "dynamodb": {"EventSourceArn": TABLE, **LATEST},
    "msk": {"EventSourceArn": CLUSTER, "Topics": ["t1"], **LATEST},
    "self-managed": {"SelfManagedEventSource": SERVERS, "Topics": ["t1"], **LATEST},
    "mq": {"EventSourceArn": BROKER, "Queues": ["q"], "SourceAccessConfigurations": BASIC},
    "documentdb": {
        "EventSourceArn": DOCUMENTS,
        "SourceAccessConfigurations": BASIC,
        "DocumentDBEventSourceConfig": {"DatabaseName": "shop"},
        **LATEST,
    },
}


def make(sandbox: Sandbox, kind: str, **settings: Any) -> dict[str, Any]:
    if not sandbox.plane.store.all_functions():
        sandbox.create()
    request = {"FunctionName": "hello"} | KINDS[kind] | settings
    answer: dict[str, Any] = sandbox.client().create_event_source_mapping(
        **{name: value for name, value in request.items() if value is not None}
    )
    return answer


def refusal(sandbox: Sandbox, kind: str, **settings: Any) -> str:
    with pytest.raises(ClientError) as error:
        make(sandbox, kind, **settings)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert sandbox.plane.mappings() == []
    message: str = error.value.response["Error"]["Message"]
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_mapping_of_every_kind_is_kept_over_a_restart(sandbox: Sandbox, kind: str) -> None:
    made = make(sandbox, kind)
    assert made["State"] == "Creating"
    sandbox.reopen()
    found = sandbox.client().get_event_source_mapping(UUID=made["UUID"])
    assert found["State"] == "Enabled"
    for name, value in KINDS[kind].items():
        shown = found[name]
        assert shown == value or shown == value | {"FullDocument": "Default"}
    assert found["BatchSize"] == 100


def test_stream_shows_the_defaults_of_aws(sandbox: Sandbox) -> None:
    made = make(sandbox, "kinesis")
    del made["ResponseMetadata"], made["LastModified"], made["UUID"], made["EventSourceMappingArn"]
    assert made == {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [],
        "StartingPosition": "LATEST",
        "EventSourceArn": STREAM,
        "FunctionArn": f"arn:aws:lambda:{ACCOUNT}:function:hello",
        "State": "Creating",
        "StateTransitionReason": "User action",
    }


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "every setting of a stream": (
        "kinesis",
        {
            "BatchSize": 10_000,
            "MaximumBatchingWindowInSeconds": 300,
            "ParallelizationFactor": 10,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 10_000,
            "MaximumRecordAgeInSeconds": 604_800,
            "TumblingWindowInSeconds": 900,
            "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:sqs:{ACCOUNT}:dead"}},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MetricsConfig": {"Metrics": ["EventCount"]},
        },
    ),
    "every setting of a Kafka cluster": (
        "self-managed",
        {
            "SourceAccessConfigurations": [
                {"Type": "SASL_SCRAM_256_AUTH", "URI": SECRET},
                {"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"},
            ],
            "ProvisionedPollerConfig": {
                "MinimumPollers": 1,
                "MaximumPollers": 2_000,
                "PollerGroupName": "g",
            },
            "SelfManagedKafkaEventSourceConfig": {
                "ConsumerGroupId": "group",
                "ConsumptionMode": "Stream",
                "SchemaRegistryConfig": {
                    "SchemaRegistryURI": "https://registry",
                    "EventRecordFormat": "JSON",
                    "SchemaValidationConfigs": [{"Attribute": "VALUE"}],
                },
            },
            "DestinationConfig": {"OnFailure": {"Destination": "kafka://failures"}},
            "MetricsConfig": {"Metrics": ["EventCount", "ErrorCount", "KafkaMetrics"]},
            "LoggingConfig": {"SystemLogLevel": "DEBUG"},
        },
    ),
    "a virtual host": (
        "mq",
        {"SourceAccessConfigurations": [*BASIC, {"Type": "VIRTUAL_HOST", "URI": "/prod"}]},
    ),
    "a collection": (
        "documentdb",
        {
            "DocumentDBEventSourceConfig": {
                "DatabaseName": "shop",
                "CollectionName": "orders",
                "FullDocument": "UpdateLookup",
            }
        },
    ),
}


@pytest.mark.parametrize(("kind", "settings"), SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_come_back_as_they_were_given(sandbox: Sandbox, kind: str, settings: dict[str, Any]) -> None:
    uuid = make(sandbox, kind, **settings)["UUID"]
    sandbox.reopen()
    found = sandbox.client().get_event_source_mapping(UUID=uuid)
    assert {name: found[name] for name in settings} == settings


def test_consumer_group_is_the_identifier_of_the_mapping_unless_it_is_given(sandbox: Sandbox) -> None:
    made = make(sandbox, "msk")
    assert made["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": made["UUID"]}


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a stream without a position": (
        "kinesis",
        {"StartingPosition": None},
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    ),
    "a moment without the moment": (
        "kinesis",
        {"StartingPosition": "AT_TIMESTAMP"},
        "Need to specify a timestamp",
    ),
    "a moment to come": (
        "kinesis",
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_900_000_000},
        "StartingPositionTimestamp cannot be in the future.",
    ),
    "a moment nobody asked for": (
        "kinesis",
        {"StartingPositionTimestamp": 1_600_000_000},
        "StartingPositionTimestamp is only valid when StartingPosition is AT_TIMESTAMP.",
    ),
    "a moment of a table": (
        "dynamodb",
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_600_000_000},
        f"Unsupported starting position for arn type: {TABLE}",
    ),
    "a table itself": (
        "dynamodb",
        {"EventSourceArn": TABLE.split("/stream")[0]},
        "Unrecognized event source.",
    ),
    "an age below a minute": (
        "kinesis",
        {"MaximumRecordAgeInSeconds": 59},
        "MaximumRecordAgeInSeconds must be -1 or at least 60.",
    ),
    "records of success": (
        "kinesis",
        {"DestinationConfig": {"OnSuccess": {"Destination": f"arn:aws:sqs:{ACCOUNT}:q"}}},
        "OnSuccess is not supported for event source mappings.",
    ),
    "failures to a topic of Kafka": (
        "kinesis",
        {"DestinationConfig": {"OnFailure": {"Destination": "kafka://failures"}}},
        "Unsupported on-failure destination for Kinesis: kafka://failures",
    ),
    "the scaling of a queue": (
        "kinesis",
        {"ScalingConfig": {"MaximumConcurrency": 2}},
        "Unsupported 'scalingConfig' parameter for given event source mapping type.",
    ),
    "a tumbling window of Kafka": (
        "msk",
        {"TumblingWindowInSeconds": 30},
        "Unsupported 'tumblingWindowInSeconds' parameter for given event source mapping type.",
    ),
    "the metrics of Kafka": (
        "kinesis",
        {"MetricsConfig": {"Metrics": ["KafkaMetrics"]}},
        "Only the EventCount metric is supported for Kinesis.",
    ),
    "a cluster without a topic": ("msk", {"Topics": None}, "Topics is required for Amazon MSK."),
    "the other cluster's settings": (
        "msk",
        {"SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"}},
        "Unsupported 'selfManagedKafkaEventSourceConfig' parameter for given event source mapping type.",
    ),
    "a virtual host of Kafka": (
        "msk",
        {"SourceAccessConfigurations": [{"Type": "VIRTUAL_HOST", "URI": "/"}]},
        "Unsupported source access configuration type for Amazon MSK: VIRTUAL_HOST",
    ),
    "a scope without OAuth": (
        "self-managed",
        {"SourceAccessConfigurations": [{"Type": "OAUTHBEARER_SCOPE", "URI": "read"}]},
        "OAUTHBEARER_SCOPE requires OAUTHBEARER_AUTH.",
    ),
    "a secret for IAM": (
        "self-managed",
        {"SourceAccessConfigurations": [{"Type": "IAM_AUTH", "URI": SECRET}]},
        "The URI of source access configuration IAM_AUTH must not be given.",
    ),
    "both an ARN and servers": (
        "self-managed",
        {"EventSourceArn": CLUSTER},
        "Unrecognized event source.",
    ),
    "a registry without pollers": (
        "msk",
        {"AmazonManagedKafkaEventSourceConfig": {"SchemaRegistryConfig": {"SchemaRegistryURI": "https://r"}}},
        "SchemaRegistryConfig requires ProvisionedPollerConfig.",
    ),
    "a position in queue mode": (
        "self-managed",
        {"SelfManagedKafkaEventSourceConfig": {"ConsumptionMode": "Queue"}},
        "StartingPosition is not supported in Queue mode.",
    ),
    "endless retries in queue mode": (
        "self-managed",
        {
            "SelfManagedKafkaEventSourceConfig": {"ConsumptionMode": "Queue"},
            "StartingPosition": None,
            "MaximumRetryAttempts": -1,
        },
        "MaximumRetryAttempts cannot be -1 in Queue mode.",
    ),
    "more pollers at least than at most": (
        "msk",
        {"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 4}},
        "MinimumPollers must be less than or equal to MaximumPollers.",
    ),
    "a broker without a queue": ("mq", {"Queues": None}, "Queues is required for Amazon MQ."),
    "a broker without a secret": (
        "mq",
        {"SourceAccessConfigurations": []},
        "SourceAccessConfigurations with BASIC_AUTH is required for Amazon MQ.",
    ),
    "documents without a database": (
        "documentdb",
        {"DocumentDBEventSourceConfig": {}},
        "DocumentDBEventSourceConfig with DatabaseName is required for Amazon DocumentDB.",
    ),
    "partial answers of documents": (
        "documentdb",
        {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
        "Unsupported 'functionResponseTypes' parameter for given event source mapping type.",
    ),
}


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_kind_does_not_take_is_refused(
    sandbox: Sandbox, kind: str, settings: dict[str, Any], message: str
) -> None:
    assert refusal(sandbox, kind, **settings) == message


def test_stream_that_does_not_exist_is_refused(sandbox: Sandbox) -> None:
    sandbox.sources[STREAM] = EventSourceState(exists=False)
    assert refusal(sandbox, "kinesis") == f"Stream not found: {STREAM}"


def test_two_topics_of_one_cluster_are_two_mappings(sandbox: Sandbox) -> None:
    make(sandbox, "msk")
    make(sandbox, "msk", Topics=["t2"])
    with pytest.raises(ClientError) as error:
        make(sandbox, "msk")
    assert error.value.response["Error"]["Code"] == "ResourceConflictException"


@pytest.mark.proves("UpdateEventSourceMapping")
def test_update_of_a_stream_changes_what_it_names(sandbox: Sandbox) -> None:
    uuid = make(sandbox, "kinesis", MaximumRetryAttempts=3)["UUID"]
    client = sandbox.client()
    client.update_event_source_mapping(
        UUID=uuid,
        ParallelizationFactor=2,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::dead"}},
    )
    found = client.get_event_source_mapping(UUID=uuid)
    assert (found["ParallelizationFactor"], found["MaximumRetryAttempts"]) == (2, 3)
    assert found["DestinationConfig"] == {"OnFailure": {"Destination": "arn:aws:s3:::dead"}}
    client.update_event_source_mapping(UUID=uuid, DestinationConfig={"OnFailure": {"Destination": ""}})
    assert client.get_event_source_mapping(UUID=uuid)["DestinationConfig"] == {"OnFailure": {}}


def test_what_is_fixed_when_a_mapping_is_made_cannot_be_updated(sandbox: Sandbox) -> None:
    uuid = make(sandbox, "self-managed")["UUID"]
    client = sandbox.client()
    with pytest.raises(ClientError, match="ConsumerGroupId cannot be updated"):
        client.update_event_source_mapping(
            UUID=uuid, SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "other"}
        )
    with pytest.raises(ClientError, match="ConsumptionMode cannot be updated"):
        client.update_event_source_mapping(
            UUID=uuid, SelfManagedKafkaEventSourceConfig={"ConsumptionMode": "Queue"}
        )
