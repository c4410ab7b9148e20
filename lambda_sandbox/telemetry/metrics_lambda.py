"""What Lambda itself reports to CloudWatch, in the namespace ``AWS/Lambda``.

An invocation costs its caller one ``append``; what was appended is added up when somebody reads, or by the hundred.
What event source mappings report is in ``metrics_mappings``.

DIFFERS: ``PostRuntimeExtensionsDuration`` is reported for functions that have extensions; AWS does not say whether others
report zeros. ``SignatureValidationErrors``, ``OversizedRecordCount`` and the metrics of Managed Instances are not reported.
Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions", read 2026-11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.invocation.concurrency import Concurrency
from lambda_sandbox.invocation.messages import (
    EVENT,
    EventFinished,
    Invocation,
    InvocationRecord,
    Status,
)
from lambda_sandbox.invocation.version_keys import keys_of
from lambda_sandbox.resources import LATEST, FunctionConfiguration
from lambda_sandbox.telemetry.metrics import Dimensions, MetricName, Metrics

NAMESPACE = "AWS/Lambda"
_PENDING = 512
_RECURSION = "RecursiveInvocationException"


@dataclass(slots=True)
class _Sums:
    """What one function's invocations by one name in one minute add up to."""

    function: FunctionConfiguration
    resource: str
    moment: float
    durations_ms: list[float] = field(default_factory=list)
    event_ages_ms: list[float] = field(default_factory=list)
    extensions_ms: list[float] = field(default_factory=list)  # after the handler was done
    concurrent: list[float] = field(default_factory=list)
    provisioned_in_use: list[float] = field(default_factory=list)
    utilization: list[float] = field(default_factory=list)
    account_concurrent: list[float] = field(default_factory=list)
    unreserved_concurrent: list[float] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    errors: int = 0
    throttles: int = 0
    recursions: int = 0
    on_provisioned: int = 0
    spilled: int = 0


class _Load(Struct, frozen=True):
    """How busy everything was while one invocation still counted."""

    function: int
    account: int
    unreserved: int
    claimed: int
    provisioned: int
    promised: int


class LambdaMetrics:
    """Takes what happens and reports it to ``metrics``. Moments are on the wall's clock."""

    def __init__(self, metrics: Metrics, clock: WaitingClock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._pending: list[tuple[InvocationRecord, _Load | None]] = []
        self.concurrency: Concurrency | None = None

    # --- what happens --------------------------------------------------------------------------------

    def record(self, record: InvocationRecord) -> None:
        """Take a finished attempt."""
        self._pending.append((record, self._load(record)))
        if len(self._pending) >= _PENDING:
            self.flush()

    def event_received(self, event: Invocation) -> None:
        self._count("AsyncEventsReceived", event.function, event.arrived_at)

    def event_finished(self, finished: EventFinished, now: float) -> None:
        if finished.condition != "Success":
            self._count("AsyncEventsDropped", finished.invocation.function, now)

    def delivery_failed(self, function_arn: str, dead_letter: bool, now: float) -> None:
        """A record could not be sent to a destination, or an event to a dead-letter queue."""
        name = "DeadLetterErrors" if dead_letter else "DestinationDeliveryFailures"
        self._add_for_function(name, function_arn, 1.0, "Count", now)

    def iterator_age(self, function_arn: str, age_ms: float, now: float) -> None:
        """``age_ms`` is how old the last record of a batch was when the function got it."""
        self._add_for_function("IteratorAge", function_arn, age_ms, "Milliseconds", now)

    def flush(self) -> None:
        """Add up what is pending, so that a reader sees all that has happened."""
        pending, self._pending = self._pending, []
        sums: dict[tuple[str, str, int], _Sums] = {}
        for record, load in pending:
            invocation = record.invocation
            function = invocation.function
            moment = self._clock.of(record.started_at)
            invoked = invocation.invoked_arn
            key = keys_of(function).pool, invoked, int(moment // 60)
            found = sums.get(key)
            if found is None:
                found = sums[key] = _Sums(function, _resource(function, invoked), moment)
            self._take(found, record, load)
        for each in sums.values():
            self._report(each)

    def clear(self) -> None:
        self._pending.clear()

    # --- parts ---------------------------------------------------------------------------------------

    def _load(self, record: InvocationRecord) -> _Load | None:
        """Return how busy everything is; the invocation itself was let go of a moment ago."""
        if self.concurrency is None or record.throttled_by:
            return None
        share = self.concurrency.function(keys_of(record.invocation.function).arn)
        account = share.account
        return _Load(
            share.in_use + share.provisioned_in_use + 1,
            account.in_use + 1,
            account.unreserved_in_use + (share.reserved is None and not record.on_provisioned),
            account.limit - account.unreserved + account.unreserved_in_use,
            share.provisioned_in_use + record.on_provisioned,
            share.promised,
        )

    def _take(self, sums: _Sums, record: InvocationRecord, load: _Load | None) -> None:
        if record.status is Status.THROTTLE:
            sums.throttles += 1
            return
        if record.error_type == _RECURSION:
            sums.recursions += 1
            return
        report = record.report
        took_s = record.ended_at - record.started_at
        sums.durations_ms.append(report.duration_ms if report is not None else took_s * 1000.0)
        sums.errors += record.status is not Status.SUCCESS
        if record.invocation.invocation_type is EVENT:
            arrived = self._clock.of(record.invocation.arrived_at)
            sums.event_ages_ms.append(max(0.0, self._clock.of(record.started_at) - arrived) * 1000.0)
        if record.answered_at:
            sums.extensions_ms.append(max(0.0, record.ended_at - record.answered_at) * 1000.0)
        if load is not None:
            self._take_load(sums, record, load)

    def _take_load(self, sums: _Sums, record: InvocationRecord, load: _Load) -> None:
        sums.concurrent.append(load.function)
        sums.account_concurrent.append(load.account)
        sums.unreserved_concurrent.append(load.unreserved)
        sums.claimed.append(load.claimed)
        if load.promised:
            sums.on_provisioned += record.on_provisioned
            sums.spilled += not record.on_provisioned
            sums.provisioned_in_use.append(load.provisioned)
            sums.utilization.append(load.provisioned / load.promised)

    def _report(self, sums: _Sums) -> None:
        function = sums.function
        durations, ages = Counter(sums.durations_ms), Counter(sums.event_ages_ms)
        after = Counter(sums.extensions_ms)
        for dimensions in _dimensions(function, sums.resource):
            self._report_counts(sums, dimensions)
            self._values(sums, "Duration", dimensions, durations, "Milliseconds")
            self._values(sums, "AsyncEventAge", dimensions, ages, "Milliseconds")
            self._values(sums, "PostRuntimeExtensionsDuration", dimensions, after, "Milliseconds")
        by_name = (("FunctionName", function.function_name),)
        self._values(sums, "ConcurrentExecutions", by_name, Counter(sums.concurrent))
        self._values(sums, "ConcurrentExecutions", (), Counter(sums.account_concurrent))
        self._values(sums, "UnreservedConcurrentExecutions", (), Counter(sums.unreserved_concurrent))
        self._values(sums, "ClaimedAccountConcurrency", (), Counter(sums.claimed))
        if sums.provisioned_in_use:
            self._report_provisioned(sums)

    def _report_counts(self, sums: _Sums, dimensions: Dimensions) -> None:
        ran = len(sums.durations_ms)
        if ran:
            self._ones(sums, "Invocations", dimensions, ran, ran)
            self._ones(sums, "Errors", dimensions, sums.errors, ran)
        if ran or sums.throttles:
            self._ones(sums, "Throttles", dimensions, sums.throttles, ran + sums.throttles)
        if sums.recursions:
            self._ones(sums, "RecursiveInvocationsDropped", dimensions, sums.recursions, sums.recursions)

    def _report_provisioned(self, sums: _Sums) -> None:
        name = sums.function.function_name
        dimensions = (("FunctionName", name), ("Resource", sums.resource))
        ran = sums.on_provisioned + sums.spilled
        self._ones(sums, "ProvisionedConcurrencyInvocations", dimensions, sums.on_provisioned, ran)
        self._ones(sums, "ProvisionedConcurrencySpilloverInvocations", dimensions, sums.spilled, ran)
        self._values(sums, "ProvisionedConcurrentExecutions", dimensions, Counter(sums.provisioned_in_use))
        self._values(sums, "ProvisionedConcurrencyUtilization", dimensions, Counter(sums.utilization))

    def _ones(self, sums: _Sums, metric: str, dimensions: Dimensions, ones: int, of: int) -> None:
        """Report ``of`` values, ``ones`` of which are 1 and the others 0, as AWS does for errors and throttles."""
        function = sums.function
        name = MetricName(function.account_id, function.region, NAMESPACE, metric, dimensions)
        values = self._metrics.distribution(name, sums.moment, "Count")
        values.add(1.0, ones)
        values.add(0.0, of - ones)

    def _values(
        self,
        sums: _Sums,
        metric: str,
        dimensions: Dimensions,
        values: Mapping[float, int],
        unit: str = "Count",
    ) -> None:
        if values:
            function = sums.function
            name = MetricName(function.account_id, function.region, NAMESPACE, metric, dimensions)
            self._metrics.distribution(name, sums.moment, unit).add_counted(values)

    def _count(self, metric: str, function: FunctionConfiguration, moment: float) -> None:
        self._add_for_function(metric, function.arn, 1.0, "Count", moment)

    def _add_for_function(
        self, metric: str, function_arn: str, value: float, unit: str, moment: float
    ) -> None:
        _, _, _, region, account_id, _, name, *_ = function_arn.split(":")
        for dimensions in ((), (("FunctionName", name),)):
            series = MetricName(account_id, region, NAMESPACE, metric, dimensions)
            self._metrics.distribution(series, self._clock.of(moment), unit).add(value)


def _resource(function: FunctionConfiguration, invoked_arn: str) -> str:
    """Return ``name`` or ``name:qualifier``, as the caller named the function."""
    qualifier = invoked_arn.split(":", 7)[7] if invoked_arn.count(":") > 6 else ""
    return f"{function.function_name}:{qualifier}" if qualifier else function.function_name


def _dimensions(function: FunctionConfiguration, resource: str) -> list[Dimensions]:
    name = ("FunctionName", function.function_name)
    found: list[Dimensions] = [(), (name,), (name, ("Resource", resource))]
    qualifier = resource.partition(":")[2]
    if qualifier and qualifier not in (function.version, LATEST):  # an alias: which version ran?
        found.append((("ExecutedVersion", function.version), name, ("Resource", resource)))
    return found
