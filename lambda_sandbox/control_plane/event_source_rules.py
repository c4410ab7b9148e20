"""What a mapping's settings must obey, alone and against each other; the model's constraints have been checked before.

UNCONFIRMED: wordings, where no message of AWS could be found; those of SQS and of starting positions are AWS's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.control_plane.event_source_kinds import (
    KAFKA,
    PARTICULAR,
    POSITIONED,
    QUEUES,
    RULES,
    SourceKind,
    kind_of,
)
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.event_patterns import EventPattern
from lambda_sandbox.resources import EventSourceMapping

_BATCH_WITHOUT_WINDOW = 10
_BATCH_FIFO = 10
_FILTERS = 5
_RECORD_AGE_S_MIN = 60
_KAFKA_POLLERS_MAX = 2_000
_QUEUE_POLLERS_MIN = 2
_DESTINATION = re.compile(r"arn:[^:]+:(?:sqs|sns):[^:]+:\d{12}:[^:]+|arn:[^:]+:s3:::[^:/]+")


def check_parameters(params: Mapping[str, Any], kind: SourceKind) -> None:
    """Refuse parameters that the kind does not have. Raises ``InvalidParameterValueException``."""
    given = [name for name, value in params.items() if value not in (None, {}, [])]
    if kind in QUEUES and "StartingPosition" in given:
        raise InvalidParameterValueException("StartingPosition is not valid for SQS event sources.")
    for name in given:
        if name in PARTICULAR and name not in RULES[kind].parameters:
            raise InvalidParameterValueException(
                f"Unsupported '{name[:1].lower()}{name[1:]}' parameter for given event source mapping type."
            )
    if ((params.get("DestinationConfig") or {}).get("OnSuccess") or {}).get("Destination"):
        raise InvalidParameterValueException("OnSuccess is not supported for event source mappings.")


def check_update(params: Mapping[str, Any], mapping: EventSourceMapping) -> None:
    """Refuse what is fixed when a mapping is made. Raises ``InvalidParameterValueException``."""
    for name in ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"):
        given = params.get(name) or {}
        kept = mapping.kafka
        for member, value in (
            ("ConsumerGroupId", kept.consumer_group_id if kept else ""),
            ("ConsumptionMode", kept.consumption_mode if kept else ""),
        ):
            if given.get(member) not in (None, value):
                raise InvalidParameterValueException(f"{member} cannot be updated.")
    virtual_hosts = {uri for type_, uri in mapping.source_access if type_ == "VIRTUAL_HOST"}
    for access in params.get("SourceAccessConfigurations") or []:
        if access.get("Type") == "VIRTUAL_HOST" and access.get("URI") not in virtual_hosts:
            raise InvalidParameterValueException("VIRTUAL_HOST cannot be updated.")


def check(mapping: EventSourceMapping, now: float) -> None:
    """Hold the settings against each other. Raises ``InvalidParameterValueException``."""
    kind = kind_of(mapping.event_source_arn)
    _check_required(mapping, kind)
    if kind in POSITIONED:
        _check_position(mapping, kind, now)
    if kind in QUEUES:
        _check_queue(mapping, kind)
    _check_failures(mapping, kind)
    _check_access(mapping, kind)
    _check_pollers(mapping, kind)
    if kind in KAFKA:
        _check_kafka(mapping)
    elif set(mapping.metrics) - {"EventCount"}:
        raise InvalidParameterValueException(f"Only the EventCount metric is supported for {kind}.")
    _check_filters(mapping)


def _check_filters(mapping: EventSourceMapping) -> None:
    for pattern in mapping.filters:
        try:
            EventPattern(pattern)
        except ValueError:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from None
    if len(mapping.filters) > _FILTERS:
        raise InvalidParameterValueException(
            f"A mapping has at most {_FILTERS} filters; {len(mapping.filters)} were given."
        )


def _check_required(mapping: EventSourceMapping, kind: SourceKind) -> None:
    access = {type_ for type_, _ in mapping.source_access}
    if kind in KAFKA and not mapping.topics:
        raise InvalidParameterValueException(f"Topics is required for {kind}.")
    if kind is SourceKind.SELF_MANAGED_KAFKA and not mapping.bootstrap_servers:
        raise InvalidParameterValueException("Unrecognized event source.")
    if kind is SourceKind.MQ and not mapping.queues:
        raise InvalidParameterValueException(f"Queues is required for {kind}.")
    if kind in (SourceKind.MQ, SourceKind.DOCUMENT_DB) and "BASIC_AUTH" not in access:
        raise InvalidParameterValueException(
            f"SourceAccessConfigurations with BASIC_AUTH is required for {kind}."
        )
    if kind is SourceKind.DOCUMENT_DB and not (mapping.document_db and mapping.document_db.database):
        raise InvalidParameterValueException(
            f"DocumentDBEventSourceConfig with DatabaseName is required for {kind}."
        )


def _check_position(mapping: EventSourceMapping, kind: SourceKind, now: float) -> None:
    position, moment = mapping.starting_position, mapping.starting_position_timestamp
    if _in_queue_mode(mapping):
        if position or moment is not None:
            raise InvalidParameterValueException("StartingPosition is not supported in Queue mode.")
        return
    if not position:
        # AWS: a check of the service in the words of the model's.
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if position == "AT_TIMESTAMP" and kind is SourceKind.DYNAMODB:
        raise InvalidParameterValueException(
            f"Unsupported starting position for arn type: {mapping.event_source_arn}"
        )
    if position == "AT_TIMESTAMP" and moment is None:
        raise InvalidParameterValueException("Need to specify a timestamp")
    if position != "AT_TIMESTAMP" and moment is not None:
        raise InvalidParameterValueException(
            "StartingPositionTimestamp is only valid when StartingPosition is AT_TIMESTAMP."
        )
    if moment is not None and moment > now:
        raise InvalidParameterValueException("StartingPositionTimestamp cannot be in the future.")


def _check_queue(mapping: EventSourceMapping, kind: SourceKind) -> None:
    if kind is SourceKind.FIFO_QUEUE:
        if mapping.batch_size > _BATCH_FIFO:
            raise InvalidParameterValueException(f"The batch size of a FIFO queue is at most {_BATCH_FIFO}.")
        if mapping.maximum_batching_window_s:
            raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if mapping.batch_size > _BATCH_WITHOUT_WINDOW and not mapping.maximum_batching_window_s:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{_BATCH_WITHOUT_WINDOW}"
        )
    if mapping.pollers is not None and mapping.maximum_concurrency is not None:
        raise InvalidParameterValueException(
            "ProvisionedPollerConfig and ScalingConfig.MaximumConcurrency cannot be used together."
        )


def _check_failures(mapping: EventSourceMapping, kind: SourceKind) -> None:
    age = mapping.maximum_record_age_s
    if age is not None and 0 <= age < _RECORD_AGE_S_MIN:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {_RECORD_AGE_S_MIN}."
        )
    arn = mapping.on_failure_arn
    to_topic = kind in KAFKA and arn.startswith("kafka://")
    if arn and not to_topic and (not _DESTINATION.fullmatch(arn) or arn.endswith(".fifo")):
        raise InvalidParameterValueException(f"Unsupported on-failure destination for {kind}: {arn}")


def _check_access(mapping: EventSourceMapping, kind: SourceKind) -> None:
    for type_, uri in mapping.source_access:
        if type_ not in RULES[kind].access_types:
            raise InvalidParameterValueException(
                f"Unsupported source access configuration type for {kind}: {type_}"
            )
        keyless = type_ in ("IAM_AUTH", "IAM_OAUTHBEARER_AUTH")
        if keyless == bool(uri):
            raise InvalidParameterValueException(
                f"The URI of source access configuration {type_} must {'not ' if keyless else ''}be given."
            )
    types = [type_ for type_, _ in mapping.source_access]
    for needed, extras in _NEEDED_BY.items():
        if not any(each in types for each in needed) and any(each in types for each in extras):
            raise InvalidParameterValueException(
                f"{', '.join(each for each in extras if each in types)} requires {' or '.join(needed)}."
            )


_NEEDED_BY = {
    ("OAUTHBEARER_AUTH",): (
        "OAUTHBEARER_SCOPE",
        "OAUTHBEARER_LOGICAL_CLUSTER",
        "OAUTHBEARER_IDENTITY_POOL",
    ),
    ("OAUTHBEARER_AUTH", "IAM_OAUTHBEARER_AUTH"): ("OAUTHBEARER_AUDIENCE",),
    ("OAUTHBEARER_AUDIENCE",): ("IAM_OAUTHBEARER_AUTH",),
}


def _check_pollers(mapping: EventSourceMapping, kind: SourceKind) -> None:
    pollers = mapping.pollers
    if pollers is None:
        return
    if pollers.minimum > pollers.maximum:
        raise InvalidParameterValueException("MinimumPollers must be less than or equal to MaximumPollers.")
    if kind in QUEUES and pollers.minimum < _QUEUE_POLLERS_MIN:
        raise InvalidParameterValueException(
            f"MinimumPollers must be at least {_QUEUE_POLLERS_MIN} for {kind}."
        )
    if kind in QUEUES and pollers.group:
        raise InvalidParameterValueException(f"PollerGroupName is not supported for {kind}.")
    if kind in KAFKA and pollers.maximum > _KAFKA_POLLERS_MAX:
        raise InvalidParameterValueException(
            f"MaximumPollers must be at most {_KAFKA_POLLERS_MAX} for {kind}."
        )


def _check_kafka(mapping: EventSourceMapping) -> None:
    registry = mapping.kafka.schema_registry if mapping.kafka else None
    if registry and mapping.pollers is None:
        raise InvalidParameterValueException("SchemaRegistryConfig requires ProvisionedPollerConfig.")
    if _in_queue_mode(mapping):
        if mapping.maximum_retry_attempts == -1:
            raise InvalidParameterValueException("MaximumRetryAttempts cannot be -1 in Queue mode.")
        if mapping.maximum_batching_window_s >= 1:
            raise InvalidParameterValueException(
                "MaximumBatchingWindowInSeconds is not supported in Queue mode."
            )


def _in_queue_mode(mapping: EventSourceMapping) -> bool:
    return mapping.kafka is not None and mapping.kafka.consumption_mode == "Queue"
