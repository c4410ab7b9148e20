from __future__ import annotations

import pytest

from lambda_sandbox.invocation.report import Report, billed_duration_ms


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
