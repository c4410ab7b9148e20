"""CloudWatch alarms: what they watch, the state they are in, and what changes it.

Whoever owns the clock calls ``tick`` at ``next_due``; nothing here waits. Times are seconds since the epoch on the sandbox's
clock.

POLICY: a CloudWatch alarm is evaluated at every whole minute (every ten seconds where its period is shorter than a minute), over
periods that end there.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.telemetry import alarms_rule
from lambda_sandbox.telemetry.alarms_decision import COMPARISONS, MORE_POINTS, AlarmState, decide
from lambda_sandbox.telemetry.metrics import Metrics
from lambda_sandbox.telemetry.metrics_api import QueryReader

_HISTORY = 500
_EVERY_S, _FINE_EVERY_S = 60, 10
_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_CAUGHT_UP = 60  # a clock that jumped further is not followed minute by minute

Definition = dict[str, Any]


@dataclass(slots=True, eq=False)
class Alarm:
    """``definition`` is the request that made it, in AWS's casing."""

    account_id: str
    region: str
    definition: Definition
    configured_at: float
    state: AlarmState = AlarmState.INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    state_at: float = 0.0
    changed_at: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    history: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    @property
    def name(self) -> str:
        return str(self.definition["AlarmName"])

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch:{self.region}:{self.account_id}:alarm:{self.name}"

    @property
    def composite(self) -> bool:
        return "AlarmRule" in self.definition

    @property
    def queries(self) -> list[dict[str, Any]]:
        """What it watches, as the queries of ``GetMetricData``; the one whose data it compares comes with ``ReturnData``."""
        definition = self.definition
        if "Metrics" in definition:
            return list(definition["Metrics"])
        metric = {name: definition[name] for name in ("Namespace", "MetricName")}
        metric["Dimensions"] = definition.get("Dimensions") or []
        statistic = definition.get("Statistic") or definition["ExtendedStatistic"]
        stat = {"Metric": metric, "Period": definition["Period"], "Stat": statistic}
        if "Unit" in definition:
            stat["Unit"] = definition["Unit"]
        return [{"Id": "m1", "MetricStat": stat}]

    @property
    def period_s(self) -> int:
        periods = [query["MetricStat"]["Period"] for query in self.queries if "MetricStat" in query]
        periods += [query["Period"] for query in self.queries if "Period" in query]
        return int(max(periods, default=60))

    @property
    def every_s(self) -> int:
        return _FINE_EVERY_S if not self.composite and self.period_s < 60 else _EVERY_S


@dataclass(frozen=True, slots=True)
class StateChange:
    """An alarm went from one state to another; ``actions`` are the ARNs that are told.

    ``old_reason`` and ``old_reason_data`` are those of the state before, which began at ``old_at``.
    """

    alarm: Alarm
    old: AlarmState
    new: AlarmState
    reason: str
    at: float
    actions: tuple[str, ...]
    old_reason: str
    old_reason_data: str
    old_at: float


class Alarms:
    """All alarms of the sandbox, by account, Region and name."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.by_name: dict[tuple[str, str, str], Alarm] = {}
        self._looked_at = 0.0

    def of(self, account_id: str, region: str) -> Iterator[Alarm]:
        for (owner, place, _), alarm in self.by_name.items():
            if (owner, place) == (account_id, region):
                yield alarm

    def put(self, alarm: Alarm) -> None:
        """Keep an alarm; one of the same name keeps its state and history, as on AWS."""
        key = alarm.account_id, alarm.region, alarm.name
        before = self.by_name.get(key)
        if before is not None:
            alarm.state, alarm.reason, alarm.reason_data = before.state, before.reason, before.reason_data
            alarm.state_at, alarm.changed_at = before.state_at, before.changed_at
            alarm.history, alarm.tags = before.history, before.tags
        if not self.by_name:
            self._looked_at = alarm.configured_at
        self.by_name[key] = alarm
        what = "updated" if before is not None else "created"
        _remember(alarm, alarm.configured_at, "ConfigurationUpdate", f'Alarm "{alarm.name}" {what}', {})

    def restore(self, alarms: Iterable[Alarm], now: float) -> None:
        """Take up alarms as they were kept; what was due while nobody looked is not made up for."""
        self.by_name.update({(each.account_id, each.region, each.name): each for each in alarms})
        self._looked_at = now

    def next_due(self) -> float | None:
        """Return when an alarm is to be looked at, ``None`` without any."""
        if not self.by_name:
            return None
        step = min(alarm.every_s for alarm in self.by_name.values())
        return (self._looked_at // step + 1) * step

    def tick(self, now: float) -> list[StateChange]:
        """Look at every alarm that is due up to ``now`` and return what changed, in order."""
        changes: list[StateChange] = []
        behind = now - _CAUGHT_UP * _EVERY_S
        self._looked_at = max(self._looked_at, behind)
        while (due := self.next_due()) is not None and due <= now:
            self._looked_at = due
            changes += self._look(due)
        return changes

    def set_state(
        self, alarm: Alarm, state: AlarmState, reason: str, reason_data: str, at: float
    ) -> list[StateChange]:
        """Put an alarm into a state, and the composites that look at it into theirs; no change, no action."""
        change = _change(alarm, state, reason, reason_data, at)
        return [*([change] if change is not None else []), *self._composites(at)]

    def clear(self) -> None:
        self.by_name.clear()

    # --- parts ---------------------------------------------------------------------------------------

    def _look(self, at: float) -> list[StateChange]:
        changes = []
        for alarm in list(self.by_name.values()):
            if not alarm.composite and at % alarm.every_s == 0:
                change = self._evaluate(alarm, at)
                if change is not None:
                    changes.append(change)
        return changes + self._composites(at)

    def _evaluate(self, alarm: Alarm, at: float) -> StateChange | None:
        definition, period_s = alarm.definition, alarm.period_s
        of: int = definition["EvaluationPeriods"]
        needed = int(definition.get("DatapointsToAlarm") or of)
        start = at - (of + MORE_POINTS) * period_s
        points = self._points(alarm, start, at)
        compare, threshold = COMPARISONS[definition["ComparisonOperator"]], definition["Threshold"]
        values = [points.get(int(start) + number * period_s) for number in range(of + MORE_POINTS)]
        breaching = [None if value is None else compare(value, threshold) for value in values]
        state = decide(breaching, needed, of, definition.get("TreatMissingData") or "missing")
        if state is None:
            return None
        recent = {time: value for time, value in sorted(points.items()) if value is not None}
        reason, data = _reason(alarm, state, recent, breaching, at)
        return _change(alarm, state, reason, data, at)

    def _points(self, alarm: Alarm, start: float, end: float) -> dict[int, float]:
        queries = alarm.queries
        series = QueryReader(self._metrics, alarm.account_id, alarm.region, window=True).read(
            queries, start, end
        )
        watched = next(query for query in queries if query.get("ReturnData", True))
        return series[watched["Id"]]

    def _composites(self, at: float) -> list[StateChange]:
        """Composites may look at composites: once round for each is enough for any chain."""
        changes: list[StateChange] = []
        composites = [alarm for alarm in self.by_name.values() if alarm.composite]
        for _ in composites:
            before = len(changes)
            for alarm in composites:
                change = self._compose(alarm, at)
                if change is not None:
                    changes.append(change)
            if len(changes) == before:
                break
        return changes

    def _compose(self, alarm: Alarm, at: float) -> StateChange | None:
        rule = alarms_rule.parse(alarm.definition["AlarmRule"])

        def state_of(name: str) -> AlarmState | None:
            other = self.by_name.get((alarm.account_id, alarm.region, name))
            return other.state if other is not None else None

        state = AlarmState.ALARM if rule.holds(state_of) else AlarmState.OK
        states = ", ".join(f"{name} is {state_of(name) or 'not there'}" for name in rule.names)
        return _change(alarm, state, f"The rule gives {state}: {states or 'it names no alarm'}", "", at)


def _change(alarm: Alarm, state: AlarmState, reason: str, data: str, at: float) -> StateChange | None:
    old = alarm.state
    if state is old:
        return None
    before = alarm.reason, alarm.reason_data, alarm.changed_at
    alarm.state, alarm.reason, alarm.reason_data = state, reason, data
    alarm.state_at = alarm.changed_at = at
    summary = f"Alarm updated from {old} to {state}"
    told = {"oldState": {"stateValue": old}, "newState": {"stateValue": state, "stateReason": reason}}
    _remember(alarm, at, "StateUpdate", summary, told)
    return StateChange(alarm, old, state, reason, at, _actions(alarm, state), *before)


def _actions(alarm: Alarm, state: AlarmState) -> tuple[str, ...]:
    if not alarm.definition.get("ActionsEnabled", True):
        return ()
    kinds = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
    return tuple(alarm.definition.get(kinds[state]) or ())


def _remember(alarm: Alarm, at: float, kind: str, summary: str, told: dict[str, Any]) -> None:
    alarm.history.append(
        {
            "AlarmName": alarm.name,
            "AlarmType": "CompositeAlarm" if alarm.composite else "MetricAlarm",
            "Timestamp": at,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps({"version": "1.0", **told}),
        }
    )


def remember_action(alarm: Alarm, at: float, summary: str) -> None:
    """Write into the alarm's history what became of an action."""
    _remember(alarm, at, "Action", summary, {})


def _reason(
    alarm: Alarm, state: AlarmState, points: dict[int, float], breaching: list[bool | None], at: float
) -> tuple[str, str]:
    """Return the sentence and the JSON that say why."""
    definition = alarm.definition
    of = definition["EvaluationPeriods"]
    data = {
        "version": "1.0",
        "queryDate": _iso(at),
        "statistic": definition.get("Statistic") or definition.get("ExtendedStatistic"),
        "period": alarm.period_s,
        "recentDatapoints": list(points.values())[-of:],
        "threshold": definition["Threshold"],
    }
    if not points:
        return f"No datapoints were received for {of} periods and {of} missing datapoints were treated as [{_treated(alarm)}].", json.dumps(data)  # fmt: skip
    recent = ", ".join(f"{value} ({_day(time)})" for time, value in list(points.items())[-of:][::-1])
    broken = sum(point is True for point in breaching)
    sense = "was" if state is AlarmState.ALARM else "was not"
    count = broken if state is AlarmState.ALARM else len(points)
    plural = "datapoint" if count == 1 else "datapoints"
    words = _WORDS[definition["ComparisonOperator"]]
    text = f"Threshold Crossed: {count} out of the last {of} {plural} [{recent}] {sense} {words} the threshold ({definition['Threshold']})."
    return text, json.dumps(data)


def _treated(alarm: Alarm) -> str:
    return {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(
        alarm.definition.get("TreatMissingData") or "missing", "Missing"
    )


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%d/%m/%y %H:%M:%S}"


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
