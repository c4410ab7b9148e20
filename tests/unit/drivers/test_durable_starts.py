"""How many durable executions may begin and run."""

from __future__ import annotations

import pytest

from lambda_sandbox import quotas
from lambda_sandbox.drivers.durable_starts import DurableStarts
from lambda_sandbox.errors import TooManyRequestsException

ACCOUNT = "000000000000"


def test_a_seconds_worth_may_begin_at_once_and_then_three_hundred_a_second() -> None:
    starts = DurableStarts()
    for _ in range(quotas.DURABLE_STARTS_PER_SECOND):
        starts.check(ACCOUNT, "us-east-1", 0, 10.0)
    with pytest.raises(TooManyRequestsException, match="starts 300 durable executions a second"):
        starts.check(ACCOUNT, "us-east-1", 0, 10.0)
    starts.check(ACCOUNT, "eu-west-1", 0, 10.0)
    starts.check("111111111111", "us-east-1", 0, 10.0)
    starts.check(ACCOUNT, "us-east-1", 0, 10.01)


@pytest.mark.parametrize(
    ("region", "most"),
    [("us-east-1", 10_000_000), ("eu-central-1", 5_000_000)],
    ids=["a large Region", "any other"],
)
def test_no_more_begin_than_may_run(region: str, most: int) -> None:
    starts = DurableStarts()
    starts.check(ACCOUNT, region, most - 1, 10.0)
    with pytest.raises(TooManyRequestsException, match=f"{most:,} durable executions"):
        starts.check(ACCOUNT, region, most, 10.0)
