"""The door for services that start functions: which of moto's modules are given which hook, once each is loaded.

A hook gets moto's module and the forwarder; it replaces what moto would run itself by ``forwarder.deliver(Delivery)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambda_sandbox.services import (
    bucket_triggers,
    iot_rules,
    log_filters,
    rule_triggers,
    schedule_rules,
    secret_rotation,
    topic_triggers,
)
from lambda_sandbox.services.forwarder import Forwarder

Hook = Callable[[Any, Forwarder], None]


SOURCES: tuple[tuple[str, Hook], ...] = (
    ("moto.sns.models", topic_triggers.install),
    ("moto.s3.responses", bucket_triggers.install),
    ("moto.events.models", rule_triggers.install),
    ("moto.events.models", schedule_rules.install_rules),
    ("moto.events.responses", rule_triggers.install_responses),
    ("moto.scheduler.models", schedule_rules.install_schedules),
    ("moto.scheduler.responses", schedule_rules.install_schedule_responses),
    ("moto.iot.models", iot_rules.check_rules),
    ("moto.iotdata.models", iot_rules.run_rules),
    ("moto.secretsmanager.models", secret_rotation.install),
    ("moto.logs.models", log_filters.filter_logs),
    ("moto.logs.responses", log_filters.answer_requests),
)
