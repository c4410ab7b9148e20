"""Events on a bus, and how they reach the targets of a rule.

Source: Amazon EventBridge User Guide, "Events", "Retry policy and using dead-letter queues", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.triggers.delivery import Delivery

PRINCIPAL = "events.amazonaws.com"
RETRIES, AGE_S = 185, 86_400
_TARGETS_MAX = 5


def scheduled(rule_arn: str, account_id: str, region: str, event_id: str, due_at: float) -> dict[str, Any]:
    """Return the event of a rule that is due at ``due_at``, seconds since the epoch."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account_id,
        "time": iso(due_at),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }


def iso(moment: Any) -> Any:
    """Return seconds since the epoch as EventBridge writes time; text stays as it is."""
    try:
        return datetime.fromtimestamp(float(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (TypeError, ValueError):
        return moment


def delivery(
    target: Mapping[str, Any], payload: str, event_text: str, rule_arn: str, account_id: str
) -> Delivery:
    """Return ``payload`` on its way to a target. Its dead-letter queue gets ``event_text``, the event as it was."""
    retries = target.get("RetryPolicy") or {}
    group = (target.get("SqsParameters") or {}).get("MessageGroupId", "")
    return Delivery(
        target["Arn"],
        payload,
        PRINCIPAL,
        rule_arn,
        account_id,
        role_arn=target.get("RoleArn") or "",
        dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
        dead_letter_body=event_text,
        maximum_retry_attempts=int(retries.get("MaximumRetryAttempts", RETRIES)),
        maximum_event_age_s=int(retries.get("MaximumEventAgeInSeconds", AGE_S)),
        message_group_id=group,
    )


def problem(target: Mapping[str, Any]) -> str:
    """Return what is wrong with how a target is to be served, empty when nothing is."""
    name, retries = target.get("Id", ""), target.get("RetryPolicy") or {}
    for member, lowest, highest in (
        ("MaximumRetryAttempts", 0, RETRIES),
        ("MaximumEventAgeInSeconds", 60, AGE_S),
    ):
        value = retries.get(member)
        if value is not None and not lowest <= int(value) <= highest:
            return f"Parameter {member} of target {name} is not valid. Reason: it lies between {lowest} and {highest}."
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if arn is not None and arn.split(":")[2:3] != ["sqs"]:
        return f"Parameter DeadLetterConfig of target {name} is not valid. Reason: {arn} is no queue."
    return ""


def too_many(target_ids: set[str]) -> bool:
    """Whether a rule with these targets has more than AWS allows."""
    return len(target_ids) > _TARGETS_MAX
