"""Whether one more durable execution may begin in an account's Region: how many run there, and how many began of late."""

from __future__ import annotations

from lambda_sandbox import quotas
from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.front_doors.throttle import Limit, Throttle

_LARGE = frozenset({"us-east-1", "us-west-2", "eu-west-1"})  # of quotas.DURABLE_RUNNING_LARGE


class DurableStarts:
    """POLICY: AWS documents a rate of starts of durable executions and no burst. Here a second's worth may come at once."""

    def __init__(self) -> None:
        self._throttle = Throttle()

    def check(self, account_id: str, region: str, running: int, now: float) -> None:
        """Count one start. ``now`` is in seconds, of any clock. Raises ``TooManyRequestsException``."""
        most = quotas.DURABLE_RUNNING_LARGE if region in _LARGE else quotas.DURABLE_RUNNING
        if running >= most:
            raise _refusal(f"{most:,} durable executions of this account run in {region} already")
        rate = quotas.DURABLE_STARTS_PER_SECOND
        if self._throttle.refusal([Limit((account_id, region), rate, rate)], now) is not None:
            raise _refusal(f"an account starts {rate} durable executions a second in {region}")


def _refusal(why: str) -> TooManyRequestsException:
    # UNCONFIRMED: wording, and the reason
    return TooManyRequestsException(f"Rate Exceeded: {why}.", Reason="CallerRateLimitExceeded")
