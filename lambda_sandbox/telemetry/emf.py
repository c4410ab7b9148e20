"""The embedded metric format: a log line that is JSON with ``_aws`` in it carries metrics.

Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.telemetry.metrics import Dimensions, sorted_dimensions

MARK = b'"_aws"'
_METRICS_MAX, _DIMENSIONS_MAX, _VALUES_MAX = 100, 30, 100


@dataclass(frozen=True, slots=True)
class Emitted:
    """The values of one metric in one line, with one set of dimensions. ``timestamp`` is seconds since the epoch."""

    namespace: str
    name: str
    values: tuple[float, ...]
    unit: str
    dimensions: Dimensions
    timestamp: float
    storage_resolution_s: int = 60


def parse(line: bytes | str) -> Iterator[Emitted]:
    """Yield what a log line reports. AWS: what is not valid is left out without a word, so it is here."""
    try:
        document = json.loads(line)
    except ValueError:
        return
    head = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(head, dict) or not isinstance(head.get("Timestamp"), int | float):
        return
    directives = head.get("CloudWatchMetrics")
    for directive in directives if isinstance(directives, list) else ():
        if isinstance(directive, dict) and isinstance(directive.get("Namespace"), str):
            yield from _directive(directive, document, head["Timestamp"] / 1000.0)


def _directive(directive: dict[str, Any], document: dict[str, Any], timestamp: float) -> Iterator[Emitted]:
    sets = directive.get("Dimensions") or [[]]
    found = [_dimensions(names, document) for names in sets if isinstance(names, list)]
    metrics = directive.get("Metrics")
    for metric in (metrics if isinstance(metrics, list) else [])[:_METRICS_MAX]:
        name = metric.get("Name") if isinstance(metric, dict) else None
        values = _values(document.get(name)) if isinstance(name, str) else ()
        if not values or not isinstance(name, str):
            continue
        unit = str(metric.get("Unit", "None"))
        fine = 1 if metric.get("StorageResolution") == 1 else 60
        for dimensions in found:
            if dimensions is not None:
                yield Emitted(directive["Namespace"], name, values, unit, dimensions, timestamp, fine)


def _dimensions(names: list[Any], document: dict[str, Any]) -> Dimensions | None:
    """Return one set with its values from the line, or ``None`` where one is missing."""
    if len(names) > _DIMENSIONS_MAX or any(not isinstance(name, str) for name in names):
        return None
    values = {name: document.get(name) for name in names}
    if any(value is None or isinstance(value, dict | list) for value in values.values()):
        return None
    return sorted_dimensions({name: str(value) for name, value in values.items()})


def _values(given: Any) -> tuple[float, ...]:
    values = given if isinstance(given, list) else [given]
    if len(values) > _VALUES_MAX:
        return ()
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return ()
    return tuple(float(value) for value in values)
