"""What AWS refuses in schedules, and when their expressions were set, which moto does not keep."""

from __future__ import annotations

import time
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.triggers import schedule_expression

_WINDOW_MINUTES = range(1, 1441)


def install_rules(module: Any, forwarder: Forwarder) -> None:
    """Check the schedules of ``moto.events.models`` and date them."""
    put, make = module.EventsBackend.put_rule, module.Rule.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        self.sandbox_anchor = time.time()

    def put_rule(self: Any, name: str, *args: Any, **options: Any) -> Any:
        expression = options.get("scheduled_expression")
        if expression:
            try:
                schedule_expression.parse(expression, of_rule=True)
            except ValueError:
                raise module.ValidationException("Parameter ScheduleExpression is not valid.") from None
        bus = self.event_buses.get(self._normalize_event_bus_arn(options.get("event_bus_arn")))
        before = bus.rules.get(name) if bus is not None else None
        rule = put(self, name, *args, **options)
        if before is not None and before.scheduled_expression == expression:
            rule.sandbox_anchor = before.sandbox_anchor
        return rule

    module.Rule.__init__ = init
    module.EventsBackend.put_rule = put_rule


def install_schedules(module: Any, forwarder: Forwarder) -> None:
    """Check the schedules of ``moto.scheduler.models`` and date them."""
    create, update = module.EventBridgeSchedulerBackend.create_schedule, module.Schedule.update
    make = module.Schedule.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        self.sandbox_anchor = time.time()

    def create_schedule(self: Any, **options: Any) -> Any:
        _check(module, options)
        return create(self, **options)

    def update_schedule(self: Any, **options: Any) -> None:
        _check(module, options)
        before = (self.schedule_expression, self.schedule_expression_timezone, self.start_date)
        update(self, **options)
        self.state = self.state or "ENABLED"
        if before != (self.schedule_expression, self.schedule_expression_timezone, self.start_date):
            self.sandbox_anchor = time.time()

    module.Schedule.__init__ = init
    module.Schedule.update = update_schedule
    module.EventBridgeSchedulerBackend.create_schedule = create_schedule


def install_schedule_responses(module: Any, forwarder: Forwarder) -> None:
    """Keep ``ActionAfterCompletion`` of an update, which ``moto.scheduler.responses`` leaves out."""
    update = module.EventBridgeSchedulerResponse.update_schedule

    def update_schedule(self: Any) -> str:
        answer: str = update(self)
        name = self.uri.split("?")[0].split("/")[-1]
        schedule = self.scheduler_backend.get_schedule(self._get_param("GroupName"), name)
        schedule.action_after_completion = self._get_param("ActionAfterCompletion") or "NONE"
        return answer

    module.EventBridgeSchedulerResponse.update_schedule = update_schedule


def _check(module: Any, options: dict[str, Any]) -> None:
    """Raise moto's ``ValidationException`` for what AWS refuses."""
    problem = _problem(options)
    if problem:
        raise module.ValidationException(message=problem)


def _problem(options: dict[str, Any]) -> str:
    zone, expression = options.get("schedule_expression_timezone") or "UTC", options["schedule_expression"]
    try:
        schedule_expression.zone_of(zone)
    except ValueError:
        return f"Provided schedule expression timezone {zone} is not supported."
    try:
        schedule_expression.parse(expression, zone)
    except ValueError as reason:
        return f"Invalid Schedule Expression {expression}: {reason}."
    window = options.get("flexible_time_window") or {}
    minutes = window.get("MaximumWindowInMinutes")
    if window.get("Mode") == "FLEXIBLE" and minutes not in _WINDOW_MINUTES:
        return "A flexible time window needs MaximumWindowInMinutes between 1 and 1440."
    if window.get("Mode") == "OFF" and minutes is not None:
        return "MaximumWindowInMinutes is only for a flexible time window."
    start, end = options.get("start_date"), options.get("end_date")
    if start is not None and end is not None and float(end) <= float(start):
        return "The EndDate you specify cannot be earlier than the StartDate."
    return ""
