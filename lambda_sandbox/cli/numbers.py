"""Numbers on the command line that are ones: ``nan`` and ``inf`` pass every comparison and then never end."""

from __future__ import annotations

import math
from typing import Any

import click


class Finite(click.types.FloatParamType):
    """Any number but ``nan`` and ``inf``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return _finite(self, super().convert(value, param, ctx), param, ctx)


class FiniteRange(click.FloatRange):
    """A number in a range that may be open at the top, yet not without end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        # Before the range is looked at, whose sentence would be about its bounds.
        _finite(self, click.FLOAT.convert(value, param, ctx), param, ctx)
        return float(super().convert(value, param, ctx))


def _finite(
    kind: Finite | FiniteRange, value: float, param: click.Parameter | None, ctx: click.Context | None
) -> float:
    if not math.isfinite(value):
        kind.fail(f"{value} is not a finite number", param, ctx)
    return float(value)
