"""Billed durations from AWS's own REPORT lines, and the bill made of invocations."""

from __future__ import annotations

import pytest

from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, InvocationType, Status
from lambda_sandbox.invocation.report import Report, billed_duration_ms
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry.billing import bill
from lambda_sandbox.telemetry.prices import Prices


@pytest.mark.parametrize(
    ("duration_ms", "init_ms", "options", "billed_ms"),
    [
        # Sources: AWS News Blog 2020-12 (1 ms), Developer Guide "Viewing logs" and "Execution environment lifecycle",
        # AWS Compute Blog 2025-04 (init), read 2026-11.
        pytest.param(27.55, 0.0, {}, 28, id="warm, blog"),
        pytest.param(79.67, 0.0, {}, 80, id="warm, logs page 1"),
        pytest.param(26.73, 0.0, {}, 27, id="warm, logs page 2"),
        pytest.param(933.59, 0.0, {}, 934, id="warm, lifecycle page"),
        pytest.param(133.61, 80.0, {}, 214, id="cold"),
        pytest.param(3016.78, 84.0, {}, 3101, id="cold, timed out 1"),
        pytest.param(3004.92, 111.23, {}, 3117, id="cold, timed out 2"),
        pytest.param(3022.91, 0.0, {"most_ms": 3000}, 3000, id="timed out with init repeated inside"),
        pytest.param(27.40, 0.0, {"step_ms": 100}, 100, id="before 2020-12-01"),
    ],
)
def test_billed_duration_is_what_aws_printed(
    duration_ms: float, init_ms: float, options: dict[str, int], billed_ms: int
) -> None:
    assert billed_duration_ms(duration_ms, init_ms, **options) == billed_ms


def record(
    name: str,
    started_at: float,
    *,
    payload: bytes = b"{}",
    kind: str = "RequestResponse",
    init_ms: float | None = None,
) -> InvocationRecord:
    function = FunctionConfiguration(
        "000000000000",
        "us-east-1",
        name,
        "python3.13",
        "app.handler",
        "role",
        "sha",
        1,
        "revision",
        "",
        memory_mb=1024,
    )
    invocation = Invocation("id", function, payload, started_at, InvocationType(kind))
    report = Report("id", 99.2, 1024, 40, init_ms)
    return InvocationRecord(
        invocation, "environment", Status.SUCCESS, started_at, started_at + 0.1, report, "", False, ""
    )


def test_the_bill_adds_up_by_function_and_day() -> None:
    records = [record("one", 0.0, init_ms=50.0), record("two", 10.0), record("one", 86_400.0)]
    answer = bill(records, Prices.load())
    assert [row["billed_ms"] for row in answer["rows"]] == [150, 100, 100]
    assert [(row["name"], row["requests"]) for row in answer["functions"]] == [("one", 2), ("two", 1)]
    assert [(row["name"], row["requests"]) for row in answer["days"]] == [
        ("1970-01-01", 2),
        ("1970-01-02", 1),
    ]
    for kind in ("functions", "days"):
        assert sum(row["total_usd"] for row in answer[kind]) == pytest.approx(answer["total_usd"])


def test_a_month_at_this_rate_is_the_rate_times_a_twelfth_of_a_year() -> None:
    records = [record("one", 0.0), record("one", 99.9)]  # 100 s from the first start to the last end
    answer = bill(records, Prices.load())
    assert answer["month_usd"] == pytest.approx(answer["total_usd"] * 864 * 30.4)
    assert bill(records[:1], Prices.load())["month_usd"] is None


def test_the_rules_of_2019_round_up_to_100_ms_and_bill_no_init() -> None:
    answer = bill([record("one", 0.0, init_ms=50.0)], Prices.load(rules="2019"))
    assert answer["rows"][0]["billed_ms"] == 100


def test_a_large_event_is_charged_as_several_requests() -> None:
    large = b'"' + b"x" * (300 * 1024) + b'"'
    answer = bill(
        [record("one", 0.0, payload=large, kind="Event"), record("one", 0.0, payload=large)], Prices.load()
    )
    assert [row["requests"] for row in answer["rows"]] == [2, 1]


def test_throttled_attempts_cost_nothing() -> None:
    throttled = record("one", 0.0)
    throttled.report = None
    assert bill([throttled], Prices.load())["total_usd"] == 0
