"""Operations on event source mappings. This release has them for SQS queues."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

from lambda_sandbox.control_plane import tags
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import SEE, Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    NotImplementedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller, EventSourceMapping

_PAGE = 100  # Source: AWS Lambda API Reference, "ListEventSourceMappings", read 2026-11
# Source: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping", read 2026-11
_BATCH_WITHOUT_WINDOW = 10
_BATCH_FIFO = 10
_SERVICE = re.compile(r"arn:[^:]+:([^:]+):([^:]*):([^:]*):.+")
_SETTINGS = {
    "FunctionName",
    "Enabled",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FunctionResponseTypes",
    "ScalingConfig",
}

COVERAGE: dict[str, Coverage] = {
    "CreateEventSourceMapping": Coverage(
        works=frozenset({"EventSourceArn", "Tags", *_SETTINGS}), notes={"EventSourceArn": "only SQS queues"}
    ),
    "GetEventSourceMapping": Coverage(works=frozenset({"UUID"})),
    "ListEventSourceMappings": Coverage(
        works=frozenset({"EventSourceArn", "FunctionName", "Marker", "MaxItems"})
    ),
    "UpdateEventSourceMapping": Coverage(works=frozenset({"UUID", *_SETTINGS})),
    "DeleteEventSourceMapping": Coverage(works=frozenset({"UUID"})),
}


class EventSourceMappings:
    """The five operations. ``on_change`` is called after each that changes a mapping.

    ``last_result(uuid)`` is what the poller says of its last batch: AWS's ``LastProcessingResult``.
    """

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
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
        source = _queue(params.get("EventSourceArn"), caller)
        fields = _settings(params)
        if params.get("FunctionName") is not None:
            fields["function_arn"] = self._function_arn(params["FunctionName"], caller)
        mapping = EventSourceMapping(
            uuid=str(uuid4()),
            account_id=caller.account_id,
            region=caller.region,
            event_source_arn=source,
            last_modified=self._clock.now(),
            **fields,
        )
        _check(mapping)
        self._refuse_duplicate(mapping)
        tags.check({}, params.get("Tags") or {})
        self._store.put_mapping(mapping, _arn(mapping), params.get("Tags"))
        self._on_change()
        return _to_wire(mapping, state="Creating")

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return self._shown(self._existing(params["UUID"], caller))

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        source, function_name = params.get("EventSourceArn"), params.get("FunctionName")
        arn = self._lookup.function(function_name, caller).arn if function_name else None
        mappings = [
            mapping
            for mapping in self._store.mappings()
            if (mapping.account_id, mapping.region) == (caller.account_id, caller.region)
            and source in (None, mapping.event_source_arn)
            and (arn is None or f"{mapping.function_arn}:".startswith(f"{arn}:"))
        ]
        shown, marker = page(mappings, lambda each: each.uuid, params, _PAGE)
        return {"EventSourceMappings": [self._shown(each) for each in shown], "NextMarker": marker}

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        mapping = self._existing(params["UUID"], caller)
        fields = _settings(params)
        if params.get("FunctionName") is not None:
            fields["function_arn"] = self._function_arn(params["FunctionName"], caller)
        updated = replace(mapping, last_modified=self._clock.now(), **fields)
        _check(updated)
        if updated.function_arn != mapping.function_arn:
            self._refuse_duplicate(updated)
        self._store.put_mapping(updated)
        self._on_change()
        return _to_wire(updated, state=_transition(mapping, updated))

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        mapping = self._existing(params["UUID"], caller)
        self._store.delete_mapping(mapping.uuid, _arn(mapping))
        self._on_change()
        return _to_wire(mapping, state="Deleting")

    def _shown(self, mapping: EventSourceMapping) -> dict[str, Any]:
        wire = _to_wire(mapping)
        if self._last_result is not None:
            wire["LastProcessingResult"] = self._last_result(mapping.uuid)
        return wire

    def _existing(self, uuid: str, caller: Caller) -> EventSourceMapping:
        mapping = self._store.mapping(uuid)
        if mapping is None or (mapping.account_id, mapping.region) != (caller.account_id, caller.region):
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return mapping

    def _function_arn(self, function_name: str, caller: Caller) -> str:
        try:
            function, alias = self._lookup.version(function_name, None, caller)
        except ResourceNotFoundException:
            # AWS: another code than everywhere else.
            raise InvalidParameterValueException("Function does not exist") from None
        if alias is not None:
            return alias.arn
        return function.qualified_arn if function_name.endswith(f":{function.version}") else function.arn

    def _refuse_duplicate(self, new: EventSourceMapping) -> None:
        wanted = (new.event_source_arn, new.function_arn)
        for mapping in self._store.mappings():
            if (mapping.event_source_arn, mapping.function_arn) == wanted and mapping.uuid != new.uuid:
                name = new.function_arn.split(":function:")[1]
                raise ResourceConflictException(
                    f'The event source arn (" {new.event_source_arn} ") and function (" {name} ") provided mapping '
                    f"already exists. Please update or delete the existing mapping with UUID {mapping.uuid}"
                )


def _queue(arn: str | None, caller: Caller) -> str:
    """Return the ARN of an SQS queue in the caller's Region. DIFFERS: AWS looks whether the queue exists."""
    found = _SERVICE.fullmatch(arn or "")
    if arn is None or found is None:
        raise InvalidParameterValueException("Unrecognized event source.")
    service, region, _ = found.groups()
    if service != "sqs":
        raise NotImplementedException(
            f"CreateEventSourceMapping.EventSourceArn of {service} is not emulated by this sandbox yet; {SEE}."
        )
    if region != caller.region:
        raise InvalidParameterValueException(
            f"The queue must be in the Region of the function: {caller.region}."
        )
    return arn


def _settings(params: Params) -> dict[str, Any]:
    """Return the fields that a request sets. An empty ``ScalingConfig`` removes the limit, as on AWS."""
    fields: dict[str, Any] = {}
    if params.get("BatchSize") is not None:
        fields["batch_size"] = params["BatchSize"]
    if params.get("MaximumBatchingWindowInSeconds") is not None:
        fields["maximum_batching_window_s"] = params["MaximumBatchingWindowInSeconds"]
    if params.get("FunctionResponseTypes") is not None:
        fields["report_batch_item_failures"] = "ReportBatchItemFailures" in params["FunctionResponseTypes"]
    if params.get("ScalingConfig") is not None:
        fields["maximum_concurrency"] = params["ScalingConfig"].get("MaximumConcurrency")
    if params.get("Enabled") is not None:
        fields["state"] = "Enabled" if params["Enabled"] else "Disabled"
    return fields


def _check(mapping: EventSourceMapping) -> None:
    """Hold the settings against each other; the model's constraints hold each alone."""
    if mapping.event_source_arn.endswith(".fifo"):
        if mapping.batch_size > _BATCH_FIFO:
            raise InvalidParameterValueException(f"The batch size of a FIFO queue is at most {_BATCH_FIFO}.")
        if mapping.maximum_batching_window_s:
            raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if mapping.batch_size > _BATCH_WITHOUT_WINDOW and not mapping.maximum_batching_window_s:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{_BATCH_WITHOUT_WINDOW}"
        )


def _transition(before: EventSourceMapping, after: EventSourceMapping) -> str:
    if before.state == after.state:
        return "Updating"
    return "Enabling" if after.state == "Enabled" else "Disabling"


def _arn(mapping: EventSourceMapping) -> str:
    return f"arn:aws:lambda:{mapping.region}:{mapping.account_id}:event-source-mapping:{mapping.uuid}"


def _to_wire(mapping: EventSourceMapping, state: str | None = None) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.maximum_batching_window_s,
        "EventSourceArn": mapping.event_source_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified,
        "State": state or mapping.state,
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.report_batch_item_failures else [],
        "EventSourceMappingArn": _arn(mapping),
    }
    if mapping.maximum_concurrency is not None:
        wire["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
    return wire
