"""CloudWatch's operations on alarms. Parameters and answers are in AWS's casing, times as seconds since the epoch.

Source: Amazon CloudWatch API Reference, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from lambda_sandbox.clock import Clock
from lambda_sandbox.telemetry import alarms_rule
from lambda_sandbox.telemetry.alarms import Alarm, Alarms, StateChange
from lambda_sandbox.telemetry.alarms_decision import COMPARISONS, TREATMENTS, AlarmState
from lambda_sandbox.telemetry.metrics import Metrics, sorted_dimensions
from lambda_sandbox.telemetry.metrics_api import Params, QueryReader
from lambda_sandbox.telemetry.metrics_errors import MonitoringError, refused

# Options of AWS's that nothing here would act on.
_REFUSED = (
    "ThresholdMetricId",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
    "ActionsSuppressor",
)
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_TOLD = (":sns:", ":lambda:")
_DESCRIBED = 100
_LONGEST_S = 7 * 86_400


class AlarmsApi:
    """``notify`` is called for every change of state that a request brings about."""

    def __init__(
        self, alarms: Alarms, metrics: Metrics, clock: Clock, notify: Callable[[list[StateChange]], None]
    ) -> None:
        self._alarms = alarms
        self._metrics = metrics
        self._clock = clock
        self._notify = notify
        self.operations: dict[str, Callable[[Params, str, str], Params]] = {
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self.put_composite_alarm,
            "DescribeAlarms": self.describe_alarms,
            "DescribeAlarmsForMetric": self.describe_alarms_for_metric,
            "DescribeAlarmHistory": self.describe_alarm_history,
            "DeleteAlarms": self.delete_alarms,
            "SetAlarmState": self.set_alarm_state,
            "EnableAlarmActions": partial(self._switch_actions, True),
            "DisableAlarmActions": partial(self._switch_actions, False),
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    def put_metric_alarm(self, params: Params, account_id: str, region: str) -> Params:
        _check_options(params)
        for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold"):
            if name not in params:
                raise refused(f"PutMetricAlarm needs {name}.")
        if params["ComparisonOperator"] not in COMPARISONS:
            raise refused(
                f"{params['ComparisonOperator']} compares with a band of anomaly detection, which is not emulated."
            )
        _check_points(params)
        _check_watched(params)
        alarm = self._new(params, account_id, region)
        if alarm.period_s * params["EvaluationPeriods"] > _LONGEST_S:
            raise refused(
                "Metrics cannot be checked across more than seven days (EvaluationPeriods * Period)."
            )
        QueryReader(self._metrics, account_id, region).read(
            alarm.queries, 0, 60
        )  # refuses what it cannot read
        self._alarms.put(alarm)
        return {}

    def put_composite_alarm(self, params: Params, account_id: str, region: str) -> Params:
        _check_options(params)
        for name in alarms_rule.parse(params["AlarmRule"]).names:
            if (account_id, region, name) not in self._alarms.by_name:
                raise refused(
                    f"Could not save the composite alarm as alarm {name} of its rule does not exist."
                )
        self._alarms.put(self._new(params, account_id, region))
        return {}

    def describe_alarms(self, params: Params, account_id: str, region: str) -> Params:
        for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if name in params:
                raise refused(f"{name} is not emulated: read AlarmRule of the composite alarm.")
        types = params.get("AlarmTypes") or ["MetricAlarm"]
        found = [
            alarm
            for alarm in sorted(self._alarms.of(account_id, region), key=lambda alarm: alarm.name)
            if ("CompositeAlarm" if alarm.composite else "MetricAlarm") in types and _described(alarm, params)
        ]
        start, size = _page(params), params.get("MaxRecords", _DESCRIBED)
        page = found[start : start + size]
        answer: Params = {
            "MetricAlarms": [_shown(alarm) for alarm in page if not alarm.composite],
            "CompositeAlarms": [_shown(alarm) for alarm in page if alarm.composite],
        }
        if start + size < len(found):
            answer["NextToken"] = str(start + size)
        return answer

    def describe_alarms_for_metric(self, params: Params, account_id: str, region: str) -> Params:
        wanted = {name: value for name, value in params.items() if name != "Dimensions"}
        dimensions = sorted_dimensions(
            (each["Name"], each["Value"]) for each in params.get("Dimensions") or ()
        )
        found = []
        for alarm in self._alarms.of(account_id, region):
            definition = alarm.definition
            own = sorted_dimensions(
                (each["Name"], each["Value"]) for each in definition.get("Dimensions") or ()
            )
            if own == dimensions and all(definition.get(name) == value for name, value in wanted.items()):
                found.append(_shown(alarm))
        return {"MetricAlarms": found}

    def describe_alarm_history(self, params: Params, account_id: str, region: str) -> Params:
        if "AlarmContributorId" in params:
            raise refused("AlarmContributorId is not emulated.")
        types = params.get("AlarmTypes") or ["MetricAlarm"]
        items = [
            item
            for alarm in self._alarms.of(account_id, region)
            if params.get("AlarmName", alarm.name) == alarm.name
            for item in alarm.history
            if item["AlarmType"] in types and _in_history(item, params)
        ]
        descending = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        items.sort(key=lambda item: item["Timestamp"], reverse=descending)
        start, size = _page(params), params.get("MaxRecords", _DESCRIBED)
        answer: Params = {"AlarmHistoryItems": items[start : start + size]}
        if start + size < len(items):
            answer["NextToken"] = str(start + size)
        return answer

    def delete_alarms(self, params: Params, account_id: str, region: str) -> Params:
        keys = [(account_id, region, name) for name in params["AlarmNames"]]
        missing = [key[2] for key in keys if key not in self._alarms.by_name]
        if missing:
            raise MonitoringError("ResourceNotFound", f"There is no alarm {', '.join(missing)}.")
        for key in keys:
            self._alarms.by_name.pop(key, None)
        return {}

    def set_alarm_state(self, params: Params, account_id: str, region: str) -> Params:
        alarm = self._alarms.by_name.get((account_id, region, params["AlarmName"]))
        if alarm is None:
            raise MonitoringError("ResourceNotFound", f"There is no alarm {params['AlarmName']}.")
        data = params.get("StateReasonData", "")
        try:
            json.loads(data or "{}")
        except ValueError:
            raise MonitoringError("InvalidFormatFault", "StateReasonData is not JSON.") from None
        state = AlarmState(params["StateValue"])
        now = self._clock.now()
        self._notify(self._alarms.set_state(alarm, state, params["StateReason"], data, now))
        return {}

    def tag_resource(self, params: Params, account_id: str, region: str) -> Params:
        tags = {each["Key"]: each["Value"] for each in params["Tags"]}
        self._by_arn(params["ResourceARN"], account_id, region).tags.update(tags)
        return {}

    def untag_resource(self, params: Params, account_id: str, region: str) -> Params:
        alarm = self._by_arn(params["ResourceARN"], account_id, region)
        for key in params["TagKeys"]:
            alarm.tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, params: Params, account_id: str, region: str) -> Params:
        alarm = self._by_arn(params["ResourceARN"], account_id, region)
        return {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}

    # --- parts ---------------------------------------------------------------------------------------

    def _new(self, params: Params, account_id: str, region: str) -> Alarm:
        definition = {name: value for name, value in params.items() if name != "Tags"}
        now = self._clock.now()
        tags = {each["Key"]: each["Value"] for each in params.get("Tags") or ()}
        return Alarm(account_id, region, definition, now, state_at=now, changed_at=now, tags=tags)

    def _switch_actions(self, on: bool, params: Params, account_id: str, region: str) -> Params:
        for name in params["AlarmNames"]:  # AWS: names that are no alarm's are passed over
            alarm = self._alarms.by_name.get((account_id, region, name))
            if alarm is not None:
                alarm.definition["ActionsEnabled"] = on
        return {}

    def _by_arn(self, arn: str, account_id: str, region: str) -> Alarm:
        name = arn.partition(":alarm:")[2]
        alarm = self._alarms.by_name.get((account_id, region, name))
        if alarm is None or alarm.arn != arn:
            raise MonitoringError(
                "ResourceNotFoundException", f"There is no alarm {arn}; only alarms have tags here."
            )
        return alarm


def _check_options(params: Params) -> None:
    for name in _REFUSED:
        if name in params:
            raise refused(f"{name} is not emulated: leave it out.")
    if params.get("EvaluateLowSampleCountPercentile") == "ignore":
        raise refused(
            "EvaluateLowSampleCountPercentile=ignore is not emulated: leave it out, or give evaluate."
        )
    for kind in _ACTIONS:
        for arn in params.get(kind) or ():
            if not any(told in arn for told in _TOLD):
                raise refused(f"{arn} is no action that is emulated: use an SNS topic or a Lambda function.")


def _check_points(params: Params) -> None:
    of = params["EvaluationPeriods"]
    if params.get("DatapointsToAlarm", of) > of:
        raise refused("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    treatment = params.get("TreatMissingData", "missing")
    if treatment not in TREATMENTS:
        raise refused(f"TreatMissingData is one of {', '.join(TREATMENTS)}, not {treatment}.")


def _check_watched(params: Params) -> None:
    """One metric, or queries of which exactly one is compared."""
    if "Metrics" in params:
        if "MetricName" in params:
            raise refused("Give either MetricName or Metrics, not both.")
        if sum(query.get("ReturnData", True) for query in params["Metrics"]) != 1:
            raise refused("Exactly one of Metrics has ReturnData true: the one that is compared.")
        return
    for name in ("MetricName", "Namespace", "Period"):
        if name not in params:
            raise refused(f"PutMetricAlarm needs {name}, or Metrics.")
    if ("Statistic" in params) == ("ExtendedStatistic" in params):
        raise refused("Give either Statistic or ExtendedStatistic.")


def _described(alarm: Alarm, params: Params) -> bool:
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix", "")
    if names and alarm.name not in names:
        return False
    if params.get("StateValue", alarm.state) != alarm.state or not alarm.name.startswith(prefix):
        return False
    wanted = params.get("ActionPrefix", "")
    actions = [arn for kind in _ACTIONS for arn in alarm.definition.get(kind) or ()]
    return not wanted or any(arn.startswith(wanted) for arn in actions)


def _shown(alarm: Alarm) -> Params:
    shown = dict(alarm.definition)
    shown.setdefault("ActionsEnabled", True)
    for kind in _ACTIONS:
        shown.setdefault(kind, [])
    if not alarm.composite:
        shown.setdefault("Dimensions", [])
    return shown | {
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured_at,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateReasonData": alarm.reason_data or None,
        "StateUpdatedTimestamp": alarm.state_at,
        "StateTransitionedTimestamp": alarm.changed_at,
    }


def _in_history(item: Params, params: Params) -> bool:
    if params.get("HistoryItemType", item["HistoryItemType"]) != item["HistoryItemType"]:
        return False
    start, end = params.get("StartDate", 0.0), params.get("EndDate", float("inf"))
    return bool(start <= item["Timestamp"] <= end)


def _page(params: Params) -> int:
    token = params.get("NextToken", "0")
    if not token.isdecimal():
        raise MonitoringError("InvalidNextToken", "The next token specified is invalid.")
    return int(token)
