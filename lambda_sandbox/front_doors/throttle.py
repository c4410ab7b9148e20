"""The token buckets by which API Gateway slows callers down. Pure: the time is an argument.

Source: API Gateway Developer Guide, "Throttle requests to your REST APIs" and "Throttle requests to your HTTP APIs", read 2026-11.

DIFFERS: API Gateway's limit for an account (10,000 requests a second in a Region) is not enforced. Limits of stages, routes and usage
plans are kept to the request, where AWS promises its best effort only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` requests a second in the long run and ``burst`` at once. ``key`` says whose bucket it is.

    ``source`` names where the limit was set, for the sandbox's history.
    """

    key: tuple[str, ...]
    rate: float
    burst: int
    source: str = ""

    def __str__(self) -> str:
        return f"{self.source} allows {self.rate:g} requests a second and bursts of {self.burst}"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Throttle:
    """All buckets of a sandbox. They outlive the definitions that they belong to, which are read again after each change.

    >>> throttle, limit = Throttle(), Limit(("shop",), rate=1.0, burst=2)
    >>> [throttle.refusal([limit], now=0.0) is None for _ in range(3)]
    [True, True, False]
    >>> throttle.refusal([limit], now=1.0) is None
    True
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], _Bucket] = {}

    def refusal(self, limits: Sequence[Limit], now: float) -> Limit | None:
        """Take a token for one request from the bucket of every limit; ``now`` is in seconds.

        Returns the first limit whose bucket is empty.

        POLICY: a request that one limit of API Gateway refuses counts against no other limit.
        """
        buckets = [self._filled(limit, now) for limit in limits]
        for limit, bucket in zip(limits, buckets, strict=True):
            if bucket.tokens < 1:
                return limit
        for bucket in buckets:
            bucket.tokens -= 1
        return None

    def forget(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()

    def _filled(self, limit: Limit, now: float) -> _Bucket:
        bucket = self._buckets.get(limit.key)
        if bucket is None:
            bucket = self._buckets[limit.key] = _Bucket(limit.burst, now)
        since_s = max(0.0, now - bucket.filled_at)
        # A limit that was lowered takes what is above it away.
        bucket.tokens = min(float(limit.burst), bucket.tokens + since_s * limit.rate)
        bucket.filled_at = now
        return bucket
