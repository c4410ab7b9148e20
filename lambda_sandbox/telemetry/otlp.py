"""X-Ray segments as OpenTelemetry's spans, and Lambda's metrics as its sums and histograms, in OTLP's protobuf.

Source: OpenTelemetry Protocol 1.x; OpenTelemetry semantic conventions for FaaS and for AWS Lambda; read 2026-11.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, SummaryDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from lambda_sandbox.telemetry.metric_distribution import Distribution
from lambda_sandbox.telemetry.metrics import MetricName
from lambda_sandbox.telemetry.traces import Segment, annotations_of, ended

_SCOPE = "lambda_sandbox"
_QUANTILES = (0.0, 0.5, 0.9, 0.99, 1.0)
_KINDS = {"AWS::Lambda": Span.SPAN_KIND_SERVER, "AWS::Lambda::Function": Span.SPAN_KIND_SERVER}

Sent = tuple[str, str, Segment, Segment]  # account, Region, segment, and the segment that it belongs to


def traces_request(sent: Iterable[Sent]) -> bytes:
    """Return the body of ``POST /v1/traces``: a resource for each service, a span for each segment and subsegment."""
    by_resource: dict[tuple[str, str, str, str], list[Segment]] = defaultdict(list)
    for account_id, region, segment, owner in sent:
        by_resource[account_id, region, owner["name"], owner.get("origin", "")].append(segment)
    request = ExportTraceServiceRequest()
    for (account_id, region, name, origin), segments in by_resource.items():
        resource = request.resource_spans.add()
        resource.resource.attributes.extend(_resource(account_id, region, name, origin))
        spans = resource.scope_spans.add()
        spans.scope.name = _SCOPE
        for segment in segments:
            trace_id = bytes.fromhex(segment["trace_id"][2:].replace("-", ""))
            spans.spans.extend(_spans(segment, trace_id, str(segment.get("parent_id", ""))))
    return bytes(request.SerializeToString())


def metrics_request(minutes: Iterable[tuple[MetricName, str, int, Distribution]]) -> bytes:
    """Return the body of ``POST /v1/metrics``; each item is a metric, its unit, the start of a minute and its values."""
    request = ExportMetricsServiceRequest()
    by_resource: dict[tuple[str, str], dict[tuple[str, str, str], Metric]] = defaultdict(dict)
    scopes: dict[tuple[str, str], Any] = {}
    for name, unit, minute, values in minutes:
        owner = name.account_id, name.region
        if owner not in scopes:
            resource = request.resource_metrics.add()
            resource.resource.attributes.extend(
                _attributes({"cloud.account.id": owner[0], "cloud.region": owner[1]})
            )
            scopes[owner] = resource.scope_metrics.add()
            scopes[owner].scope.name = _SCOPE
        key = name.namespace, name.name, unit
        metric = by_resource[owner].get(key)
        if metric is None:
            metric = by_resource[owner][key] = scopes[owner].metrics.add()
            metric.name = f"{name.namespace}/{name.name}"
            metric.unit = unit
        metric.summary.data_points.append(_summary(name, minute, values))
    return bytes(request.SerializeToString())


# --- spans ---------------------------------------------------------------------------------------------


def _spans(segment: Segment, trace_id: bytes, parent_id: str) -> Iterator[Span]:
    """Yield the span of a segment and those inside it. What a function has written itself may be no span: it is left out."""
    try:
        yield _span(segment, trace_id, parent_id)
    except (KeyError, TypeError, ValueError, OverflowError):
        return
    for inner in segment.get("subsegments") or ():
        if isinstance(inner, dict):
            yield from _spans(inner, trace_id, segment["id"])


def _span(segment: Segment, trace_id: bytes, parent_id: str) -> Span:
    span = Span()
    span.trace_id = trace_id
    span.span_id = bytes.fromhex(segment["id"])
    if parent_id:
        span.parent_span_id = bytes.fromhex(parent_id)
    span.name = _text(segment["name"])
    span.kind = _kind(segment)
    span.start_time_unix_nano = _nanoseconds(float(segment["start_time"]))
    span.end_time_unix_nano = _nanoseconds(ended(segment))
    span.attributes.extend(_attributes(_facts(segment)))
    if any(segment.get(flag) for flag in ("fault", "error", "throttle")):
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = _text(_why(segment))
    return span


def _kind(segment: Segment) -> Span.SpanKind.ValueType:
    if segment.get("namespace") in ("aws", "remote"):
        return Span.SPAN_KIND_CLIENT
    return _KINDS.get(str(segment.get("origin", "")), Span.SPAN_KIND_INTERNAL)


def _facts(segment: Segment) -> dict[str, Any]:
    facts: dict[str, Any] = dict(annotations_of(segment))
    told = segment.get("aws")
    own: Mapping[str, Any] = told if isinstance(told, dict) else {}
    if "request_id" in own:
        facts["faas.invocation_id"] = own["request_id"]
    if "cold_start" in segment:
        facts["faas.coldstart"] = segment["cold_start"]
    if "resource_arn" in segment:
        facts["cloud.resource_id"] = segment["resource_arn"]
    http = segment.get("http")
    response = http.get("response") if isinstance(http, dict) else None
    if isinstance(response, dict) and "status" in response:
        facts["http.response.status_code"] = response["status"]
    return facts


def _why(segment: Segment) -> str:
    cause = segment.get("cause")
    exceptions = cause.get("exceptions") if isinstance(cause, dict) else None
    if isinstance(exceptions, list) and exceptions and isinstance(exceptions[0], dict):
        return str(exceptions[0].get("message") or exceptions[0].get("type") or "")
    return next((flag for flag in ("throttle", "error", "fault") if segment.get(flag)), "")


def _resource(account_id: str, region: str, name: str, origin: str) -> list[KeyValue]:
    facts = {
        "service.name": name,
        "cloud.provider": "aws",
        "cloud.platform": "aws_lambda",
        "cloud.account.id": account_id,
        "cloud.region": region,
    }
    if origin:
        facts |= {"faas.name": name, "aws.xray.origin": origin}
    return _attributes(facts)


# --- metrics -------------------------------------------------------------------------------------------


def _summary(name: MetricName, minute: int, values: Distribution) -> SummaryDataPoint:
    point = SummaryDataPoint()
    point.start_time_unix_nano = _nanoseconds(minute)
    point.time_unix_nano = _nanoseconds(minute + 60)
    point.count = round(values.count)
    point.sum = values.total
    point.attributes.extend(_attributes(dict(name.dimensions)))
    for quantile in _QUANTILES:
        at = point.quantile_values.add()
        at.quantile = quantile
        at.value = values.smallest if quantile == 0 else values.percentile(quantile * 100.0)
    return point


def _attributes(facts: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in facts.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, int | float):
        return AnyValue(double_value=float(value))
    return AnyValue(string_value=_text(value))


def _text(value: Any) -> str:
    """JSON may hold halves of surrogate pairs, which are no text."""
    return str(value).encode("utf-8", "replace").decode()


def _nanoseconds(moment: float) -> int:
    return int(moment * 1e9)
