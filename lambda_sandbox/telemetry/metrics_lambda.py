"""What Lambda itself reports to CloudWatch, in the namespace ``AWS/Lambda``.

An invocation costs its caller one ``append``; what was appended is added up when somebody reads, or by the hundred.
What event source mappings report is in ``metrics_mappings``.

DIFFERS: of Lambda's metrics ``SignatureValidationErrors``, ``OversizedRecordCount`` and those of Managed Instances are not reported;
``PostRuntimeExtensionsDuration`` is, for functions that have extensions (AWS does not say whether others report zeros).

Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions", read 2026-11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.invocation.concurrency import FunctionShare
from lambda_sandbox.invocation.messages import (
    EVENT,
    SUCCESS,
    THROTTLE,
    EventFinished,
    Invocation,
    InvocationRecord,
)
from lambda_sandbox.invocation.version_keys import keys_of
from lambda_sandbox.resources import LATEST, FunctionConfiguration
from lambda_sandbox.telemetry.metrics import Dimensions, MetricName, Metrics

NAMESPACE = "AWS/Lambda"
_PENDING = 512
_RECURSION = "RecursiveInvocationException"
_TIMES = ("Duration", "AsyncEventAge", "PostRuntimeExtensionsDuration")


class _Load(Struct, frozen=True, gc=False):
    """How busy everything was while one invocation still counted."""

    function: int
    account: int
    unreserved: int
    claimed: int
    provisioned: int
    promised: int
    on_provisioned: bool


class _Group(Struct):
    """One function's invocations by one name in one minute, which the wall's clock shows from ``since`` to ``until``."""

    function: FunctionConfiguration
    resource: str
    moment: float
    since: float
    until: float
    records: list[InvocationRecord] = []
    loads: list[_Load] = []


class LambdaMetrics:
    """Takes what happens and reports it to ``metrics``. Moments are on the wall's clock."""

    def __init__(self, metrics: Metrics, clock: WaitingClock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._pending: list[tuple[InvocationRecord, _Load | None]] = []

    # --- what happens --------------------------------------------------------------------------------

    def record(self, record: InvocationRecord, share: FunctionShare | None) -> None:
        """Take a finished attempt; ``share`` is where it counted, ``None`` for one that never ran."""
        self._pending.append((record, None if share is None else _load(share, record.on_provisioned)))
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
        groups: dict[tuple[str, str, int], _Group] = {}
        group, invoked = None, ""
        for record, load in pending:
            invocation = record.invocation
            # Mostly it is the last one's again.
            if (
                group is None
                or invocation.function is not group.function
                or invocation.invoked_arn != invoked
                or not group.since <= record.started_at < group.until
            ):
                invoked = invocation.invoked_arn
                group = self._group(groups, record)
            group.records.append(record)
            if load is not None:
                group.loads.append(load)
        for each in groups.values():
            self._report(each)

    def clear(self) -> None:
        self._pending.clear()

    # --- parts ---------------------------------------------------------------------------------------

    def _group(self, groups: dict[tuple[str, str, int], _Group], record: InvocationRecord) -> _Group:
        function, invoked = record.invocation.function, record.invocation.invoked_arn
        moment = self._clock.of(record.started_at)
        minute = int(moment // 60)
        key = keys_of(function).pool, invoked, minute
        found = groups.get(key)
        if found is None:
            since, until = self._clock.wall(minute * 60.0), self._clock.wall(minute * 60.0 + 60.0)
            found = groups[key] = _Group(function, _resource(function, invoked), moment, since, until)
        return found

    def _report(self, group: _Group) -> None:
        durations: list[float] = []
        ages: list[float] = []
        after: list[float] = []
        errors = throttles = recursions = 0
        for record in group.records:
            if record.status is not SUCCESS:
                if record.status is THROTTLE:
                    throttles += 1
                    continue
                if record.error_type == _RECURSION:
                    recursions += 1
                    continue
                errors += 1
            report = record.report
            took_s = record.ended_at - record.started_at
            durations.append(report.duration_ms if report is not None else took_s * 1000.0)
            if record.invocation.invocation_type is EVENT:
                ages.append(self._age_ms(record))
            if record.answered_at:
                after.append(max(0.0, record.ended_at - record.answered_at) * 1000.0)
        counted = [
            (name, Counter(values)) for name, values in zip(_TIMES, (durations, ages, after), strict=True)
        ]
        for dimensions in _dimensions(group.function, group.resource):
            self._report_counts(group, dimensions, len(durations), errors, throttles)
            if recursions:
                self._ones(group, "RecursiveInvocationsDropped", dimensions, recursions, recursions)
            for metric, values in counted:
                self._values(group, metric, dimensions, values, "Milliseconds")
        self._report_loads(group, Counter(group.loads))

    def _report_loads(self, group: _Group, loads: Mapping[_Load, int]) -> None:
        """Most of them are alike: each kind is looked at once."""
        by_name = (("FunctionName", group.function.function_name),)
        for load, times in loads.items():
            self._values(group, "ConcurrentExecutions", by_name, {load.function: times})
            self._values(group, "ConcurrentExecutions", (), {load.account: times})
            self._values(group, "UnreservedConcurrentExecutions", (), {load.unreserved: times})
            self._values(group, "ClaimedAccountConcurrency", (), {load.claimed: times})
            if load.promised:
                self._report_provisioned(group, load, times)

    def _age_ms(self, record: InvocationRecord) -> float:
        """Return how long an event waited before it ran."""
        began, arrived = self._clock.of(record.started_at), self._clock.of(record.invocation.arrived_at)
        return max(0.0, began - arrived) * 1000.0

    def _report_counts(
        self, group: _Group, dimensions: Dimensions, ran: int, errors: int, throttles: int
    ) -> None:
        if ran:
            self._ones(group, "Invocations", dimensions, ran, ran)
            self._ones(group, "Errors", dimensions, errors, ran)
        if ran or throttles:
            self._ones(group, "Throttles", dimensions, throttles, ran + throttles)

    def _report_provisioned(self, group: _Group, load: _Load, times: int) -> None:
        dimensions = (("FunctionName", group.function.function_name), ("Resource", group.resource))
        on_provisioned = times if load.on_provisioned else 0
        self._ones(group, "ProvisionedConcurrencyInvocations", dimensions, on_provisioned, times)
        self._ones(
            group, "ProvisionedConcurrencySpilloverInvocations", dimensions, times - on_provisioned, times
        )
        share = load.provisioned / load.promised
        self._values(group, "ProvisionedConcurrentExecutions", dimensions, {load.provisioned: times})
        self._values(group, "ProvisionedConcurrencyUtilization", dimensions, {share: times})

    def _ones(self, group: _Group, metric: str, dimensions: Dimensions, ones: int, of: int) -> None:
        """Report ``of`` values, ``ones`` of which are 1 and the others 0, as AWS does for errors and throttles."""
        function = group.function
        name = MetricName(function.account_id, function.region, NAMESPACE, metric, dimensions)
        values = self._metrics.distribution(name, group.moment, "Count")
        values.add(1.0, ones)
        values.add(0.0, of - ones)

    def _values(
        self,
        group: _Group,
        metric: str,
        dimensions: Dimensions,
        values: Mapping[float, int],
        unit: str = "Count",
    ) -> None:
        if values:
            function = group.function
            name = MetricName(function.account_id, function.region, NAMESPACE, metric, dimensions)
            self._metrics.distribution(name, group.moment, unit).add_counted(values)

    def _count(self, metric: str, function: FunctionConfiguration, moment: float) -> None:
        self._add_for_function(metric, function.arn, 1.0, "Count", moment)

    def _add_for_function(
        self, metric: str, function_arn: str, value: float, unit: str, moment: float
    ) -> None:
        _, _, _, region, account_id, _, name, *_ = function_arn.split(":")
        for dimensions in ((), (("FunctionName", name),)):
            series = MetricName(account_id, region, NAMESPACE, metric, dimensions)
            self._metrics.distribution(series, self._clock.of(moment), unit).add(value)


def _load(share: FunctionShare, on_provisioned: bool) -> _Load:
    """Return how busy everything is; the invocation itself was let go of a moment ago."""
    account = share.account
    return _Load(
        share.in_use + share.provisioned_in_use + 1,
        account.in_use + 1,
        account.unreserved_in_use + (share.reserved is None and not on_provisioned),
        account.limit - account.unreserved + account.unreserved_in_use,
        share.provisioned_in_use + on_provisioned,
        share.promised,
        on_provisioned,
    )


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
