"""Segments as spans: what a function has written itself may be anything, and must cost no other function its traces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lambda_sandbox.telemetry import otlp
from lambda_sandbox.telemetry.traces import SegmentRefused, Traces

OWNER = ("000000000000", "us-east-1")
SEGMENT: dict[str, Any] = {
    "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    "id": "70de5b6f19ff9a0a",
    "name": "shop",
    "start_time": 1.0,
    "end_time": 2.0,
}
INNER: dict[str, Any] = {"id": "70de5b6f19ff9a0b", "name": "load", "start_time": 1.0, "end_time": 2.0}
OTHER = SEGMENT | {"id": "70de5b6f19ff9a0c", "name": "other"}


def names(*segments: dict[str, Any]) -> list[str]:
    sent = [(*OWNER, each, each) for each in segments]
    request = ExportTraceServiceRequest.FromString(otlp.traces_request(sent))
    return sorted(span.name for of in request.resource_spans for s in of.scope_spans for span in s.spans)


def test_a_segment_and_what_is_in_it_are_spans() -> None:
    assert names(SEGMENT | {"subsegments": [INNER]}, OTHER) == ["load", "other", "shop"]


@pytest.mark.parametrize(
    "wrong",
    [{"id": "no number"}, {"id": 7}, {"start_time": "soon"}, {"end_time": float("nan")}, {"end_time": 1e30}],
    ids=["id", "type of id", "start_time", "no time", "no such time"],
)
def test_what_is_no_span_is_left_out_and_the_rest_is_told(wrong: dict[str, Any]) -> None:
    assert names(SEGMENT | {"subsegments": [INNER | wrong]}, OTHER) == ["other", "shop"]


def test_a_parent_that_is_no_id_costs_only_its_own_segment() -> None:
    assert names(SEGMENT | {"parent_id": "nobody"}, OTHER) == ["other"]


def test_half_a_character_is_replaced() -> None:
    half = json.loads('"\\ud800"')
    assert names(SEGMENT | {"name": half, "annotations": {"k": half}}) == ["?"]


@pytest.mark.parametrize("time", ["NaN", "Infinity", "-1.0", "1e30"])
def test_a_time_that_is_none_is_refused_at_the_door(time: str) -> None:
    document = json.dumps(SEGMENT).replace("2.0", time)
    with pytest.raises(SegmentRefused, match="end_time is not in seconds since the epoch"):
        Traces().put_document(document, *OWNER)
