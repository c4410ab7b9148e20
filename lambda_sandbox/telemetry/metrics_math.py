"""Metric math: expressions over the series of one ``GetMetricData`` call, or of one alarm.

Series are values by the start of their period. Source: Amazon CloudWatch User Guide, "Using math expressions with CloudWatch
metrics", read 2026-11.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = dict[int, float]
_Number = float | Values

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
    "LOG": math.log,
    "LOG10": math.log10,
}
_ACROSS: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": statistics.fmean,
    "MIN": min,
    "MAX": max,
    "STDDEV": statistics.pstdev,
}


_KNOWN = {*_EACH, *_ACROSS, "IF", "FILL", "PERIOD", "DIFF", "RATE", "RUNNING_SUM", "DATAPOINT_COUNT"}


class MathError(ValueError):
    """The expression cannot be evaluated; the text says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Mathematics:
    """``series`` by their ids, in the order asked for; ``times`` are the starts of all periods."""

    series: Mapping[str, Values]
    metrics: tuple[str, ...]
    period_s: int
    times: tuple[int, ...]

    def evaluate(self, expression: str) -> Values:
        """Return the series that an expression makes. Raises ``MathError``."""
        # AWS's logical operators are those of C.
        text = expression.replace("&&", " and ").replace("||", " or ").strip()
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise MathError(f"the expression {expression!r} cannot be read") from None
        value = self._value(tree.body)
        if isinstance(value, list):
            raise MathError("an expression that makes several time series is not supported by the sandbox")
        return self._as_series(value)

    # --- parts ---------------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool()):
                raise MathError("TRUE and FALSE are numbers here: write 1 or 0")
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._each(operator.neg, self._value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._pairs(_BINARY[type(op)], self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return self._pairs(_COMPARE[type(op)], self._value(left), self._value(right))
            case ast.BoolOp(op=op, values=[left, right]):
                return self._logical(isinstance(op, ast.And), self._value(left), self._value(right))
            case ast.List(elts=elements):
                return [self._value(element) for element in elements]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name.upper(), arguments)
        raise MathError(f"{ast.unparse(node)!r} is not metric math that the sandbox knows")

    def _named(self, name: str) -> Values:
        if name not in self.series:
            raise MathError(f"there is no metric or expression with the id {name!r}")
        return self.series[name]

    def _call(self, name: str, arguments: list[ast.expr]) -> Any:
        if name == "METRICS":
            return [self.series[each] for each in self.metrics]
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self._value(arguments[0]), arguments[1])
        if name not in _KNOWN:
            raise MathError(f"the function {name} is not supported by the sandbox")
        values = [self._value(argument) for argument in arguments]
        if name in _EACH and len(values) == 1:
            return self._each(_EACH[name], values[0])
        if name in _ACROSS and len(values) == 1:
            return _across(_ACROSS[name], values[0])
        if name == "IF" and len(values) in (2, 3):
            return self._if(*values)
        if name == "PERIOD" and len(values) == 1:
            return float(self.period_s)
        if name in ("DIFF", "RATE", "RUNNING_SUM") and len(values) == 1 and isinstance(values[0], dict):
            return self._along(name, values[0])
        if name == "DATAPOINT_COUNT" and len(values) == 1 and isinstance(values[0], dict):
            return float(len(values[0]))
        raise MathError(f"{name} with {len(values)} arguments is not metric math that the sandbox knows")

    def _each(self, function: Callable[[float], float], value: Any) -> Any:
        if isinstance(value, list):
            return [self._each(function, each) for each in value]
        if isinstance(value, float):
            return _tried(function, value) or 0.0
        return {time: made for time, each in value.items() if (made := _tried(function, each)) is not None}

    def _pairs(self, function: Callable[[float, float], float], left: Any, right: Any) -> Any:
        if isinstance(left, list):
            return [self._pairs(function, each, right) for each in left]
        if isinstance(right, list):
            return [self._pairs(function, left, each) for each in right]
        if isinstance(left, float) and isinstance(right, float):
            made = _tried(function, left, right)
            if made is None:
                raise MathError("the expression divides by zero")
            return made
        times = _common(left, right)
        pairs = ((time, _at(left, time), _at(right, time)) for time in times)
        return {time: made for time, a, b in pairs if (made := _tried(function, a, b)) is not None}

    def _logical(self, both: bool, left: Any, right: Any) -> Any:
        def decide(a: float, b: float) -> float:
            return float((a != 0 and b != 0) if both else (a != 0 or b != 0))

        return self._pairs(decide, left, right)

    def _if(self, condition: Any, then: Any, other: Any = None) -> Values:
        if any(isinstance(each, list) for each in (condition, then, other)):
            raise MathError("IF takes single time series, not METRICS()")
        found: Values = {}
        for time in condition if isinstance(condition, dict) else self.times:
            chosen = then if _at(condition, time) else other
            if chosen is not None and (isinstance(chosen, float) or time in chosen):
                found[time] = _at(chosen, time)
        return found

    def _fill(self, value: Any, filler: ast.expr) -> Any:
        if isinstance(value, list):
            return [self._fill(each, filler) for each in value]
        if isinstance(filler, ast.Name) and filler.id.upper() == "REPEAT":
            return self._repeated(value)
        if isinstance(filler, ast.Name) and filler.id.upper() == "LINEAR":
            raise MathError("FILL with LINEAR is not supported by the sandbox; use REPEAT or a number")
        number = self._value(filler)
        return {time: value.get(time, _at(number, time)) for time in self.times}

    def _repeated(self, value: Values) -> Values:
        found: Values = {}
        last: float | None = None
        for time in self.times:
            last = value.get(time, last)
            if last is not None:
                found[time] = last
        return found

    def _along(self, name: str, value: Values) -> Values:
        ordered = sorted(value.items())
        if name == "RUNNING_SUM":
            total, sums = 0.0, {}
            for time, each in ordered:
                total += each
                sums[time] = total
            return sums
        found = {}
        for (before, old), (time, new) in itertools.pairwise(ordered):
            found[time] = (new - old) / ((time - before) if name == "RATE" else 1)
        return found

    def _as_series(self, value: _Number) -> Values:
        return dict.fromkeys(self.times, value) if isinstance(value, float) else value


def _tried(function: Callable[..., float], *values: float) -> float | None:
    """Return the result, or ``None`` where there is none: AWS leaves such points out."""
    try:
        made = function(*values)
        return float(made) if not isinstance(made, complex) and math.isfinite(made) else None
    except (ArithmeticError, ValueError):
        return None


def _at(value: _Number, time: int) -> float:
    return value if isinstance(value, float) else value[time]


def _common(left: _Number, right: _Number) -> list[int]:
    if isinstance(left, float):
        return sorted(right) if isinstance(right, dict) else []
    return sorted(left if isinstance(right, float) else left.keys() & right.keys())


def _across(function: Callable[[list[float]], float], value: Any) -> Any:
    """A function of several series goes by period; of one, over all of its periods."""
    if isinstance(value, list):
        times = sorted({time for series in value for time in series})
        return {time: float(function([series[time] for series in value if time in series])) for time in times}
    if isinstance(value, dict):
        return float(function(list(value.values()))) if value else 0.0
    return value
