"""What goes to a dead-letter queue with an event that could not be delivered, as each service writes it.

Source: Amazon EventBridge User Guide, "Using dead-letter queues to process undelivered events"; EventBridge Scheduler User
Guide, "Configuring a dead-letter queue"; Amazon SNS Developer Guide, "Amazon SNS dead-letter queues"; read 2026-11.
UNCONFIRMED: SNS documents no attributes; those of Lambda's own dead-letter queues stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lambda_sandbox.triggers.delivery import Delivery

Exhausted = Literal["", "MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery ended: ``code`` is EventBridge's word, ``status`` HTTP's. ``exhausted`` is empty where no retry helps."""

    code: str
    message: str
    status: int = 400
    attempts: int = 0
    exhausted: Exhausted = ""


def attributes(delivery: Delivery, failure: Failure) -> dict[str, tuple[str, str]]:
    """Return name, type and value of the message attributes."""
    if delivery.principal == "sns.amazonaws.com":
        return {
            "ErrorCode": ("Number", str(failure.status)),
            "ErrorMessage": ("String", failure.message[:1024]),
        }
    made = {
        "ERROR_CODE": ("String", failure.code),
        "ERROR_MESSAGE": ("String", failure.message[:1024]),
        "RETRY_ATTEMPTS": ("Number", str(failure.attempts)),
        "TARGET_ARN": ("String", delivery.target_arn),
    }
    if failure.exhausted:
        made["EXHAUSTED_RETRY_CONDITION"] = ("String", failure.exhausted)
    if delivery.principal == "events.amazonaws.com":
        made["RULE_ARN"] = ("String", delivery.source_arn)
    for name, value in delivery.dead_letter_attributes.items():
        made[name] = ("String", value)
    return made
