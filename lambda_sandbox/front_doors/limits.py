"""Limits of API Gateway. Source: "Amazon API Gateway quotas and important notes", read 2026-11."""

from __future__ import annotations

PAYLOAD_BYTES = 10 * 1024 * 1024
REST_TIMEOUT_S = 29.0  # the default and, without a quota increase, the most
HTTP_TIMEOUT_S = 30.0


def timeout_s(given_ms: object, most_s: float) -> float:
    """Return an integration's timeout in seconds; ``given_ms`` is its ``timeoutInMillis``, ``None`` for the most."""
    return most_s if given_ms in (None, "") else min(int(str(given_ms)) / 1000, most_s)
