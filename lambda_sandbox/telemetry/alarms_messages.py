"""What an alarm tells: the message to an SNS topic, the event of a function, the event on a bus. Pure.

Source: Amazon CloudWatch User Guide, "Notifying users on alarm changes" and "Invoke a Lambda function from an alarm"; fact
``ev-cloudwatch-alarm``; read 2026-11.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.telemetry.alarms import Alarm, StateChange

_SUBJECT = 100  # SNS takes no longer one
_REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "eu-west-1": "EU (Ireland)",
    "us-west-2": "US West (Oregon)",
}


def subject(change: StateChange) -> str:
    region = _REGIONS.get(change.alarm.region, change.alarm.region)
    return f'{change.new}: "{change.alarm.name}" in {region}'[:_SUBJECT]


def message(change: StateChange) -> str:
    """Return the JSON text that subscribers of the topic read."""
    alarm = change.alarm
    definition = alarm.definition
    told: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": definition.get("AlarmDescription"),
        "AWSAccountId": alarm.account_id,
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configured_at),
        "NewStateValue": change.new,
        "NewStateReason": change.reason,
        "StateChangeTime": _moment(change.at),
        "Region": _REGIONS.get(alarm.region, alarm.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": change.old,
        **{
            kind: definition.get(kind) or []
            for kind in ("OKActions", "AlarmActions", "InsufficientDataActions")
        },
    }
    if alarm.composite:
        told["AlarmRule"] = definition["AlarmRule"]
    else:
        told["Trigger"] = _trigger(alarm)
    return json.dumps(told)


def function_event(change: StateChange) -> bytes:
    """Return the event of a function that is an alarm's action."""
    alarm = change.alarm
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": alarm.account_id,
        "time": _moment(change.at),
        "region": alarm.region,
        "alarmData": _data(change),
    }
    return json.dumps(event).encode()


def bridge_event(change: StateChange, event_id: str) -> dict[str, Any]:
    """Return the event on EventBridge's default bus.

    Source: Amazon CloudWatch User Guide, "Alarm events and EventBridge", read 2026-11.
    """
    alarm = change.alarm
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": alarm.account_id,
        "time": f"{_moment(change.at)[:19]}Z",
        "region": alarm.region,
        "resources": [alarm.arn],
        "detail": _data(change),
    }


def _data(change: StateChange) -> dict[str, Any]:
    alarm = change.alarm
    configuration: dict[str, Any] = {"description": alarm.definition.get("AlarmDescription", "")}
    if alarm.composite:
        configuration["alarmRule"] = alarm.definition["AlarmRule"]
    else:
        configuration["metrics"] = [_watched(query) for query in alarm.queries]
    return {
        "alarmName": alarm.name,
        "state": _state(change.new, change.reason, alarm.reason_data, change.at),
        "previousState": _state(change.old, change.old_reason, change.old_reason_data, change.old_at),
        "configuration": configuration,
    }


def _state(value: str, reason: str, data: str, since: float) -> dict[str, Any]:
    about = {"reasonData": data} if data else {}
    return {"value": value, "reason": reason, **about, "timestamp": _moment(since)}


def _watched(query: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Expression" in query:
        return made | {"expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = stat["Metric"]
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or ()}
    named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
    return made | {"metricStat": {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}}


def _trigger(alarm: Alarm) -> dict[str, Any]:
    definition = alarm.definition
    made = {
        "Period": alarm.period_s,
        "EvaluationPeriods": definition["EvaluationPeriods"],
        "DatapointsToAlarm": definition.get("DatapointsToAlarm", definition["EvaluationPeriods"]),
        "ComparisonOperator": definition["ComparisonOperator"],
        "Threshold": definition["Threshold"],
        "TreatMissingData": definition.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": definition.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in definition:
        return made | {"Metrics": definition["Metrics"]}
    extended = "ExtendedStatistic" in definition
    statistic = definition.get("ExtendedStatistic") or definition["Statistic"].upper()
    dimensions = [
        {"name": each["Name"], "value": each["Value"]} for each in definition.get("Dimensions") or ()
    ]
    return made | {
        "MetricName": definition["MetricName"],
        "Namespace": definition["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "ExtendedStatistic" if extended else "Statistic": statistic,
        "Unit": definition.get("Unit"),
        "Dimensions": dimensions,
    }


def _moment(time: float) -> str:
    text = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")
