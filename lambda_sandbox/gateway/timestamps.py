"""Timestamps of the wire. Inside they are seconds since the epoch, as floats."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def read(value: float | str, form: str) -> float:
    """Return seconds for a number or a text in ``unixTimestamp``, ``iso8601`` or ``rfc822``.

    Raises ``ValueError``, ``OverflowError`` and ``OSError`` for what is no moment.

    Other forms than the named one are read as well, since SDKs differ in what they put into a query string.
    """
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    if form == "rfc822":
        return parsedate_to_datetime(str(value)).timestamp()
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _seconds(value: float | str) -> float | None:
    """Return a number's seconds, ``None`` for a text that is none. Raises ``ValueError`` outside the years 1 to 9999."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    datetime.fromtimestamp(seconds, UTC)
    return seconds


def write(seconds: float, form: str) -> float | str:
    """Return ``seconds`` in one of the three forms of the model."""
    if form == "unixTimestamp":
        return seconds
    moment = datetime.fromtimestamp(seconds, UTC)
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
