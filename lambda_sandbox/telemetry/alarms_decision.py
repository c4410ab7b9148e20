"""What an alarm makes of its data points. Pure.

Source: Amazon CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data" and "Alarm evaluation", read 2026-11.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from enum import StrEnum

# UNCONFIRMED: the guide says "more points than EvaluationPeriods", and shows five for three.
MORE_POINTS = 2


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
TREATMENTS = ("missing", "notBreaching", "breaching", "ignore")


def decide(breaching: Sequence[bool | None], needed: int, of: int, treatment: str) -> AlarmState | None:
    """Return the state, or ``None`` where the alarm keeps the one that it has.

    ``breaching`` is the evaluation range, oldest first, ``None`` where a data point is missing; ``needed`` of the ``of`` most
    recent points make an alarm. ``treatment`` is ``TreatMissingData``.
    """
    real = [point for point in breaching if point is not None]
    if len(real) >= of:
        return _state(sum(real[-of:]) >= needed)
    broken, missing = sum(real), of - len(real)
    if treatment == "breaching":
        return _state(broken + missing >= needed)
    if treatment == "notBreaching" or broken >= needed:
        return _state(broken >= needed)
    if not real:
        return None if treatment == "ignore" else AlarmState.INSUFFICIENT_DATA
    if _all_since_breaching(breaching, needed):
        return None if treatment == "ignore" else AlarmState.ALARM
    if broken < len(real):
        return AlarmState.OK
    # What is there breaches, but is too young: the points before it may only be late.
    return None if treatment == "ignore" else AlarmState.INSUFFICIENT_DATA


def _all_since_breaching(breaching: Sequence[bool | None], needed: int) -> bool:
    """AWS: one breaching point, old enough and with none since that does not breach, is as good as ``needed``."""
    newest_first = list(reversed(breaching))
    for age, point in enumerate(newest_first, 1):
        if point is False:
            return False
        if point and age >= needed:
            return True
    return False


def _state(alarm: bool) -> AlarmState:
    return AlarmState.ALARM if alarm else AlarmState.OK
