"""X-Ray's operations on traces. Parameters and answers are in AWS's casing, times as seconds since the epoch.

Source: AWS X-Ray API Reference, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lambda_sandbox.telemetry import traces_filter
from lambda_sandbox.telemetry.metrics_errors import MonitoringError
from lambda_sandbox.telemetry.traces import Segment, SegmentRefused, Trace, Traces, annotations_of, walk
from lambda_sandbox.telemetry.traces_filter import Subject
from lambda_sandbox.telemetry.traces_graph import service_graph

Params = dict[str, Any]
_PAGE = 100
_LONGEST_S = 6 * 3600


class TracesApi:
    """``collect`` brings in what functions have sent and was not read yet."""

    def __init__(self, traces: Traces, collect: Callable[[], None]) -> None:
        self._traces = traces
        self._collect = collect
        self.operations: dict[str, Callable[[Params, str, str], Params]] = {
            "PutTraceSegments": self.put_trace_segments,
            "PutTelemetryRecords": lambda params, account_id, region: {},  # of the daemon itself: nobody can read them
            "GetTraceSummaries": self.get_trace_summaries,
            "BatchGetTraces": self.batch_get_traces,
            "GetServiceGraph": self.get_service_graph,
            "GetTraceGraph": self.get_trace_graph,
        }

    def put_trace_segments(self, params: Params, account_id: str, region: str) -> Params:
        left = []
        for document in params["TraceSegmentDocuments"]:
            try:
                self._traces.put_document(document, account_id, region)
            except SegmentRefused as refusal:
                left.append({"Id": refusal.segment_id, "ErrorCode": refusal.code, "Message": str(refusal)})
        return {"UnprocessedTraceSegments": left}

    def get_trace_summaries(self, params: Params, account_id: str, region: str) -> Params:
        self._collect()
        for name in ("SamplingStrategy", "Sampling"):
            if params.get(name):
                raise _invalid(f"{name} is not emulated: every trace is looked at.")
        if params.get("TimeRangeType", "TraceId") == "Service":
            raise _invalid("TimeRangeType Service is not emulated: use TraceId or Event.")
        test = traces_filter.parse(params.get("FilterExpression") or "responsetime >= 0")
        start, end = _range(params)
        found = [
            trace for trace in self._traces.between(start, end, account_id, region) if test(Subject.of(trace))
        ]
        first = _page(params)
        answer: Params = {
            "TraceSummaries": [_summary(trace) for trace in found[first : first + _PAGE]],
            "ApproximateTime": end,
            "TracesProcessedCount": len(found),
        }
        if first + _PAGE < len(found):
            answer["NextToken"] = str(first + _PAGE)
        return answer

    def batch_get_traces(self, params: Params, account_id: str, region: str) -> Params:
        self._collect()
        found, missing = self._find(params["TraceIds"], account_id, region)
        return {"Traces": [_shown(trace) for trace in found], "UnprocessedTraceIds": missing}

    def get_trace_graph(self, params: Params, account_id: str, region: str) -> Params:
        self._collect()
        found, _ = self._find(params["TraceIds"], account_id, region)
        return {"Services": service_graph(found, account_id)}

    def get_service_graph(self, params: Params, account_id: str, region: str) -> Params:
        self._collect()
        for name in ("GroupName", "GroupARN"):
            if params.get(name, "Default") != "Default":
                raise _invalid(f"{name} is not emulated: the sandbox has no groups.")
        start, end = _range(params)
        traces = list(self._traces.between(start, end, account_id, region))
        return {
            "StartTime": start,
            "EndTime": end,
            "Services": service_graph(traces, account_id),
            "ContainsOldGroupVersions": False,
        }

    def _find(self, trace_ids: list[str], account_id: str, region: str) -> tuple[list[Trace], list[str]]:
        found, missing = [], []
        for trace_id in trace_ids:
            trace = self._traces.get(trace_id, account_id, region)
            if trace is None:
                missing.append(trace_id)
            else:
                found.append(trace)
        return found, missing


def _shown(trace: Trace) -> Params:
    return {
        "Id": trace.trace_id,
        "Duration": round(trace.end - trace.start, 3),
        "LimitExceeded": False,
        "Segments": [
            {"Id": segment["id"], "Document": json.dumps({"trace_id": trace.trace_id, **segment})}
            for segment in trace.whole()
        ],
    }


def _summary(trace: Trace) -> Params:
    subject = Subject.of(trace)
    first = next(iter(subject.values("responsetime")), 0.0)
    segments = subject.segments
    summary: Params = {
        "Id": trace.trace_id,
        "StartTime": trace.start,
        "Duration": round(trace.end - trace.start, 3),
        "ResponseTime": round(first, 3),
        "HasFault": subject.flag("fault"),
        "HasError": subject.flag("error"),
        "HasThrottle": subject.flag("throttle"),
        "IsPartial": subject.flag("partial"),
        "Annotations": _annotations(segments),
        "Users": [{"UserName": user} for user in dict.fromkeys(subject.values("user"))],
        "ServiceIds": [_service(segment) for segment in segments],
        "ResourceARNs": [
            {"ARN": arn}
            for arn in dict.fromkeys(each["resource_arn"] for each in segments if "resource_arn" in each)
        ],
        "Revision": 1,
    }
    http = {
        wire: value
        for name, wire in (("status", "HttpStatus"), ("url", "HttpURL"), ("method", "HttpMethod"))
        if (value := next(iter(subject.values(f"http.{name}")), None)) is not None
    }
    return summary | ({"Http": http} if http else {})


def _service(segment: Segment) -> Params:
    kind = segment.get("origin", "")
    return {"Name": segment["name"], "Names": [segment["name"]], "Type": kind}


def _annotations(segments: tuple[Segment, ...]) -> Params:
    found: dict[str, list[Params]] = {}
    for segment in segments:
        for each in walk(segment):
            for key, value in annotations_of(each).items():
                told = {"AnnotationValue": _annotation(value), "ServiceIds": [_service(segment)]}
                found.setdefault(key, []).append(told)
    return found


def _annotation(value: Any) -> Params:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    if isinstance(value, int | float):
        return {"NumberValue": float(value)}
    return {"StringValue": str(value)}


def _range(params: Params) -> tuple[float, float]:
    start, end = params["StartTime"], params["EndTime"]
    if start >= end:
        raise _invalid("EndTime must be after StartTime.")
    if end - start > _LONGEST_S:
        raise _invalid("The time range is longer than six hours.")
    return start, end


def _page(params: Params) -> int:
    token = params.get("NextToken", "0")
    if not token.isdecimal():
        raise _invalid("NextToken is invalid.")
    return int(token)


def _invalid(message: str) -> MonitoringError:
    return MonitoringError("InvalidRequestException", message)
