"""Metric filters: the data points that lines of a log group become. Pure.

Source: Amazon CloudWatch Logs User Guide, "Creating metrics from log events using filters", and the API reference's
"MetricTransformation", both read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.triggers.logs_json_patterns import selector
from lambda_sandbox.triggers.logs_patterns import FilterPattern, Matched
from lambda_sandbox.triggers.logs_values import as_number

_MOST_DIMENSIONS = 3


@dataclass(frozen=True, slots=True)
class DataPoint:
    """``timestamp`` is seconds since the epoch."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: Mapping[str, str]
    timestamp: float


class MetricFilter:
    """One filter with its one transformation, checked."""

    def __init__(self, pattern: str, transformation: Mapping[str, Any]) -> None:
        """Raises ``ValueError`` that says what is wrong."""
        self._pattern = FilterPattern(pattern)
        self._namespace = str(transformation.get("metricNamespace") or "")
        self._name = str(transformation.get("metricName") or "")
        self._value = str(transformation.get("metricValue") or "")
        self._default = transformation.get("defaultValue")
        self._unit = str(transformation.get("unit") or "None")
        self._dimensions = dict(transformation.get("dimensions") or {})
        self._told_minute = -1
        self._check()

    def _check(self) -> None:
        if not (self._namespace and self._name and self._value):
            raise ValueError("a metric transformation has a metricName, a metricNamespace and a metricValue")
        if len(self._dimensions) > _MOST_DIMENSIONS:
            raise ValueError(f"a metric transformation has at most {_MOST_DIMENSIONS} dimensions")
        if self._dimensions and self._default is not None:
            raise ValueError("dimensions and default value are mutually exclusive properties")
        if as_number(self._value) is None and not self._value.startswith("$"):
            raise ValueError(
                f"metricValue {self._value} is neither a number nor a selector such as $.latency"
            )
        selectors = [each for each in (self._value, *self._dimensions.values()) if each.startswith("$")]
        if selectors and not self._pattern.has_fields:
            raise ValueError(
                f"{selectors[0]} needs a JSON or space-delimited filter pattern: terms have no fields"
            )
        for each in selectors:
            if each.startswith(("$.", "$[")):
                selector(each)
        if not all(value.startswith("$") for value in self._dimensions.values()):
            raise ValueError("the value of a dimension is a selector such as $.service")

    def data_points(self, lines: Iterable[tuple[int, str]]) -> Iterator[DataPoint]:
        """Yield what ``lines`` (milliseconds and text) report: one value a match, or the default for a minute without any.

        DIFFERS: the ``defaultValue`` of a metric filter is reported with the first lines of a minute that do not match; AWS reports it once
        the minute is over.
        """
        matched = False
        last_ms = -1
        for timestamp_ms, message in lines:
            last_ms = timestamp_ms
            found = self._pattern.match(message)
            if found is not None:
                matched = True
                yield from self._point(found, timestamp_ms)
        minute = last_ms // 60_000
        if matched:
            self._told_minute = minute
        elif self._default is not None and last_ms >= 0 and minute != self._told_minute:
            self._told_minute = minute
            yield self._made(float(self._default), {}, last_ms)

    def _point(self, found: Matched, timestamp_ms: int) -> Iterator[DataPoint]:
        given = found.value(self._value) if self._value.startswith("$") else self._value
        value = as_number(given)
        if value is None:
            return  # AWS: where there is no number, nothing is reported
        dimensions = {name: found.value(each) for name, each in self._dimensions.items()}
        if all(isinstance(each, str | int | float) for each in dimensions.values()):
            yield self._made(value, {name: str(each) for name, each in dimensions.items()}, timestamp_ms)

    def _made(self, value: float, dimensions: Mapping[str, str], timestamp_ms: int) -> DataPoint:
        return DataPoint(self._namespace, self._name, value, self._unit, dimensions, timestamp_ms / 1000)
