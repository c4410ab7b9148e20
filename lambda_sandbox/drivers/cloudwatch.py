"""CloudWatch's metrics and alarms, answered by the sandbox itself: moto has neither percentiles, nor math, nor alarms that fire.

What is neither a metric nor an alarm (dashboards, insight rules) stays moto's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.aws_json import JsonService, error_answer
from lambda_sandbox.telemetry.alarms import Alarms, StateChange
from lambda_sandbox.telemetry.alarms_api import AlarmsApi
from lambda_sandbox.telemetry.metrics import Metrics
from lambda_sandbox.telemetry.metrics_api import MetricsApi
from lambda_sandbox.telemetry.metrics_errors import MonitoringError, refused
from lambda_sandbox.telemetry.metrics_lambda import LambdaMetrics
from lambda_sandbox.telemetry.metrics_logs import LogMetrics
from lambda_sandbox.telemetry.metrics_mappings import MappingMetrics

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
_JSON = b"application/x-amz-json-1.0"
_OWN_TAGS = ("TagResource", "UntagResource", "ListTagsForResource")
_CHANGING = frozenset(
    {
        "PutMetricAlarm",
        "PutCompositeAlarm",
        "DeleteAlarms",
        "SetAlarmState",
        "EnableAlarmActions",
        "DisableAlarmActions",
        "TagResource",
        "UntagResource",
    }
)
_OPERATION = re.compile(rb"GraniteServiceVersion20100801\.(\w+)")
_OTHER_PROTOCOL = (
    "CloudWatch's metrics and alarms speak the JSON protocol here: use a version of your SDK from 2025-08 or later, "
    "which has it."
)


class CloudWatch:
    """``clock`` is the one that retries and ages run by: metrics and alarms go with it. ``notify`` sends out changes of state."""

    def __init__(self, clock: WaitingClock) -> None:
        self._clock = clock
        self.metrics = Metrics(clock)
        self.of_lambda = LambdaMetrics(self.metrics, clock)
        self.of_mappings = MappingMetrics(self.metrics, clock)
        self.in_logs = LogMetrics(self.metrics, clock)
        self.alarms = Alarms(self.metrics)
        self.notify: Callable[[list[StateChange]], None] = lambda changes: None
        self.on_alarm: Callable[[], None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None  # of an alarm, its state or its tags
        reading = MetricsApi(self.metrics, clock, self.flush)
        watching = AlarmsApi(self.alarms, self.metrics, clock, lambda changes: self.notify(changes))
        self._operations = reading.operations | watching.operations
        # The hot path finds these without a step in between.
        self.record = self.of_lambda.record
        self.output = self.in_logs.output

    def flush(self) -> None:
        """Bring in what has happened and was not added up yet."""
        self.of_lambda.flush()
        self.in_logs.flush()

    def tick(self) -> None:
        """Look at the alarms that are due, and tell what changed."""
        due = self.alarms.next_due()
        if due is not None and due <= self._clock.now():
            self.flush()
            changes = self.alarms.tick(self._clock.now())
            if changes:
                self.on_change()
                self.notify(changes)

    def answer(
        self, target: bytes, headers: Mapping[bytes, bytes], body: bytes, account_id: str, region: str
    ) -> Answer | None:
        """Answer a request to CloudWatch; ``None``: it is not about metrics and alarms. ``headers`` are lower case."""
        found = _OPERATION.fullmatch(headers.get(b"x-amz-target", b""))
        if found is None:
            return _other_protocol(target, body)
        operation = found[1].decode()
        call = self._operations.get(operation)
        if call is None or (operation in _OWN_TAGS and b":alarm:" not in body):
            return None
        try:
            params = JsonService.load("cloudwatch").parse(
                operation, body, headers.get(b"content-encoding", b"")
            )
            result = call(params, account_id, region)
        except MonitoringError as error:
            return error_answer(error, _JSON)
        if operation.startswith("Put"):
            self.on_alarm()
        if operation in _CHANGING:
            self.on_change()
        return 200, [(b"Content-Type", _JSON)], json.dumps(result).encode()

    def forget_stream(self, stream: str) -> None:
        self.in_logs.forget_stream(stream)

    def clear(self) -> None:
        self.of_lambda.clear()
        self.in_logs.clear()
        self.metrics.clear()
        self.alarms.clear()


def _other_protocol(target: bytes, body: bytes) -> Answer | None:
    """Refuse older clients' calls on metrics and alarms in words; moto would answer from a store that nothing is in."""
    about = re.search(rb"(?:operation/|Action=)(\w*(?:Metric|Alarm)\w*)", target + b" " + body[:10_000])
    return error_answer(refused(_OTHER_PROTOCOL), _JSON) if about else None
