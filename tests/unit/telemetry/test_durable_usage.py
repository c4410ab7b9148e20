from __future__ import annotations

from dataclasses import dataclass

import pytest

from lambda_sandbox.telemetry.billing import bill
from lambda_sandbox.telemetry.durable_usage import DurableUsage
from lambda_sandbox.telemetry.prices import Prices

PRICES = Prices.load()
MONTH_S = 30.4 * 86_400


@dataclass
class Execution:
    function_name: str = "shop"
    started_at: float = 0.0
    billed_operations: int = 4
    bytes_written: int = 1024**3


def test_operations_data_and_the_time_that_it_is_kept_are_charged() -> None:
    [row] = DurableUsage().bill([Execution(), Execution()], MONTH_S, PRICES)["rows"]
    assert (row["executions"], row["operations"], row["written_gb"]) == (2, 8, 2.0)
    assert row["gb_months"] == pytest.approx(2.0)
    assert [each["usd"] for each in row["charges"]] == pytest.approx([8 * 8e-06, 2 * 0.25, 2 * 0.15])
    assert float(row["total_usd"]) == pytest.approx(8 * 8e-06 + 0.5 + 0.3)


def test_a_deleted_execution_stays_on_the_bill_and_costs_no_more() -> None:
    usage = DurableUsage()
    usage.leave(Execution(), MONTH_S)
    at_once, later = usage.bill([], MONTH_S, PRICES), usage.bill([], 9 * MONTH_S, PRICES)
    assert at_once == later
    assert float(later["total_usd"]) == pytest.approx(4 * 8e-06 + 0.25 + 0.15)


def test_functions_and_days_add_up_to_the_total() -> None:
    executions = [Execution(), Execution("cart", 86_400.0), Execution("cart", 2 * 86_400.0)]
    answer = DurableUsage().bill(executions, MONTH_S, PRICES)
    assert [each["name"] for each in answer["days"]] == ["1970-01-01", "1970-01-02", "1970-01-03"]
    assert [each["function_name"] for each in answer["rows"]] == ["cart", "shop"]
    total = pytest.approx(float(answer["total_usd"]))
    assert sum(float(each["total_usd"]) for each in answer["rows"]) == total
    assert sum(float(each["total_usd"]) for each in answer["days"]) == total


def test_the_whole_bill_has_executions_in_what_lambda_costs() -> None:
    durable = DurableUsage().bill([Execution()], 0.0, PRICES)
    answer = bill([], PRICES, durable=durable)
    assert answer["total_usd"] == 0.0
    assert answer["durable"] == durable
    assert float(answer["all"]["lambda_usd"]) == pytest.approx(4 * 8e-06 + 0.25)
    [function] = answer["all"]["functions"]
    assert (function["name"], float(function["total_usd"])) == ("shop", pytest.approx(4 * 8e-06 + 0.25))


def test_prices_of_a_time_before_durable_functions_have_none_to_charge() -> None:
    old = Prices.load(rules="2019")
    assert DurableUsage().bill([], 0.0, old)["rows"] == []
    with pytest.raises(LookupError):
        DurableUsage().bill([Execution()], 0.0, old)
