"""The events of topics and schedules have the fields of the published shapes; what Scheduler sends instead is its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lambda_sandbox
from lambda_sandbox.triggers import scheduler_event, sns_event
from lambda_sandbox.triggers.schedules import Schedule
from lambda_sandbox.triggers.sns_filter import FilterPolicy

SHAPES = Path(lambda_sandbox.__file__).parent / "event_shapes"
MESSAGE = sns_event.Message("arn:t", "arn:t:s", "m", "text", "2026-11-21T12:00:00.000Z", "subject")
DUE = 1_795_262_400.0
RULE = Schedule(
    "arn:rule", "rule", "r", "000000000000", "us-east-1", "rate(1 hour)", ({"Arn": "arn:f"},), DUE
)
TIMED = Schedule(
    "arn:schedule", "schedule", "s", "000000000000", "us-east-1", "rate(1 hour)", ({"Arn": "arn:f", "RoleArn": "arn:r"},), DUE
)  # fmt: skip


def published(name: str) -> Any:
    return json.loads((SHAPES / f"{name}.json").read_text("utf-8"))


def test_a_message_has_the_published_fields() -> None:
    (record,), (sample,) = sns_event.event(MESSAGE)["Records"], published("sns")["Records"]
    assert record.keys() == sample.keys()
    assert record["Sns"].keys() == sample["Sns"].keys()


def test_a_scheduled_event_has_the_published_fields() -> None:
    (delivery,) = scheduler_event.deliveries(RULE, DUE, "id")
    event = json.loads(delivery.payload)
    assert event.keys() == published("eventbridge-schedule").keys()
    assert (event["time"], event["id"], event["detail"]) == ("2026-11-21T12:00:00Z", "id", {})
    assert (delivery.principal, delivery.source_arn) == ("events.amazonaws.com", "arn:rule")


def test_scheduler_uses_its_role_and_says_what_was_due() -> None:
    (delivery,) = scheduler_event.deliveries(TIMED, DUE, "id")
    assert (delivery.principal, delivery.role_arn) == ("scheduler.amazonaws.com", "arn:r")
    assert json.loads(delivery.payload)["detail"] == "{}"
    assert delivery.dead_letter_attributes["SCHEDULED_TIME"] == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("policy", "attribute", "expected"),
    [
        ({"k": [7]}, {"Type": "Number", "Value": "7.0"}, True),
        ({"k": ["7"]}, {"Type": "Number", "Value": "7"}, False),
        ({"k": [True]}, {"Type": "String.Array", "Value": "[true, null]"}, True),
        ({"k": ["a"]}, {"Type": "Binary", "Value": "a"}, False),
        ({"k": [{"anything-but": ["a"]}]}, {"Type": "String.Array", "Value": '["a", "b"]'}, True),
        ({"k": ["a"]}, {"Type": "String.Array", "Value": "no JSON"}, False),
        ({}, {"Type": "String", "Value": "a"}, True),
    ],
    ids=str,
)
def test_attributes_are_compared_by_their_type(
    policy: dict[str, Any], attribute: dict[str, str], expected: bool
) -> None:
    assert FilterPolicy(policy).matches({"k": attribute}, "") is expected


def test_the_product_of_values_and_depths_is_bounded() -> None:
    deep = {"a": {"b": {"c": ["1", "2", "3", "4"]}}, "d": {"e": ["1", "2", "3"]}}
    FilterPolicy(deep, "MessageBody")  # 4 values of depth 3, 3 of depth 2: 72
    with pytest.raises(ValueError, match="too complex"):
        FilterPolicy({**deep, "f": ["1", "2", "3"]}, "MessageBody")
