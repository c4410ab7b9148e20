"""The head of a streamed answer: JSON metadata, and eight NUL bytes behind it, then the body.

Source: API Gateway Developer Guide, "Set up a Lambda proxy integration with payload response streaming in API Gateway", read 2026-11.
"""

from __future__ import annotations

DELIMITER = b"\x00" * 8
# The delimiter ends within these. API Gateway's limit; AWS documents none for function URLs.
HEAD_BYTES = 16 * 1024


class EndlessHead(ValueError):
    """There is no delimiter where one must have come."""

    def __init__(self) -> None:
        super().__init__(f"no eight NUL bytes end the metadata within its first {HEAD_BYTES} bytes")


class StreamHead:
    """Finds the end of a head that may come in any number of pieces."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the metadata and the first bytes of the body, ``None`` while the delimiter is not yet there.

        Raises ``EndlessHead``.
        """
        self._data += data
        found = split(self._data)
        if found is None and len(self._data) >= HEAD_BYTES:
            raise EndlessHead
        return found


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """Return what is before and behind the delimiter, ``None`` when it is not within the first bytes."""
    at = data.find(DELIMITER, 0, HEAD_BYTES)
    return None if at < 0 else (data[:at], data[at + len(DELIMITER) :])
