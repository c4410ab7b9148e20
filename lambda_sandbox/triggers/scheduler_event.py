"""What a schedule sends to its targets when it is due.

Source: EventBridge Scheduler User Guide, "Adding context attributes" and "Managing targets", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.triggers import eventbridge_event
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.eventbridge_event import AGE_S, RETRIES, iso
from lambda_sandbox.triggers.input_transformer import Context, target_input
from lambda_sandbox.triggers.schedules import Schedule

PRINCIPAL = "scheduler.amazonaws.com"


def deliveries(schedule: Schedule, due_at: float, event_id: str) -> list[Delivery]:
    """Return what goes to each target of ``schedule`` for the time ``due_at``."""
    if schedule.kind == "rule":
        return [_of_rule(schedule, target, due_at, event_id) for target in schedule.targets]
    return [_of_scheduler(schedule, target, due_at, event_id) for target in schedule.targets]


def _of_rule(schedule: Schedule, target: Mapping[str, Any], due_at: float, event_id: str) -> Delivery:
    event = eventbridge_event.scheduled(schedule.arn, schedule.account_id, schedule.region, event_id, due_at)
    payload = target_input(target, event, Context(schedule.arn, schedule.name, iso(due_at)))
    return eventbridge_event.delivery(target, payload, json.dumps(event), schedule.arn, schedule.account_id)


def _of_scheduler(schedule: Schedule, target: Mapping[str, Any], due_at: float, event_id: str) -> Delivery:
    given = target.get("Input")
    payload = json.dumps(_notification(schedule, due_at, event_id)) if given is None else given
    for name, value in (
        ("schedule-arn", schedule.arn),
        ("scheduled-time", iso(due_at)),
        ("execution-id", event_id),
        # DIFFERS: ``<aws.scheduler.attempt-number>`` in a schedule's input is 1 in every attempt.
        ("attempt-number", "1"),
    ):
        payload = payload.replace(f"<aws.scheduler.{name}>", value)
    retries = target.get("RetryPolicy") or {}
    return Delivery(
        target["Arn"],
        payload,
        PRINCIPAL,
        schedule.arn,
        schedule.account_id,
        role_arn=target["RoleArn"],
        dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
        dead_letter_attributes={
            "SCHEDULE_ARN": schedule.arn,
            "SCHEDULED_TIME": iso(due_at),
            "EXECUTION_ID": event_id,
        },
        maximum_retry_attempts=int(retries.get("MaximumRetryAttempts", RETRIES)),
        maximum_event_age_s=int(retries.get("MaximumEventAgeInSeconds", AGE_S)),
        message_group_id=(target.get("SqsParameters") or {}).get("MessageGroupId", ""),
    )


def _notification(schedule: Schedule, due_at: float, event_id: str) -> dict[str, Any]:
    """AWS: what a target gets that names no input; its ``detail`` is text."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": schedule.account_id,
        "time": iso(due_at),
        "region": schedule.region,
        "resources": [schedule.arn],
        "detail": "{}",
    }
