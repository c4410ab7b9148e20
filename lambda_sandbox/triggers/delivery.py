"""One event that a service sends to one target, on its way from the neighbours to Lambda's asynchronous queue."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """``payload`` is the event as JSON text. ``principal`` is the service, such as ``s3.amazonaws.com``; ``source_arn`` and
    ``source_account`` are what it sends as the condition keys ``aws:SourceArn`` and ``aws:SourceAccount``.

    ``dead_letter_arn`` is the queue for an event that cannot be delivered, empty for none; ``dead_letter_body`` is what it
    gets there (empty: the payload), ``dead_letter_attributes`` are string attributes that go with it.
    ``role_arn`` is the role that the service takes on for the call, where it uses one in place of its own principal.
    Where a delivery may succeed later it is tried ``maximum_retry_attempts`` more times, for ``maximum_event_age_s``.
    """

    target_arn: str
    payload: str
    principal: str
    source_arn: str = ""
    source_account: str = ""
    role_arn: str = ""
    dead_letter_arn: str = ""
    dead_letter_body: str = ""
    dead_letter_attributes: dict[str, str] = field(default_factory=dict)
    maximum_retry_attempts: int = 185
    maximum_event_age_s: int = 86_400
    trace_header: str = ""
    message_group_id: str = ""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Delivery:
        """Raises ``ValueError`` or ``TypeError`` for what ``to_json`` did not make."""
        members: dict[str, Any] = json.loads(text)
        return cls(**members)
