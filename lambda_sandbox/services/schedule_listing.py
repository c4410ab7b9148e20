"""What moto holds of schedules, for the server, which alone keeps their time: ``POST /_sandbox/schedules``.

An empty object asks for all of them; ``{"delete": ARN}`` deletes one that is over. Only the sandbox can ask: its endpoint
keeps every path below ``/_sandbox/`` to itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from lambda_sandbox.services.own_question import OwnQuestion

PATH = "/_sandbox/schedules"


class ScheduleListing(OwnQuestion):
    """``POST /_sandbox/schedules``."""

    PATH = PATH

    def answer(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        if "delete" in question:
            _delete(question["delete"])
        return [*_rules(), *_schedules()]


def _rules() -> Iterator[dict[str, Any]]:
    for backend in _backends("moto.events.models", "events_backends"):
        bus = backend.event_buses.get("default")  # AWS: rules with a schedule are on the default bus
        for rule in list(bus.rules.values()) if bus is not None else ():
            if rule.scheduled_expression:
                yield {
                    "arn": rule.arn,
                    "kind": "rule",
                    "name": rule.name,
                    "account_id": rule.account_id,
                    "region": rule.region_name,
                    "expression": rule.scheduled_expression,
                    "targets": list(rule.targets),
                    "anchor": rule.sandbox_anchor,
                    "enabled": rule.state != "DISABLED",
                }


def _schedules() -> Iterator[dict[str, Any]]:
    for backend in _backends("moto.scheduler.models", "scheduler_backends"):
        for group in list(backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                window = schedule.flexible_time_window or {}
                flexible = window.get("Mode") == "FLEXIBLE"
                yield {
                    "arn": schedule.arn,
                    "kind": "schedule",
                    "name": schedule.name,
                    "account_id": backend.account_id,
                    "region": backend.region_name,
                    "expression": schedule.schedule_expression,
                    "targets": [schedule.target],
                    "anchor": schedule.sandbox_anchor,
                    "enabled": schedule.state != "DISABLED",
                    "timezone": schedule.schedule_expression_timezone,
                    "start": schedule.start_date,
                    "end": schedule.end_date,
                    "window_s": 60 * int(window.get("MaximumWindowInMinutes") or 0) if flexible else 0,
                    "delete_after": schedule.action_after_completion == "DELETE",
                }


def _delete(arn: str) -> None:
    for backend in _backends("moto.scheduler.models", "scheduler_backends"):
        for group in list(backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                if schedule.arn == arn:
                    group.schedules.pop(schedule.name, None)


def _backends(module: str, name: str) -> Iterator[Any]:
    loaded = sys.modules.get(module)
    if loaded is not None:
        for account in list(getattr(loaded, name).values()):
            yield from list(account.values())
