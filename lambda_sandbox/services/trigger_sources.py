"""The door for services that start functions: which of moto's modules are given which hook, once each is loaded.

A hook gets moto's module and the forwarder; it replaces what moto would run itself by ``forwarder.deliver(Delivery)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambda_sandbox.services import log_filters, topic_triggers
from lambda_sandbox.services.forwarder import Forwarder, forward_events

Hook = Callable[[Any, Forwarder], None]


def _rules(module: Any, forwarder: Forwarder) -> None:
    forward_events(module.Rule, module.EventTemplateParser, forwarder)


SOURCES: tuple[tuple[str, Hook], ...] = (
    ("moto.sns.models", topic_triggers.install),
    ("moto.events.models", _rules),
    ("moto.logs.models", log_filters.filter_logs),
    ("moto.logs.responses", log_filters.refuse_options),
)
