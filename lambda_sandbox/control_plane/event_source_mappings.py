"""Operations on event source mappings.

DIFFERS: an event source mapping of Amazon MQ or DocumentDB is checked, kept and shown, and invokes nothing. One of Kafka (MSK or
self-managed) invokes only if the sandbox was given a broker: ``LAMBDA_SANDBOX_KAFKA_BOOTSTRAP_SERVERS``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from lambda_sandbox.control_plane import event_source_fields, event_source_rules, names, tags
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.event_source_kinds import QUEUES, RULES, SourceKind, kind_of
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.source_inspection import SourceInspection
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller, EventSourceMapping

_PAGE = 100  # Source: AWS Lambda API Reference, "ListEventSourceMappings", read 2026-11
_ACTED_ON = frozenset(
    {
        "FunctionName",
        "Enabled",
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "MetricsConfig",
        "ParallelizationFactor",
        "ProvisionedPollerConfig",
        "FunctionResponseTypes",
        "FilterCriteria",
        "ScalingConfig",
        "TumblingWindowInSeconds",
    }
)
_ONCE = frozenset({"StartingPosition", "StartingPositionTimestamp", "Topics"})
_KEPT = frozenset(
    {
        "AmazonManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig",
        "KMSKeyArn",
        "LoggingConfig",
        "SelfManagedKafkaEventSourceConfig",
        "SourceAccessConfigurations",
    }
)
_KEPT_ONCE = frozenset({"Queues", "SelfManagedEventSource"})
_NOTES = {
    "ProvisionedPollerConfig": "the pollers of SQS queues start and end as asked; those of Kafka topics are one a partition",
    "KMSKeyArn": "nothing is encrypted here; ListEventSourceMappings leaves the filters out, as on AWS",
    "MetricsConfig": "the metrics are counted for every mapping, asked for or not",
    "LoggingConfig": "a mapping writes no log of its own; sandbox.history() says what it did",
    "DocumentDBEventSourceConfig": "mappings of DocumentDB invoke nothing here",
    "SourceAccessConfigurations": "the broker that the sandbox was given is read without a sign-in",
    "AmazonManagedKafkaEventSourceConfig": "no consumer group is joined, and no schema registry asked",
    "SelfManagedKafkaEventSourceConfig": "no consumer group is joined, and no schema registry asked",
}

COVERAGE: dict[str, Coverage] = {
    "CreateEventSourceMapping": Coverage(
        works=_ACTED_ON | _ONCE | {"EventSourceArn", "Tags"},
        stored=_KEPT | _KEPT_ONCE,
        notes=_NOTES
        | {
            "Queues": "mappings of Amazon MQ invoke nothing here",
            "SelfManagedEventSource": "a mapping reads the broker that the sandbox was given, whichever servers it names",
            "EventSourceArn": "SQS queues, Kinesis and DynamoDB streams are read, Kafka topics where the sandbox was given a "
            "broker; mappings of Amazon MQ and DocumentDB are checked and stored, and invoke nothing",
        },
    ),
    "GetEventSourceMapping": Coverage(works=frozenset({"UUID"})),
    "ListEventSourceMappings": Coverage(
        works=frozenset({"EventSourceArn", "FunctionName", "Marker", "MaxItems"})
    ),
    "UpdateEventSourceMapping": Coverage(works=_ACTED_ON | {"UUID"}, stored=_KEPT, notes=_NOTES),
    "DeleteEventSourceMapping": Coverage(works=frozenset({"UUID"})),
}


class EventSourceMappings:
    """The five operations. The pollers hear of each that changes a mapping, through ``on_mappings_change``."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._inspection = SourceInspection(context.inspect_source)
        self._transition_s = context.config.transition_s
        self._on_change = context.on_mappings_change
        self._last_result = context.last_processing_result
        self.operations: Operations = {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        kind, source = _source(params, caller)
        event_source_rules.check_parameters(params, kind)
        mapping = self._new(params, caller, kind, source)
        event_source_rules.check(mapping, self._clock.now())
        self._inspection.check(mapping, self._lookup.version(mapping.function_arn, None, caller)[0])
        self._refuse_duplicate(mapping)
        tags.check({}, params.get("Tags") or {})
        self._store.put_mapping(mapping, mapping.arn, params.get("Tags"))
        self._on_change()
        return event_source_fields.to_wire(mapping, "Creating")

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return self._shown(self._existing(params["UUID"], caller))

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        source = params.get("EventSourceArn")
        arn = self._named(params["FunctionName"], caller) if params.get("FunctionName") else None
        self._forget_deleted()
        mappings = [
            mapping
            for mapping in self._store.mappings()
            if (mapping.account_id, mapping.region) == (caller.account_id, caller.region)
            and source in (None, mapping.event_source_arn)
            and (arn is None or f"{mapping.function_arn}:".startswith(f"{arn}:"))
        ]
        shown, marker = page(mappings, lambda each: each.uuid, params, _PAGE)
        return {
            "EventSourceMappings": [self._shown(each, listed=True) for each in shown],
            "NextMarker": marker,
        }

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        mapping = self._idle(params["UUID"], caller)
        kind = kind_of(mapping.event_source_arn)
        event_source_rules.check_parameters(params, kind)
        event_source_rules.check_update(params, mapping)
        now = self._clock.now()
        fields = event_source_fields.settings(params, kind, mapping)
        if params.get("FunctionName") is not None:
            fields["function_arn"] = self._function_arn(params["FunctionName"], caller)
        updated = replace(mapping, last_modified=now, **fields)
        updated = replace(
            updated, transition=_transition(mapping, updated), transition_until=now + self._transition_s
        )
        event_source_rules.check(updated, now)
        if updated.function_arn != mapping.function_arn:
            self._inspection.check(updated, self._lookup.version(updated.function_arn, None, caller)[0])
            self._refuse_duplicate(updated)
        self._store.put_mapping(updated)
        self._on_change()
        return event_source_fields.to_wire(updated, updated.transition)

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        mapping = self._idle(params["UUID"], caller)
        if self._transition_s:
            until = self._clock.now() + self._transition_s
            going = replace(mapping, state="Deleting", transition="Deleting", transition_until=until)
            self._store.put_mapping(going)
        else:
            self._store.delete_mapping(mapping.uuid, mapping.arn)
        self._on_change()
        return event_source_fields.to_wire(mapping, "Deleting")

    def _new(self, params: Params, caller: Caller, kind: SourceKind, source: str) -> EventSourceMapping:
        now = self._clock.now()
        fields: dict[str, Any] = {
            "batch_size": RULES[kind].batch_size,
            "maximum_batching_window_s": RULES[kind].window_s,
            **event_source_fields.defaults(kind, params),
            **event_source_fields.settings(params, kind),
        }
        uuid = str(uuid4())
        if kind in (SourceKind.MSK, SourceKind.SELF_MANAGED_KAFKA):
            fields["kafka"] = event_source_fields.with_consumer_group(fields.get("kafka"), uuid, kind)
        return EventSourceMapping(
            uuid=uuid,
            account_id=caller.account_id,
            region=caller.region,
            event_source_arn=source,
            function_arn=self._function_arn(params["FunctionName"], caller),
            last_modified=now,
            transition="Creating",
            transition_until=now + self._transition_s,
            **fields,
        )

    def _shown(self, mapping: EventSourceMapping, listed: bool = False) -> dict[str, Any]:
        moving = self._clock.now() < mapping.transition_until
        wire = event_source_fields.to_wire(
            mapping, mapping.transition if moving else mapping.state, listed=listed
        )
        if self._last_result is not None:
            wire["LastProcessingResult"] = self._last_result(mapping.uuid)
        return wire

    def _idle(self, uuid: str, caller: Caller) -> EventSourceMapping:
        """Return a mapping that is in no transition; only such a one is changed or deleted."""
        mapping = self._existing(uuid, caller)
        if self._clock.now() < mapping.transition_until:
            # UNCONFIRMED: wording
            raise ResourceInUseException("Cannot update the event source mapping because it is in use.")
        return mapping

    def _existing(self, uuid: str, caller: Caller) -> EventSourceMapping:
        self._forget_deleted()
        mapping = self._store.mapping(uuid)
        if mapping is None or (mapping.account_id, mapping.region) != (caller.account_id, caller.region):
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return mapping

    def _forget_deleted(self) -> None:
        now = self._clock.now()
        for mapping in self._store.mappings():
            if mapping.state == "Deleting" and mapping.transition_until <= now:
                self._store.delete_mapping(mapping.uuid, mapping.arn)

    def _named(self, function_name: str, caller: Caller) -> str:
        """Return the ARN that a list is of: a function with all its qualifiers, or one version or alias."""
        function, _ = self._lookup.version(function_name, None, caller)
        qualifier = names.parse(function_name, None, caller).qualifier
        return f"{function.arn}:{qualifier}" if qualifier else function.arn

    def _function_arn(self, function_name: str, caller: Caller) -> str:
        try:
            function, alias = self._lookup.version(function_name, None, caller)
        except ResourceNotFoundException:
            # AWS: another code than everywhere else.
            raise InvalidParameterValueException("Function does not exist") from None
        if function.tenant_isolation:
            # UNCONFIRMED: wording. Source: AWS Lambda Developer Guide, "Tenant isolation", read 2026-11.
            raise InvalidParameterValueException(
                "Event source mappings are not supported for functions with tenant isolation."
            )
        if alias is not None:
            return alias.arn
        return function.qualified_arn if function_name.endswith(f":{function.version}") else function.arn

    def _refuse_duplicate(self, new: EventSourceMapping) -> None:
        wanted = _identity(new)
        for mapping in self._store.mappings():
            if _identity(mapping) == wanted and mapping.uuid != new.uuid:
                name = new.function_arn.split(":function:")[1]
                raise ResourceConflictException(
                    f'The event source arn (" {new.event_source_arn} ") and function (" {name} ") provided mapping '
                    f"already exists. Please update or delete the existing mapping with UUID {mapping.uuid}"
                )


def _identity(mapping: EventSourceMapping) -> tuple[object, ...]:
    """What two mappings may not share: brokers have several topics and queues behind one ARN."""
    return (
        mapping.event_source_arn,
        mapping.bootstrap_servers,
        mapping.topics,
        mapping.queues,
        mapping.document_db,
        mapping.function_arn,
    )


def _source(params: Params, caller: Caller) -> tuple[SourceKind, str]:
    """Return the kind and the ARN of a source in the caller's Region; the ARN of a self-managed cluster is empty."""
    arn = params.get("EventSourceArn") or ""
    if bool(arn) == bool(params.get("SelfManagedEventSource")):
        raise InvalidParameterValueException("Unrecognized event source.")
    kind = kind_of(arn)
    if arn and arn.split(":")[3] != caller.region:
        what = "queue" if kind in QUEUES else "event source"
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            f"The {what} must be in the Region of the function: {caller.region}."
        )
    return kind, arn


def _transition(before: EventSourceMapping, after: EventSourceMapping) -> str:
    if before.state == after.state:
        return "Updating"
    return "Enabling" if after.state == "Enabled" else "Disabling"
