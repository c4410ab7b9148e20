"""What event source mappings report to CloudWatch, in the namespace ``AWS/Lambda``.

DIFFERS: of the metrics of event source mappings these are not reported: ``CommittedEventCount`` and ``CommitErrorCount`` (the sandbox
commits no offsets to a broker), ``SchemaRegistryErrorCount`` (no schema registry is asked), ``ProvisionedPollers``,
``EventPollerUnit`` and ``EventPollerThroughputInBytes`` (pollers have no such units here).

Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.resources import EventSourceMapping
from lambda_sandbox.telemetry.metrics import MetricName, Metrics

NAMESPACE = "AWS/Lambda"
_EVENTS, _ERRORS, _KAFKA = "EventCount", "ErrorCount", "KafkaMetrics"
# Which group of a mapping's MetricsConfig asks for which metric.
_GROUPS = {
    "PolledEventCount": _EVENTS,
    "FilteredOutEventCount": _EVENTS,
    "InvokedEventCount": _EVENTS,
    "FailedInvokeEventCount": _EVENTS,
    "DroppedEventCount": _EVENTS,
    "OnFailureDestinationDeliveredEventCount": _EVENTS,
    "DeletedEventCount": _EVENTS,
    "PollingErrorCount": _ERRORS,
    "InvokeErrorCount": _ERRORS,
    "OnFailureDestinationDeliveryErrorCount": _ERRORS,
    "MaxOffsetLag": _KAFKA,
    "SumOffsetLag": _KAFKA,
}


class MappingMetrics:
    """Reports to ``metrics``. ``now`` is on the wall's clock."""

    def __init__(self, metrics: Metrics, clock: WaitingClock) -> None:
        self._metrics = metrics
        self._clock = clock

    def count(self, mapping: EventSourceMapping, metric: str, number: int, now: float) -> None:
        """Add to a metric under the mapping's own id, if its ``MetricsConfig`` asks for that."""
        if _GROUPS.get(metric) in mapping.metrics:
            _, _, _, region, account_id, *_ = mapping.function_arn.split(":")
            dimensions = (("EventSourceMappingUUID", mapping.uuid),)
            name = MetricName(account_id, region, NAMESPACE, metric, dimensions)
            self._metrics.distribution(name, self._clock.of(now), "Count").add(float(number))

    def offset_lag(self, mapping: EventSourceMapping, lags: Sequence[int], now: float) -> None:
        """Report by how many records a topic is ahead of its mapping; ``lags`` has one number for each partition.

        UNCONFIRMED: that ``OffsetLag`` "at the topic level" adds the partitions up, and that its unit is Count.
        """
        _, _, _, region, account_id, _, function_name, *_ = mapping.function_arn.split(":")
        for dimensions in ((), (("FunctionName", function_name),)):
            name = MetricName(account_id, region, NAMESPACE, "OffsetLag", dimensions)
            self._metrics.distribution(name, self._clock.of(now), "Count").add(float(sum(lags)))
        self.count(mapping, "MaxOffsetLag", max(lags), now)
        self.count(mapping, "SumOffsetLag", sum(lags), now)
