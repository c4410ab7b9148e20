"""X-Ray's traces: the segments of each, in memory, oldest dropped first.

A segment is X-Ray's document as a dictionary. One that comes again under its id takes the place of the first, as on AWS; a
subsegment that was sent by itself belongs into the segment or subsegment that its ``parent_id`` names.

Source: AWS X-Ray Developer Guide, "X-Ray segment documents", read 2026-11.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Segment = dict[str, Any]

# POLICY: X-Ray keeps 64 MB of traces here, the newest; AWS keeps them for 30 days.
_KEPT_BYTES = 64 << 20
_SEGMENT_BYTES = 64 << 10
_TRACE_ID = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
_SEGMENT_ID = re.compile(r"[0-9a-fA-F]{16}")
_YEAR_5138_S = 1e11


class SegmentRefused(ValueError):
    """The document is no segment; ``code`` is X-Ray's."""

    def __init__(self, code: str, message: str, segment_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.segment_id = segment_id


@dataclass(slots=True)
class Trace:
    """``segments`` are by id, each with its own ``subsegments``; ``loose`` are subsegments that came alone."""

    trace_id: str
    segments: dict[str, Segment] = field(default_factory=dict)
    loose: dict[str, Segment] = field(default_factory=dict)
    size: int = 0

    @property
    def start(self) -> float:
        return min(float(each["start_time"]) for each in self.everything())

    @property
    def end(self) -> float:
        return max(ended(each) for each in self.everything())

    @property
    def partial(self) -> bool:
        return any("end_time" not in each for each in self.everything())

    def everything(self) -> list[Segment]:
        return [*self.segments.values(), *self.loose.values()]

    def whole(self) -> list[Segment]:
        """Return the segments with the loose subsegments where they belong; those that belong nowhere stand alone."""
        segments = {key: copy.deepcopy(each) for key, each in self.segments.items()}
        places = {each["id"]: each for segment in segments.values() for each in walk(segment)}
        waiting = [copy.deepcopy(each) for each in self.loose.values()]
        places |= {inner["id"]: inner for each in waiting for inner in walk(each)}
        alone = []
        for each in sorted(waiting, key=lambda one: float(one["start_time"])):
            place = places.get(each.get("parent_id", ""))
            if place is None or place is each:
                alone.append(each)
            else:
                place.setdefault("subsegments", []).append(each)
        return [*segments.values(), *alone]


class Traces:
    """``on_segment(account_id, region, segment)`` hears of everything that is put, for an exporter."""

    def __init__(self) -> None:
        self._traces: dict[tuple[str, str], dict[str, Trace]] = {}
        self._size = 0
        self.on_segment: Callable[[str, str, Segment], None] | None = None

    def put(self, segment: Segment, account_id: str, region: str) -> None:
        """Keep a segment or subsegment. Raises ``SegmentRefused`` for a document that is neither."""
        _check(segment)
        traces = self._traces.setdefault((account_id, region), {})
        trace = traces.setdefault(segment["trace_id"], Trace(segment["trace_id"]))
        alone = segment.get("type") == "subsegment"
        (trace.loose if alone else trace.segments)[segment["id"]] = segment
        size = len(json.dumps(segment))
        trace.size += size
        self._size += size
        while self._size > _KEPT_BYTES:
            self._drop_oldest()
        if self.on_segment is not None:
            self.on_segment(account_id, region, segment)

    def put_document(self, text: str | bytes, account_id: str, region: str) -> None:
        """Keep a document in JSON, as the daemon and ``PutTraceSegments`` get it. Raises ``SegmentRefused``."""
        if len(text) > _SEGMENT_BYTES:
            raise SegmentRefused("SegmentTooLarge", "The segment document is larger than 64 KB.")
        try:
            segment = json.loads(text)
        except (ValueError, RecursionError):
            segment = None
        if not isinstance(segment, dict):
            raise SegmentRefused("ParseError", "The segment document is not a JSON object.")
        self.put(segment, account_id, region)

    def get(self, trace_id: str, account_id: str, region: str) -> Trace | None:
        return self._traces.get((account_id, region), {}).get(trace_id)

    def owner(self, segment: Segment, account_id: str, region: str) -> Segment:
        """Return the segment that a subsegment which came alone belongs to; a segment is its own."""
        trace = self.get(segment["trace_id"], account_id, region)
        inside: dict[str, Segment] = {}
        for whole in trace.segments.values() if trace is not None else ():
            inside |= {each["id"]: whole for each in walk(whole)}
        if trace is not None and segment["id"] in trace.loose:
            parents = {each["id"]: loose for loose in trace.loose.values() for each in walk(loose)}
            seen: set[str] = set()
            above: Segment | None = segment
            while above is not None and above["id"] not in seen:
                seen.add(above["id"])
                parent = str(above.get("parent_id", ""))
                if parent in inside:
                    return inside[parent]
                above = parents.get(parent)
        return segment

    def between(self, start: float, end: float, account_id: str, region: str) -> Iterator[Trace]:
        """Yield the traces that began from ``start`` to ``end``, newest first."""
        found = [
            trace
            for trace in self._traces.get((account_id, region), {}).values()
            if start <= trace.start <= end
        ]
        yield from sorted(found, key=lambda trace: -trace.start)

    def clear(self) -> None:
        self._traces.clear()
        self._size = 0

    def _drop_oldest(self) -> None:
        traces = max(self._traces.values(), key=lambda each: sum(trace.size for trace in each.values()))
        first = next(iter(traces))
        self._size -= traces.pop(first).size


def walk(segment: Segment) -> Iterator[Segment]:
    """Yield a segment and all subsegments in it."""
    yield segment
    inside = segment.get("subsegments")
    for each in inside if isinstance(inside, list) else ():
        if isinstance(each, dict) and "id" in each:
            yield from walk(each)


def ended(segment: Segment) -> float:
    """Return when a segment ended; one that is in progress has only begun."""
    return float(segment["end_time"] if "end_time" in segment else segment["start_time"])


def annotations_of(segment: Segment) -> dict[str, Any]:
    """Return a segment's annotations; what else may stand in their place counts as none."""
    given = segment.get("annotations")
    return given if isinstance(given, dict) else {}


def _check(segment: Segment) -> None:
    given = segment.get("id")
    identity = given if isinstance(given, str) else ""
    for name, pattern in (("trace_id", _TRACE_ID), ("id", _SEGMENT_ID)):
        value = segment.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise SegmentRefused("InvalidSegment", f"{name} is missing or not of the right form.", identity)
    if not isinstance(segment.get("name"), str) or not segment["name"]:
        raise SegmentRefused("MissingName", "A segment has a name.", identity)
    for name in ("start_time", "end_time"):
        value = segment.get(name, None if name == "start_time" else 0.0)
        # JSON as Python reads it has NaN and Infinity.
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _YEAR_5138_S:
            raise SegmentRefused("InvalidSegment", f"{name} is not in seconds since the epoch.", identity)
    if "end_time" not in segment and not segment.get("in_progress"):
        raise SegmentRefused("InvalidSegment", "A segment has an end_time, or is in_progress.", identity)
    if not isinstance(segment.get("subsegments", []), list):
        raise SegmentRefused("InvalidSegment", "subsegments is a list.", identity)
