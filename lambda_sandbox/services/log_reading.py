"""FilterLogEvents tells the events of all streams in the order of their time, as AWS does; moto tells them stream by stream.

Source: CloudWatch Logs API reference, FilterLogEvents (``interleaved`` is deprecated and ignored: events are sorted by
their timestamp), in botocore's model, 2026-11.
"""

from __future__ import annotations

from typing import Any


def interleave_streams(group_class: Any) -> None:
    """Replace ``filter_log_events`` of moto's ``LogGroup``; events of one millisecond stay in the order of their streams."""
    read = group_class.filter_log_events

    def filter_log_events(
        self: Any,
        log_group_name: str,
        log_stream_names: list[str],
        start_time: int,
        end_time: int,
        limit: int | None,
        next_token: str | None,
        filter_pattern: str,
        interleaved: bool,  # ignored, as by AWS
    ) -> Any:
        return read(
            self,
            log_group_name,
            log_stream_names,
            start_time,
            end_time,
            limit,
            next_token,
            filter_pattern,
            interleaved=True,
        )

    group_class.filter_log_events = filter_log_events
