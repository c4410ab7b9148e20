"""Events that AWS's own services put on a default bus, for rules that moto holds: ``POST /_sandbox/service-events``.

``PutEvents`` takes no source that begins with ``aws.``; here ``{"event": …}`` is taken as it is. Only the
sandbox can ask: its endpoint keeps every path below ``/_sandbox/`` to itself.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.services import rule_triggers
from lambda_sandbox.services.own_question import OwnQuestion

PATH = "/_sandbox/service-events"


class ServiceEvents(OwnQuestion):
    """``POST /_sandbox/service-events``."""

    PATH = PATH

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        event = question["event"]
        rule_triggers.publish(event["account"], event["region"], "default", event)
        return {}
