"""CloudWatch's operations on metrics: put, list, and the two ways to read.

Parameters and answers are in AWS's casing, times as seconds since the epoch.
Source: Amazon CloudWatch API Reference, read 2026-11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.telemetry.metric_distribution import SIMPLE, Distribution, is_statistic
from lambda_sandbox.telemetry.metrics import MetricName, Metrics, sorted_dimensions
from lambda_sandbox.telemetry.metrics_errors import MonitoringError, invalid, refused
from lambda_sandbox.telemetry.metrics_math import Mathematics, MathError, Values

Params = dict[str, Any]
_FINE_PERIODS_S = (1, 5, 10, 20, 30)
_DATAPOINTS = 1_440  # of GetMetricStatistics
_PAGE = 500  # of ListMetrics
_RECENT_S = 3 * 3600
_VALUE_MAX = 2.0**360


class MetricsApi:
    """``flush`` brings in what has happened and was not added up yet."""

    def __init__(self, metrics: Metrics, clock: Clock, flush: Callable[[], None]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._flush = flush
        self.operations: dict[str, Callable[[Params, str, str], Params]] = {
            "PutMetricData": self.put_metric_data,
            "ListMetrics": self.list_metrics,
            "GetMetricStatistics": self.get_metric_statistics,
            "GetMetricData": self.get_metric_data,
        }

    def put_metric_data(self, params: Params, account_id: str, region: str) -> Params:
        namespace = params["Namespace"]
        if namespace.startswith("AWS/"):
            raise invalid(
                'The value AWS/ for parameter Namespace is invalid: names that begin with "AWS/" are reserved.'
            )
        if params.get("EntityMetricData"):
            raise refused("EntityMetricData is not emulated: send the metrics in MetricData.")
        data = params.get("MetricData") or []
        checked = [(datum, _given_values(number, datum)) for number, datum in enumerate(data, 1)]
        for datum, values in checked:
            name = MetricName(account_id, region, namespace, datum["MetricName"], _dimensions(datum))
            moment = datum.get("Timestamp", self._clock.now())
            series = self._metrics.distribution(
                name, moment, datum.get("Unit", "None"), datum.get("StorageResolution", 60)
            )
            series.merge(values)
        return {}

    def list_metrics(self, params: Params, account_id: str, region: str) -> Params:
        self._flush()
        if params.get("IncludeLinkedAccounts") or params.get("OwningAccount", account_id) != account_id:
            raise refused("Metrics of linked accounts are not emulated.")
        recent = self._clock.now() - _RECENT_S if params.get("RecentlyActive") else -math.inf
        found = sorted(
            name
            for name, newest in self._metrics.names(account_id, region)
            if newest >= recent and _matches(name, params)
        )
        token = params.get("NextToken", "0")
        if not token.isdecimal():
            raise invalid("Request parameter NextToken is invalid")
        start = int(token)
        answer: Params = {"Metrics": [_metric(name) for name in found[start : start + _PAGE]]}
        if start + _PAGE < len(found):
            answer["NextToken"] = str(start + _PAGE)
        return answer

    def get_metric_statistics(self, params: Params, account_id: str, region: str) -> Params:
        self._flush()
        simple, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
        if not simple and not extended:
            raise MonitoringError(
                "InvalidParameterCombinationException",
                "Must specify either Statistics or ExtendedStatistics",
            )
        start, end, period_s = params["StartTime"], params["EndTime"], params["Period"]
        _check_range(start, end, period_s)
        _check_statistics(extended)
        if (end - start) / period_s > _DATAPOINTS:
            raise MonitoringError(
                "InvalidParameterCombinationException",
                f"You have requested up to {math.ceil((end - start) / period_s):,} datapoints, which exceeds the limit of 1,440.",
            )
        name = MetricName(account_id, region, params["Namespace"], params["MetricName"], _dimensions(params))
        periods = self._metrics.periods(name, start, end, period_s, params.get("Unit"))
        unit = params.get("Unit") or self._metrics.unit(name)
        points = [_point(at, values, simple, extended, unit) for at, values in periods.items()]
        return {"Label": params["MetricName"], "Datapoints": points}

    def get_metric_data(self, params: Params, account_id: str, region: str) -> Params:
        self._flush()
        queries = params["MetricDataQueries"]
        start, end = params["StartTime"], params["EndTime"]
        if start >= end:
            raise invalid("The parameter StartTime must be less than the parameter EndTime.")
        reader = QueryReader(self._metrics, account_id, region)
        series = reader.read(queries, start, end)
        descending = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = [
            _result(query, series[query["Id"]], descending)
            for query in queries
            if query.get("ReturnData", True)
        ]
        if sum(len(result["Values"]) for result in results) > params.get("MaxDatapoints", 100_800):
            raise refused("MaxDatapoints is smaller than the answer, and the sandbox answers in one page.")
        return {"MetricDataResults": results, "Messages": []}


class QueryReader:
    """Reads the ``MetricDataQueries`` of one call. ``window`` makes periods that end at the end, as alarms have them."""

    def __init__(self, metrics: Metrics, account_id: str, region: str, window: bool = False) -> None:
        self._metrics = metrics
        self._account_id = account_id
        self._region = region
        self._window = window

    def read(self, queries: Iterable[Params], start: float, end: float) -> dict[str, Values]:
        """Return the series of each query by its id. Raises ``MonitoringError`` for what is no query."""
        queries = list(queries)
        _check_queries(queries)
        stats = [query for query in queries if "MetricStat" in query]
        series = {query["Id"]: self._stat(query, start, end) for query in stats}
        ids = tuple(each["Id"] for each in stats)
        period_s = _period(queries)
        expressions = _Expressions(series, ids, period_s, _times(start, end, period_s, self._window))
        expressions.solve([query for query in queries if "Expression" in query])
        return series

    def _stat(self, query: Params, start: float, end: float) -> Values:
        stat = query["MetricStat"]
        metric, period_s, statistic = stat["Metric"], stat["Period"], stat["Stat"]
        name = MetricName(
            self._account_id, self._region, metric["Namespace"], metric["MetricName"], _dimensions(metric)
        )
        if self._window:
            read = self._metrics.windows(name, start, end, period_s, stat.get("Unit"))
        else:
            read = self._metrics.periods(name, start, end, period_s, stat.get("Unit"))
        figures = ((at, values.statistic(statistic)) for at, values in read.items())
        return {at: figure for at, figure in figures if figure is not None}


@dataclass(frozen=True, slots=True)
class _Expressions:
    """What the expressions of one call are made of. ``series`` grows by each that is solved; ``ids`` are the metrics'."""

    series: dict[str, Values]
    ids: tuple[str, ...]
    period_s: int
    times: tuple[int, ...]

    def solve(self, queries: list[Params]) -> None:
        """Add the series of each, whatever order they name each other in. Raises ``MonitoringError`` where that cannot be."""
        waiting = queries
        while waiting:
            left = [query for query in waiting if not self._is_solved(query)]
            if len(left) == len(waiting):
                # Nothing more can be solved: say why of the first, which names what is missing.
                self._evaluate(left[0])
            waiting = left

    def _is_solved(self, query: Params) -> bool:
        try:
            self.series[query["Id"]] = self._evaluate(query)
        except MonitoringError:
            return False
        return True

    def _evaluate(self, query: Params) -> Values:
        mathematics = Mathematics(self.series, self.ids, query.get("Period", self.period_s), self.times)
        try:
            return mathematics.evaluate(query["Expression"])
        except MathError as error:
            raise refused(f"Error in expression '{query['Id']}': {error}") from None


def _check_queries(queries: list[Params]) -> None:
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise refused("The values for parameter id in MetricDataQueries are not unique")
    for number, query in enumerate(queries, 1):
        if ("MetricStat" in query) == ("Expression" in query):
            raise refused(
                f"The parameter MetricDataQueries.member.{number} takes either MetricStat or Expression."
            )
        if "${" in query.get("Label", ""):
            raise refused("Dynamic labels are not emulated: give a Label without ${…}.")
        if "AccountId" in query:
            raise refused("Metrics of linked accounts are not emulated: leave AccountId out.")
        stat = query.get("MetricStat")
        if stat is not None:
            _check_period(stat["Period"])
            _check_statistics([stat["Stat"]])
        if "Period" in query:
            _check_period(query["Period"])


def _period(queries: list[Params]) -> int:
    """Return the period that expressions work by: the largest that was asked for."""
    given = [query["MetricStat"]["Period"] for query in queries if "MetricStat" in query]
    given += [query["Period"] for query in queries if "Period" in query]
    return int(max(given, default=60))


def _times(start: float, end: float, period_s: int, window: bool) -> tuple[int, ...]:
    first = int(start) if window else int(start // period_s) * period_s
    if (end - first) / period_s > 100_800:
        raise refused("The time range has more than 100,800 periods.")
    return tuple(range(first, math.ceil(end), period_s))


def _result(query: Params, series: Values, descending: bool) -> Params:
    ordered = sorted(series.items(), reverse=descending)
    metric = query.get("MetricStat", {}).get("Metric", {}).get("MetricName")
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or metric or query["Id"],
        "Timestamps": [float(at) for at, _ in ordered],
        "Values": [value for _, value in ordered],
        "StatusCode": "Complete",
    }


def _point(
    at: int, values: Distribution, simple: list[str], extended: list[str], unit: str
) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": float(at), "Unit": unit}
    point |= {name: values.statistic(name) for name in simple}
    if extended:
        figures = {name: values.statistic(name) for name in extended}
        point["ExtendedStatistics"] = {name: value for name, value in figures.items() if value is not None}
    return point


def _check_range(start: float, end: float, period_s: int) -> None:
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    _check_period(period_s)


def _check_period(period_s: int) -> None:
    if period_s not in _FINE_PERIODS_S and (period_s < 60 or period_s % 60):
        raise invalid(
            f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, and it is {period_s}."
        )


def _check_statistics(names: Iterable[str]) -> None:
    for name in names:
        if not is_statistic(name):
            known = ", ".join(SIMPLE)
            raise invalid(f"{name} is no statistic: use {known}, or one such as p99, tm90 or TM(5%:95%).")


def _dimensions(given: Params) -> tuple[tuple[str, str], ...]:
    return sorted_dimensions((each["Name"], each["Value"]) for each in given.get("Dimensions") or ())


def _matches(name: MetricName, params: Params) -> bool:
    if params.get("Namespace", name.namespace) != name.namespace:
        return False
    if params.get("MetricName", name.name) != name.name:
        return False
    has = dict(name.dimensions)
    wanted = params.get("Dimensions") or ()
    return all(each["Name"] in has and each.get("Value", has[each["Name"]]) == has[each["Name"]] for each in wanted)  # fmt: skip


def _metric(name: MetricName) -> Params:
    dimensions = [{"Name": key, "Value": value} for key, value in name.dimensions]
    return {"Namespace": name.namespace, "MetricName": name.name, "Dimensions": dimensions}


def _given_values(number: int, datum: Params) -> Distribution:
    """Return what one datum reports. Raises ``MonitoringError`` for no value, several kinds of value, or none that counts."""
    place = f"MetricData.member.{number}"
    given = [kind for kind in ("Value", "Values", "StatisticValues") if kind in datum]
    if len(given) != 1:
        raise MonitoringError(
            "InvalidParameterCombinationException",
            f"{place} takes exactly one of Value, Values and StatisticValues, and has {', '.join(given) or 'none'}.",
        )
    values = Distribution()
    if given == ["StatisticValues"]:
        figures = datum["StatisticValues"]
        values.add_statistics(figures["SampleCount"], figures["Sum"], figures["Minimum"], figures["Maximum"])
        return values
    several = datum.get("Values") or [datum.get("Value", 0.0)]
    counts = datum.get("Counts") or [1.0] * len(several)
    if len(counts) != len(several):
        raise invalid(f"The parameters {place}.Values and {place}.Counts must be of the same size.")
    for value, count in zip(several, counts, strict=True):
        if not -_VALUE_MAX <= value <= _VALUE_MAX:
            raise invalid(f"The value {value} for parameter {place}.Value is invalid.")
        values.add(value, count)
    return values
