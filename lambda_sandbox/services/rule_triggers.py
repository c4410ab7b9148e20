"""Makes moto's rules match by EventBridge's whole language and hand their events to the sandbox.

Functions, queues and topics are served by the server, with retries and dead-letter queues; buses, log groups and streams
in here; archives stay moto's. A target of any other service is refused: its events would be lost.

DIFFERS: with ``--enforce-iam`` a rule of EventBridge needs no permission for log groups, streams and other buses as its targets.
"""

from __future__ import annotations

import copy
import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from lambda_sandbox.event_patterns import EventPattern
from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.workflows import RunningBackends
from lambda_sandbox.triggers import eventbridge_event, input_transformer
from lambda_sandbox.triggers.input_transformer import Context
from lambda_sandbox.triggers.json_path import JsonPath

_BY_THE_SERVER = frozenset({"lambda", "sqs", "sns"})
_SERVED = _BY_THE_SERVER | {"logs", "kinesis", "events", "states"}
_FORWARDED = (
    "forwarded-from"  # set on an event that came from another bus, and taken off before anybody sees it
)
_OWN_FIELDS = frozenset({"ingestion-time", _FORWARDED})


def install(module: Any, forwarder: Forwarder) -> None:
    """Replace what ``moto.events.models`` does with rules and their events."""
    _replace_sending(module, forwarder)
    _replace_put_events(module)
    _replace_put_rule(module)
    _replace_put_targets(module)


def install_responses(module: Any, forwarder: Forwarder) -> None:
    """Add ``TestEventPattern``, which ``moto.events.responses`` leaves out."""

    def test_event_pattern(self: Any) -> str:
        models = sys.modules["moto.events.models"]
        pattern = _compiled_or_refused(models, self._get_param("EventPattern"))
        try:
            event = json.loads(self._get_param("Event"))
        except ValueError:
            raise models.ValidationException("Parameter Event is not valid.") from None
        return json.dumps({"Result": pattern.matches(event)})

    module.EventsHandler.test_event_pattern = test_event_pattern


def publish(account_id: str, region: str, bus: str, event: dict[str, Any]) -> None:
    """Put a service's own event on a bus of an account that has one; nothing happens where there is no rule."""
    models: Any = sys.modules.get("moto.events.models")
    if models is None:
        return
    found = models.events_backends[account_id][region].event_buses.get(bus)
    for rule in list(found.rules.values()) if found is not None else ():
        rule.send_to_targets({**event, "ingestion-time": time.time()})


@functools.lru_cache(maxsize=1024)
def _compiled(text: str) -> EventPattern:
    return EventPattern(text)


def _compiled_or_refused(module: Any, text: str) -> EventPattern:
    try:
        return _compiled(text)
    except ValueError as problem:
        raise module.InvalidEventPatternException(reason=str(problem)) from None


# --- events that meet rules ----------------------------------------------------------------------------------


def _replace_sending(module: Any, forwarder: Forwarder) -> None:
    by_moto = module.Rule.send_to_targets

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        pattern = self.event_pattern.dump()
        if not self.state.startswith("ENABLED") or not pattern:
            return
        event = _plain(original_event)
        if not _compiled(pattern).matches(event):
            return
        rest = [
            target
            for target in list(self.targets)
            if not _send(module, forwarder, self, target, event, original_event)
        ]
        if rest:
            _leave_to_moto(by_moto, self, rest, original_event, transform_input)

    module.Rule.send_to_targets = send_to_targets


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a target sees it."""
    seen = {name: value for name, value in event.items() if name not in _OWN_FIELDS}
    return {**seen, "time": eventbridge_event.iso(seen.get("time"))}


def _send(
    module: Any, forwarder: Forwarder, rule: Any, target: dict[str, Any], event: dict[str, Any], original: Any
) -> bool:
    """Send the event to one target; False where it is moto's to do."""
    service, region, account_id = target["Arn"].split(":")[2:5]
    context = Context(rule.arn, rule.name, eventbridge_event.iso(original.get("ingestion-time")))
    payload = input_transformer.target_input(target, event, context)
    if service in _BY_THE_SERVER:
        sent = eventbridge_event.delivery(target, payload, json.dumps(event), rule.arn, rule.account_id)
        forwarder.deliver(sent)
    elif service == "logs":
        _to_log_group(account_id, region, target["Arn"], payload)
    elif service == "kinesis":
        _to_stream(account_id, region, target, payload, event)
    elif service == "states":
        _to_state_machine(account_id, region, target["Arn"], payload)
    elif service == "events" and ":event-bus/" in target["Arn"]:
        _to_bus(module, account_id, region, target["Arn"], original)
    else:
        return False
    return True


def _to_log_group(account_id: str, region: str, arn: str, payload: str) -> None:
    from moto.logs.models import logs_backends

    group, stream = arn.split(":")[6], str(uuid4())
    backend = logs_backends[account_id][region]
    try:
        backend.create_log_stream(group, stream)
        backend.put_log_events(group, stream, [{"timestamp": int(time.time() * 1000), "message": payload}])
    except Exception as problem:  # AWS: a target that cannot be served does not fail PutEvents
        _warn(f"an event for {arn} was lost: {problem}")


def _to_stream(account_id: str, region: str, target: dict[str, Any], payload: str, event: Any) -> None:
    import base64

    from moto.kinesis.models import kinesis_backends

    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath", "$.id")
    key = JsonPath(path).find(event)
    try:
        kinesis_backends[account_id][region].put_record(
            target["Arn"],
            target["Arn"].rpartition("/")[2],
            str(key),
            "",
            base64.b64encode(payload.encode()).decode(),
        )
    except Exception as problem:  # as above
        _warn(f"an event for {target['Arn']} was lost: {problem}")


def _to_state_machine(account_id: str, region: str, arn: str, payload: str) -> None:
    try:
        RunningBackends()[account_id][region].start_execution(arn, None, payload)
    except Exception as problem:  # as above
        _warn(f"an event for {arn} was lost: {problem}")


def _to_bus(module: Any, account_id: str, region: str, arn: str, original: dict[str, Any]) -> None:
    """AWS: an event that came from another bus does not go on to a third one."""
    if _FORWARDED in original:
        return
    bus = module.events_backends[account_id][region].event_buses.get(arn.rpartition("/")[2])
    for rule in list(bus.rules.values()) if bus is not None else ():
        rule.send_to_targets({**original, _FORWARDED: arn})


def _leave_to_moto(
    by_moto: Callable[..., None], rule: Any, targets: list[Any], event: Any, transform: bool
) -> None:
    rest = copy.copy(rule)
    rest.targets = targets
    try:
        by_moto(rest, {name: value for name, value in event.items() if name != _FORWARDED}, transform)
    except NotImplementedError:
        arns = ", ".join(target["Arn"] for target in targets)
        _warn(f"an event of {rule.arn} was lost: the sandbox has no targets such as {arns}")


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


# --- what AWS refuses ----------------------------------------------------------------------------------------


def _replace_put_events(module: Any) -> None:
    put = module.EventsBackend.put_events

    def put_events(self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        refused = {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
        own = [event for event in events if not str(event.get("Source", "")).startswith("aws.")]
        if len(own) == len(events) or len(events) > 10:
            return list(put(self, events))
        entries = iter(put(self, own))
        return [next(entries) if event in own else dict(refused) for event in events]

    module.EventsBackend.put_events = put_events


def _replace_put_rule(module: Any) -> None:
    put = module.EventsBackend.put_rule

    def put_rule(self: Any, name: str, *args: Any, **options: Any) -> Any:
        if options.get("event_pattern"):
            _compiled_or_refused(module, options["event_pattern"])
        return put(self, name, *args, **options)

    module.EventsBackend.put_rule = put_rule


def _unserved(arn: str) -> str:
    """Return why a target is refused: nothing here serves it, and its events would be lost. Empty for one that is served.

    DIFFERS: PutTargets refuses targets other than functions, queues, topics, streams, log groups, event buses and state machines.
    """
    service = arn.split(":")[2] if arn.count(":") > 1 else ""
    if service in _SERVED:
        return ""
    return (
        f"This sandbox does not emulate {service or arn} as a target of rules. Send the event to a function, a queue, a topic, "
        "a stream, a log group, an event bus or a state machine."
    )


def _replace_put_targets(module: Any) -> None:
    put = module.EventsBackend.put_targets

    def put_targets(self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            problem = (
                input_transformer.problem(target)
                or eventbridge_event.problem(target)
                or _unserved(target["Arn"])
            )
            if problem:
                raise module.ValidationException(problem)
        try:
            present = {target["Id"] for target in self.describe_rule(name, event_bus_arn).targets}
        except module.ResourceNotFoundException:
            present = set()  # moto's own sentence follows
        if eventbridge_event.too_many(present | {target["Id"] for target in targets}):
            raise module.JsonRESTError(
                "LimitExceededException", "The requested resource exceeds the maximum number allowed."
            )
        put(self, name, event_bus_arn, targets)

    module.EventsBackend.put_targets = put_targets
