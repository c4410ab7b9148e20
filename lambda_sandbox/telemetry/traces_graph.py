"""The service graph: who called whom in a number of traces, how often, and how it went. Pure.

Source: AWS X-Ray API Reference, "GetServiceGraph", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.telemetry.traces import Segment, Trace, walk

_CLIENT = ("client", "client")


@dataclass(slots=True)
class _Statistics:
    ok: int = 0
    errors: int = 0
    throttles: int = 0
    faults: int = 0
    seconds: float = 0.0
    start: float = float("inf")
    end: float = 0.0

    def add(self, segment: Segment) -> None:
        start = float(segment["start_time"])
        end = float(segment.get("end_time", start))
        if segment.get("fault"):
            self.faults += 1
        elif segment.get("throttle"):
            self.throttles += 1
        elif segment.get("error"):
            self.errors += 1
        else:
            self.ok += 1
        self.seconds += end - start
        self.start, self.end = min(self.start, start), max(self.end, end)

    def shown(self) -> dict[str, Any]:
        errors = self.errors + self.throttles
        return {
            "OkCount": self.ok,
            "ErrorStatistics": {
                "ThrottleCount": self.throttles,
                "OtherCount": self.errors,
                "TotalCount": errors,
            },
            "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults},
            "TotalCount": self.ok + errors + self.faults,
            "TotalResponseTime": self.seconds,
        }


@dataclass(slots=True)
class _Node:
    number: int
    statistics: _Statistics = field(default_factory=_Statistics)
    edges: dict[tuple[str, str], _Statistics] = field(default_factory=dict)
    root: bool = False


_Nodes = dict[tuple[str, str], _Node]


def service_graph(traces: Iterable[Trace], account_id: str) -> list[dict[str, Any]]:
    """Return the graph's ``Services``, numbered, with their edges."""
    nodes: _Nodes = {}
    for trace in traces:
        segments = trace.whole()
        owner = {each["id"]: segment for segment in segments for each in walk(segment)}
        for segment in segments:
            _add(nodes, segment, owner.get(segment.get("parent_id", "")))
            for each in walk(segment):
                if each.get("namespace") in ("aws", "remote"):
                    _add_remote(nodes, segment, each)
    return [_shown(key, node, nodes, account_id) for key, node in nodes.items()]


def _node(nodes: _Nodes, key: tuple[str, str]) -> _Node:
    return nodes.setdefault(key, _Node(len(nodes)))


def _add(nodes: _Nodes, segment: Segment, parent: Segment | None) -> None:
    key = segment["name"], segment.get("origin", "")
    node = _node(nodes, key)
    node.statistics.add(segment)
    came_from = (parent["name"], parent.get("origin", "")) if parent is not None else _CLIENT
    caller = _node(nodes, came_from)
    if parent is None:
        node.root = True
        caller.statistics.add(segment)
    if came_from != key:
        caller.edges.setdefault(key, _Statistics()).add(segment)


def _add_remote(nodes: _Nodes, segment: Segment, call: Segment) -> None:
    """A call to a service that sends no segments itself, as the subsegment tells of it."""
    kind = f"AWS::{call['name']}" if call["namespace"] == "aws" else "remote"
    key = call["name"], kind
    _node(nodes, key).statistics.add(call)
    caller = _node(nodes, (segment["name"], segment.get("origin", "")))
    caller.edges.setdefault(key, _Statistics()).add(call)


def _shown(key: tuple[str, str], node: _Node, nodes: _Nodes, account_id: str) -> dict[str, Any]:
    name, kind = key
    return {
        "ReferenceId": node.number,
        "Name": name,
        "Names": [name],
        "Root": node.root,
        "AccountId": account_id,
        "Type": kind,
        "State": "active",
        "StartTime": node.statistics.start,
        "EndTime": node.statistics.end,
        "SummaryStatistics": node.statistics.shown(),
        "Edges": [
            {
                "ReferenceId": nodes[target].number,
                "StartTime": statistics.start,
                "EndTime": statistics.end,
                "SummaryStatistics": statistics.shown(),
                "Aliases": [],
            }
            for target, statistics in node.edges.items()
        ],
    }
