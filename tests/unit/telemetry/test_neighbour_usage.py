"""What is remembered of requests to neighbours."""

import pytest

from lambda_sandbox.telemetry.billing import bill
from lambda_sandbox.telemetry.neighbour_usage import Call, Cause, NeighbourUsage
from lambda_sandbox.telemetry.prices import Prices
from lambda_sandbox.telemetry.views import Bill


@pytest.mark.parametrize(
    ("service", "operation", "status", "said"),
    [
        ("rds", "CreateDBInstance", 200, True),
        ("rds", "CreateDBInstance", 400, False),
        ("rds", "DescribeDBInstances", 200, False),
        ("s3", "CreateBucket", 200, False),
    ],
)
def test_the_bill_says_that_a_database_costs_by_the_hour(
    service: str, operation: str, status: int, said: bool
) -> None:
    usage = NeighbourUsage()
    usage.call(Call(0.0, Cause(), service, operation, "", status, 1.0, {}))
    answer = bill([], Prices.load(), usage)
    assert ("RDS instances cost by the hour" in Bill(answer).note) is said
    usage.clear()
    assert bill([], Prices.load(), usage)["neighbours"]["left_out"] == []
