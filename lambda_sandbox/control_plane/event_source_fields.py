"""From a request's parameters to the fields of a mapping, and from a mapping to AWS's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane.event_source_kinds import KAFKA, QUEUES, STREAMS, SourceKind, kind_of
from lambda_sandbox.resources import (
    DocumentDbSettings,
    EventSourceMapping,
    KafkaSettings,
    PollerSettings,
)

Params = Mapping[str, Any]
_MAXIMUM_POLLERS = 200  # the default. Source: botocore's model, ProvisionedPollerConfig


def defaults(kind: SourceKind, params: Params) -> dict[str, Any]:
    """Return what a new mapping has of the settings that only its kind has."""
    if kind not in STREAMS | KAFKA:
        return {}
    in_queue_mode = (params.get("SelfManagedKafkaEventSourceConfig") or {}).get("ConsumptionMode") == "Queue"
    fields: dict[str, Any] = {
        "bisect_batch_on_function_error": False,
        "maximum_retry_attempts": 0 if in_queue_mode else -1,
        "maximum_record_age_s": -1,
    }
    return fields | ({"parallelization_factor": 1, "tumbling_window_s": 0} if kind in STREAMS else {})


def settings(params: Params, kind: SourceKind, before: EventSourceMapping | None = None) -> dict[str, Any]:
    """Return the fields that a request sets on a new mapping, or on the one from ``before``.

    An empty structure removes what it names, as on AWS.
    """
    fields = {field: params[name] for name, field in _PLAIN.items() if params.get(name) is not None}
    for name, read in _READERS.items():
        if params.get(name) is not None:
            fields |= read(params[name])
    if "kafka" in fields and before is not None and before.kafka is not None:
        fields["kafka"] = replace(before.kafka, schema_registry=fields["kafka"].schema_registry)
    if params.get("ProvisionedPollerConfig") is not None:
        fields["pollers"] = _pollers(params["ProvisionedPollerConfig"], kind)
    return fields


def with_consumer_group(kafka: KafkaSettings | None, uuid: str, kind: SourceKind) -> KafkaSettings:
    """Return the settings of a new mapping: without a consumer group of its own, it has the mapping's identifier.

    Source: AWS Lambda Developer Guide, "Customizable consumer group ID in Lambda", read 2026-11.
    """
    kafka = kafka or KafkaSettings("")
    mode = kafka.consumption_mode or ("Stream" if kind is SourceKind.SELF_MANAGED_KAFKA else "")
    return replace(kafka, consumer_group_id=kafka.consumer_group_id or uuid, consumption_mode=mode)


_PLAIN = {
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "maximum_batching_window_s",
    "KMSKeyArn": "kms_key_arn",
    "StartingPosition": "starting_position",
    "StartingPositionTimestamp": "starting_position_timestamp",
    "ParallelizationFactor": "parallelization_factor",
    "BisectBatchOnFunctionError": "bisect_batch_on_function_error",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "MaximumRecordAgeInSeconds": "maximum_record_age_s",
    "TumblingWindowInSeconds": "tumbling_window_s",
}


def _kafka(given: Params) -> dict[str, Any]:
    kafka = KafkaSettings(
        given.get("ConsumerGroupId", ""), given.get("ConsumptionMode", ""), given.get("SchemaRegistryConfig")
    )
    return {"kafka": kafka}


def _document_db(given: Params) -> dict[str, Any]:
    settings_ = DocumentDbSettings(
        given.get("DatabaseName", ""), given.get("CollectionName", ""), given.get("FullDocument", "Default")
    )
    return {"document_db": settings_}


def _pollers(given: Params, kind: SourceKind) -> PollerSettings | None:
    """Return the provisioned mode; an empty structure ends it."""
    if not given:
        return None
    return PollerSettings(
        given.get("MinimumPollers", 2 if kind in QUEUES else 1),
        given.get("MaximumPollers", _MAXIMUM_POLLERS),
        given.get("PollerGroupName", ""),
    )


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Enabled": lambda given: {"state": "Enabled" if given else "Disabled"},
    "FunctionResponseTypes": lambda given: {"report_batch_item_failures": "ReportBatchItemFailures" in given},
    "ScalingConfig": lambda given: {"maximum_concurrency": given.get("MaximumConcurrency")},
    "FilterCriteria": lambda given: {
        "filters": tuple(each.get("Pattern", "") for each in given.get("Filters") or [])
    },
    "MetricsConfig": lambda given: {"metrics": tuple(given.get("Metrics") or [])},
    "LoggingConfig": lambda given: {"system_log_level": given.get("SystemLogLevel") or ""},
    "DestinationConfig": lambda given: {
        "on_failure_arn": (given.get("OnFailure") or {}).get("Destination") or ""
    },
    "Topics": lambda given: {"topics": tuple(given)},
    "Queues": lambda given: {"queues": tuple(given)},
    "SourceAccessConfigurations": lambda given: {
        "source_access": tuple((each.get("Type", ""), each.get("URI", "")) for each in given)
    },
    "SelfManagedEventSource": lambda given: {
        "bootstrap_servers": tuple((given.get("Endpoints") or {}).get("KAFKA_BOOTSTRAP_SERVERS") or [])
    },
    "AmazonManagedKafkaEventSourceConfig": _kafka,
    "SelfManagedKafkaEventSourceConfig": _kafka,
    "DocumentDBEventSourceConfig": _document_db,
}


def to_wire(mapping: EventSourceMapping, state: str, listed: bool = False) -> dict[str, Any]:
    """Return AWS's ``EventSourceMappingConfiguration``. Lists keep filters back that a key encrypts."""
    kind = kind_of(mapping.event_source_arn)
    wire: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": int(mapping.maximum_batching_window_s),
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified,
        "State": state,
        "StateTransitionReason": "USER_INITIATED" if kind in QUEUES else "User action",
        "EventSourceMappingArn": mapping.arn,
    }
    if mapping.event_source_arn:
        wire["EventSourceArn"] = mapping.event_source_arn
    if kind in QUEUES | STREAMS | KAFKA:
        reported = ["ReportBatchItemFailures"] if mapping.report_batch_item_failures else []
        wire["FunctionResponseTypes"] = reported
    if mapping.filters and not (listed and mapping.kms_key_arn):
        wire["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in mapping.filters]}
    if mapping.maximum_concurrency is not None:
        wire["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
    if kind in STREAMS | KAFKA:
        failure = {"Destination": mapping.on_failure_arn} if mapping.on_failure_arn else {}
        wire["DestinationConfig"] = {"OnFailure": failure}
    return wire | _common(mapping) | _of_brokers(mapping)


def _common(mapping: EventSourceMapping) -> dict[str, Any]:
    shown = {
        "StartingPosition": mapping.starting_position or None,
        "StartingPositionTimestamp": mapping.starting_position_timestamp,
        "ParallelizationFactor": mapping.parallelization_factor,
        "BisectBatchOnFunctionError": mapping.bisect_batch_on_function_error,
        "MaximumRetryAttempts": mapping.maximum_retry_attempts,
        "MaximumRecordAgeInSeconds": mapping.maximum_record_age_s,
        "TumblingWindowInSeconds": mapping.tumbling_window_s,
        "KMSKeyArn": mapping.kms_key_arn or None,
        "MetricsConfig": {"Metrics": list(mapping.metrics)} if mapping.metrics else None,
        "LoggingConfig": {"SystemLogLevel": mapping.system_log_level} if mapping.system_log_level else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _of_brokers(mapping: EventSourceMapping) -> dict[str, Any]:
    access = [{"Type": type_, "URI": uri} if uri else {"Type": type_} for type_, uri in mapping.source_access]
    servers = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": list(mapping.bootstrap_servers)}}
    shown: dict[str, Any] = {
        "Topics": list(mapping.topics),
        "Queues": list(mapping.queues),
        "SourceAccessConfigurations": access,
        "SelfManagedEventSource": servers if mapping.bootstrap_servers else None,
        "DocumentDBEventSourceConfig": _document_db_wire(mapping.document_db),
        "ProvisionedPollerConfig": _pollers_wire(mapping.pollers),
    }
    managed = "AmazonManagedKafka" if mapping.event_source_arn else "SelfManagedKafka"
    shown[f"{managed}EventSourceConfig"] = _kafka_wire(mapping.kafka)
    return {name: value for name, value in shown.items() if value}


def _kafka_wire(kafka: KafkaSettings | None) -> dict[str, Any]:
    if kafka is None:
        return {}
    wire = {
        "ConsumerGroupId": kafka.consumer_group_id,
        "ConsumptionMode": kafka.consumption_mode,
        "SchemaRegistryConfig": kafka.schema_registry,
    }
    return {name: value for name, value in wire.items() if value}


def _document_db_wire(settings_: DocumentDbSettings | None) -> dict[str, Any]:
    if settings_ is None:
        return {}
    wire = {
        "DatabaseName": settings_.database,
        "CollectionName": settings_.collection,
        "FullDocument": settings_.full_document,
    }
    return {name: value for name, value in wire.items() if value}


def _pollers_wire(pollers: PollerSettings | None) -> dict[str, Any]:
    if pollers is None:
        return {}
    wire: dict[str, Any] = {"MinimumPollers": pollers.minimum, "MaximumPollers": pollers.maximum}
    return wire | ({"PollerGroupName": pollers.group} if pollers.group else {})
