"""What an event source has to be for a mapping, as far as the neighbours can tell."""

from __future__ import annotations

from collections.abc import Callable

from lambda_sandbox.control_plane.event_source_kinds import QUEUES, kind_of
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import EventSourceMapping, EventSourceState, FunctionConfiguration


class SourceInspection:
    """Asks ``inspect(arn)``; where it answers ``None`` (no neighbours, no such service) nothing is refused."""

    def __init__(self, inspect: Callable[[str], EventSourceState | None]) -> None:
        self._inspect = inspect

    def check(self, mapping: EventSourceMapping, function: FunctionConfiguration) -> None:
        """Raise ``InvalidParameterValueException`` when the source does not exist or is too impatient."""
        arn = mapping.event_source_arn
        found = self._inspect(arn) if arn else None
        if found is None:
            return
        if not found.exists:
            missing = (
                f"Error occurred while ReceiveMessage. {found.problem}"
                if kind_of(arn) in QUEUES
                else f"Stream not found: {arn}"
            )
            raise InvalidParameterValueException(missing)
        timeout_s = found.visibility_timeout_s
        if timeout_s is not None and timeout_s < function.timeout_s:
            raise InvalidParameterValueException(
                f"Queue visibility timeout: {timeout_s} seconds is less than Function timeout: "
                f"{function.timeout_s} seconds"
            )
