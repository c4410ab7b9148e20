"""Limits of API Gateway. Source: "Amazon API Gateway quotas and important notes", read 2026-11."""

from __future__ import annotations

from collections.abc import Collection

PAYLOAD_BYTES = 10 * 1024 * 1024
REST_TIMEOUT_S = 29.0  # the default and, without a quota increase, the most
HTTP_TIMEOUT_S = 30.0
# Of streamed answers, by "Stream the integration response for your proxy integrations in API Gateway", read 2026-11.
STREAM_TIMEOUT_S = 900.0
STREAM_IDLE_S = 300.0
STREAM_IDLE_EDGE_S = 30.0


def timeout_s(given_ms: object, most_s: float) -> float:
    """Return an integration's timeout in seconds; ``given_ms`` is its ``timeoutInMillis``, ``None`` for the most."""
    return most_s if given_ms in (None, "") else min(int(str(given_ms)) / 1000, most_s)


def stream_timeout_s(given_ms: object) -> float:
    """Return the same of an integration that streams: longer when it is asked for, and never by itself."""
    return REST_TIMEOUT_S if given_ms in (None, "") else timeout_s(given_ms, STREAM_TIMEOUT_S)


def stream_idle_s(endpoint_types: Collection[str]) -> float:
    """Return how many seconds of silence end a stream, by the types of an API's endpoints."""
    return STREAM_IDLE_EDGE_S if "EDGE" in endpoint_types else STREAM_IDLE_S
