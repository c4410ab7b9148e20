"""Operations on event-invoke configurations: retries, age and destinations of asynchronous events."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.errors import InvalidParameterValueException, ResourceNotFoundException
from lambda_sandbox.resources import LATEST, Caller, EventInvokeConfig

_PAGE = 50  # Source: botocore's model, MaxFunctionEventInvokeConfigListItems
_QUALIFIED = frozenset({"FunctionName", "Qualifier"})
_SETTINGS = _QUALIFIED | {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"}

# Source: AWS Lambda Developer Guide, "Retaining records of asynchronous invocations", read 2026-11: standard queues and
# topics only, S3 only for failures.
_QUEUE_OR_TOPIC = re.compile(r"arn:[^:]+:(?:sqs|sns):[^:]+:\d{12}:(?![^:]*\.fifo$)[^:]+")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:[^:]+(?::[^:]+)?")
_EVENT_BUS = re.compile(r"arn:[^:]+:events:[^:]+:\d{12}:event-bus/.+")
_BUCKET = re.compile(r"arn:[^:]+:s3:::[^:/]+")

COVERAGE: dict[str, Coverage] = {
    "PutFunctionEventInvokeConfig": Coverage(works=_SETTINGS),
    "UpdateFunctionEventInvokeConfig": Coverage(works=_SETTINGS),
    "GetFunctionEventInvokeConfig": Coverage(works=_QUALIFIED),
    "ListFunctionEventInvokeConfigs": Coverage(works=frozenset({"FunctionName", "Marker", "MaxItems"})),
    "DeleteFunctionEventInvokeConfig": Coverage(works=_QUALIFIED),
}


class EventInvokeConfigs:
    """The five operations."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self.operations: Operations = {
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
            "GetFunctionEventInvokeConfig": self.get,
            "ListFunctionEventInvokeConfigs": self.list,
            "DeleteFunctionEventInvokeConfig": self.delete,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        """Replace all settings; one that is left out is removed."""
        name, qualifier = self._target(params, caller)
        fields = self._fields(params, caller, name)
        if not fields:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "You must specify at least one of error handling or destination setting."
            )
        config = EventInvokeConfig(
            account_id=caller.account_id,
            region=caller.region,
            function_name=name,
            qualifier=qualifier,
            last_modified=self._clock.now(),
            **fields,
        )
        self._store.event_invoke_configs.put(config)
        return _to_wire(config)

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        config = self._existing(params, caller)
        fields = self._fields(params, caller, config.function_name)
        updated = replace(config, last_modified=self._clock.now(), **fields)
        self._store.event_invoke_configs.put(updated)
        return _to_wire(updated)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return _to_wire(self._existing(params, caller))

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.function(params["FunctionName"], caller)
        configs = self._store.event_invoke_configs.owned(
            caller.account_id, caller.region, function.function_name
        )
        shown, marker = page(configs, lambda each: each.qualifier, params, _PAGE)
        return {"FunctionEventInvokeConfigs": [_to_wire(each) for each in shown], "NextMarker": marker}

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        self._store.event_invoke_configs.delete(self._existing(params, caller))
        return {}

    def _target(self, params: Params, caller: Caller) -> tuple[str, str]:
        """Return name and qualifier of a version or alias that exists; without a qualifier it is ``$LATEST``."""
        found = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        qualifier = found.qualifier or LATEST
        try:
            self._lookup.version(found.name, qualifier, caller)
        except ResourceNotFoundException:
            # UNCONFIRMED: wording; another one than that of other operations.
            raise ResourceNotFoundException("The function doesn't exist.") from None
        return found.name, qualifier

    def _existing(self, params: Params, caller: Caller) -> EventInvokeConfig:
        name, qualifier = self._target(params, caller)
        config = self._store.event_invoke_configs.get(caller.account_id, caller.region, name, qualifier)
        if config is None:
            arn = names.FunctionName(name, qualifier).arn(caller)
            # UNCONFIRMED: wording
            raise ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")
        return config

    def _fields(self, params: Params, caller: Caller, name: str) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if params.get("MaximumRetryAttempts") is not None:
            fields["maximum_retry_attempts"] = params["MaximumRetryAttempts"]
        if params.get("MaximumEventAgeInSeconds") is not None:
            fields["maximum_event_age_s"] = params["MaximumEventAgeInSeconds"]
        destinations = params.get("DestinationConfig")
        if destinations is not None:
            on_success = (destinations.get("OnSuccess") or {}).get("Destination") or ""
            on_failure = (destinations.get("OnFailure") or {}).get("Destination") or ""
            self._check_destinations(on_success, on_failure, names.FunctionName(name, None).arn(caller))
            fields |= {"on_success_arn": on_success, "on_failure_arn": on_failure}
        return fields

    def _check_destinations(self, on_success: str, on_failure: str, function_arn: str) -> None:
        for arn in filter(None, (on_success, on_failure)):
            if f"{arn}:".startswith(f"{function_arn}:"):
                # UNCONFIRMED: wording
                raise InvalidParameterValueException(
                    "You can't specify the function as a destination for itself."
                )
            known = (_QUEUE_OR_TOPIC, _FUNCTION, _EVENT_BUS)
            if not any(each.fullmatch(arn) for each in known) and not _BUCKET.fullmatch(arn):
                # UNCONFIRMED: wording
                raise InvalidParameterValueException(
                    "The provided destination config DestinationConfig("
                    f"onSuccess=OnSuccess(destination={on_success or 'null'}), "
                    f"onFailure=OnFailure(destination={on_failure or 'null'})) is invalid."
                )
        if _BUCKET.fullmatch(on_success):
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "S3 buckets are supported only for on-failure destinations: choose another kind for OnSuccess."
            )


def _to_wire(config: EventInvokeConfig) -> dict[str, Any]:
    arn = f"arn:aws:lambda:{config.region}:{config.account_id}:function:{config.function_name}"
    wire: dict[str, Any] = {
        "LastModified": config.last_modified,
        "FunctionArn": f"{arn}:{config.qualifier}",
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success_arn} if config.on_success_arn else {},
            "OnFailure": {"Destination": config.on_failure_arn} if config.on_failure_arn else {},
        },
    }
    if config.maximum_retry_attempts is not None:
        wire["MaximumRetryAttempts"] = config.maximum_retry_attempts
    if config.maximum_event_age_s is not None:
        wire["MaximumEventAgeInSeconds"] = config.maximum_event_age_s
    return wire
