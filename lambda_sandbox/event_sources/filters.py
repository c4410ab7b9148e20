"""Which records of a source a function sees: those that meet one of its mapping's filters. Pure.

Source: AWS Lambda Developer Guide, "Using event filtering with an Amazon SQS event source" and its sisters, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lambda_sandbox.event_patterns import EventPattern


class RecordFilter:
    """The filters of one mapping; a record passes when one of them is met, or when there is none.

    ``data_key`` is the record's member with the sender's own data as text: ``body`` for SQS. A pattern may look into it
    when it is a JSON object or array; against plain text it has to be an array of comparisons. Text of the other sort never
    passes, as on AWS.
    """

    def __init__(self, patterns: Sequence[str], data_key: str) -> None:
        """Raises ``ValueError`` for a pattern that is none."""
        self._patterns = [EventPattern(text) for text in patterns]
        self._data_key = data_key

    def passes(self, record: Mapping[str, Any]) -> bool:
        if not self._patterns:
            return True
        data = record.get(self._data_key)
        parsed = _parse(data)
        structured = {**record, self._data_key: data if parsed is None else parsed}
        return any(self._met(pattern, record, structured, parsed is not None) for pattern in self._patterns)

    def _met(
        self, pattern: EventPattern, record: Mapping[str, Any], structured: Mapping[str, Any], is_json: bool
    ) -> bool:
        if self._data_key not in pattern.keys:
            return pattern.matches(structured)
        if (self._data_key in pattern.plain_keys) is is_json:
            return False
        return pattern.matches(dict(record) if not is_json else structured)


def _parse(data: Any) -> Any:
    """Return a JSON object or array; ``None`` for text of any other sort."""
    if not isinstance(data, str):
        return data if isinstance(data, dict | list) else None
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None
