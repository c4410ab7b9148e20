"""The figures of a metric, as ``GetMetricData`` gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any


def figures(
    cloudwatch: Any, metric: str, *statistics: str, namespace: str = "AWS/Lambda", **dimensions: str
) -> list[float]:
    """Return one figure for each of ``statistics``; those of a metric without data points are left out."""
    now = datetime.now(UTC)
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                },
                "Period": 86_400,
                "Stat": statistic,
            },
        }
        for number, statistic in enumerate(statistics)
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(days=2), EndTime=now + timedelta(days=2)
    )
    found = [result["Values"] for result in answer["MetricDataResults"]]
    assert all(len(values) <= 1 for values in found), "this test ran across midnight"
    return [values[0] for values in found if values]
