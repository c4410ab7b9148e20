from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.invocation.report import LongReport, Report, billed_duration_ms, hundredths
from lambda_sandbox.telemetry.logs import bytes_of, text_of


@pytest.mark.parametrize(
    ("duration_ms", "init_ms", "billed"),
    [
        # Source: AWS's published REPORT lines (What's New 2020-12-01, Developer Guide, Compute Blog 2025-04-29).
        pytest.param(27.55, 0.0, 28, id="rounds up to the next millisecond"),
        pytest.param(79.67, 0.0, 80, id="warm, 79.67"),
        pytest.param(26.73, 0.0, 27, id="warm, 26.73"),
        pytest.param(933.59, 0.0, 934, id="warm, 933.59"),
        pytest.param(133.61, 80.00, 214, id="cold: the sum is rounded, not its parts"),
        pytest.param(3016.78, 84.00, 3101, id="cold and timed out"),
        pytest.param(3004.92, 111.23, 3117, id="cold and timed out, fractions"),
        pytest.param(100.1 + 0.2, 0.0, 101, id="float noise"),
        pytest.param(29.0, 0.0, 29, id="a whole millisecond stays"),
    ],
)
def test_billed_duration(duration_ms: float, init_ms: float, billed: int) -> None:
    assert billed_duration_ms(duration_ms, init_ms) == billed


def test_a_warm_line_has_awss_fields_in_awss_order() -> None:
    line = Report("id-1", 12.3, 128, 40).line()
    assert line == (
        "REPORT RequestId: id-1\tDuration: 12.30 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t"
    )


def test_a_cold_failed_line_adds_init_status_and_error_type() -> None:
    line = Report("id-1", 12.3, 128, 40, 80.0, "error", "ValueError").line()
    assert line.endswith("\tInit Duration: 80.00 ms\tStatus: error\tError Type: ValueError")


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"init_duration_ms": 80.123},
        {"restore_duration_ms": 10.0, "billed_restore_duration_ms": 9.1},
        {"status": "timeout"},
        {"status": "error", "error_type": "Fehler.Ä"},
    ],
)
def test_the_length_of_a_line_is_known_without_making_it(figures: dict[str, Any]) -> None:
    for duration_ms in (
        0.0,
        0.001,
        0.994,
        0.995,
        1.0,
        9.994,
        9.995,
        9.999,
        10.0,
        99.996,
        1234.5678,
        899_999.999,
    ):
        report = Report("id-1", hundredths(duration_ms), 128, 1040, **figures)
        traced = LongReport(
            report, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        )
        noticed = LongReport(
            report, notice="python3.14 runs on Python 3.11: this machine has no Python 3.14."
        )
        for each in (report, traced, noticed):
            assert each.line_bytes() == len(each.line().encode())
            assert bytes_of(each) == len(text_of(each))
