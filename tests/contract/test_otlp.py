"""Traces and metrics reach an OpenTelemetry collector, here a receiver that decodes the protobuf of what is posted."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .conftest import Server

HANDLER = """
import json, os, socket, time

def handler(event, context):
    header = dict(part.split("=", 1) for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    now = time.time()
    call = {"type": "subsegment", "trace_id": header["Root"], "parent_id": header["Parent"], "id": "1234567890abcdef",
            "name": "load", "namespace": "remote", "start_time": now - 0.01, "end_time": now, "annotations": {"rows": 3}}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(call).encode(), (host, int(port)))
    if event.get("fail"):
        raise KeyError("asked to")
"""


class Receiver(BaseHTTPRequestHandler):
    """A collector as far as OTLP goes: it keeps what it was sent."""

    received: queue.Queue[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.put((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Collector:
    def __init__(self, port: int, received: queue.Queue[tuple[str, str, bytes]]) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._received = received

    def all(self, path: str) -> list[bytes]:
        """Return the bodies that were posted to ``path`` so far."""
        found = []
        while not self._received.empty():
            each, kind, body = self._received.get()
            assert kind == "application/x-protobuf"
            if each == path:
                found.append(body)
        return found

    def wait(self, path: str) -> bytes:
        while True:
            each, _, body = self._received.get(timeout=30)
            if each == path:
                return body


@pytest.fixture
def collector() -> Iterator[Collector]:
    received: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
    handler = type("Handler", (Receiver,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Collector(server.server_port, received)
        server.shutdown()
        thread.join()


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def test_an_invocation_arrives_as_spans_of_one_trace(
    start_server: Callable[..., Server], collector: Collector
) -> None:
    server = start_server("--otlp", collector.endpoint)
    server.deploy("traced", HANDLER, TracingConfig={"Mode": "Active"})
    server.client("lambda").invoke(FunctionName="traced")["Payload"].read()
    server.stop()  # sends what is left

    spans = {}
    for body in collector.all("/v1/traces"):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            known = attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    spans[span.name, known.get("aws.xray.origin", "")] = span
                    assert known["service.name"] == "traced"
                    assert known["cloud.region"] == "us-east-1"
    service, function = spans["traced", "AWS::Lambda"], spans["traced", "AWS::Lambda::Function"]
    assert function.parent_span_id == service.span_id
    assert len({span.trace_id for span in spans.values()}) == 1
    assert attributes(function.attributes)["faas.coldstart"] is True
    inside = {name: span for (name, _), span in spans.items() if span.parent_span_id == function.span_id}
    assert {"Initialization", "Invocation", "Overhead", "load"} <= inside.keys()
    assert inside["load"].span_id.hex() == "1234567890abcdef"
    assert attributes(inside["load"].attributes) == {"rows": 3}
    assert inside["Invocation"].end_time_unix_nano > inside["Invocation"].start_time_unix_nano


def test_a_failed_invocation_is_a_span_with_an_error(
    start_server: Callable[..., Server], collector: Collector
) -> None:
    server = start_server("--otlp", collector.endpoint)
    server.deploy("failing", HANDLER, TracingConfig={"Mode": "Active"})
    server.client("lambda").invoke(FunctionName="failing", Payload=b'{"fail": true}')["Payload"].read()
    request = ExportTraceServiceRequest.FromString(collector.wait("/v1/traces"))
    failed = [
        span
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if span.name == "failing"
    ]
    assert [span.status.code for span in failed] == [2, 2]
    assert {"Runtime.KeyError", "KeyError"} & {span.status.message for span in failed}


def test_metrics_arrive_as_summaries(start_server: Callable[..., Server], collector: Collector) -> None:
    server = start_server("--otlp", collector.endpoint)
    server.deploy("counted", "def handler(event, context):\n    return 1\n")
    for _ in range(3):
        server.client("lambda").invoke(FunctionName="counted")["Payload"].read()
    server.stop()

    found = {}
    for body in collector.all("/v1/metrics"):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.summary.data_points:
                        found[metric.name, tuple(attributes(point.attributes).items())] = point
    invocations = found["AWS/Lambda/Invocations", (("FunctionName", "counted"),)]
    assert (invocations.count, invocations.sum) == (3, 3.0)
    duration = found["AWS/Lambda/Duration", (("FunctionName", "counted"),)]
    values = {each.quantile: each.value for each in duration.quantile_values}
    assert 0 < values[0.0] <= values[0.5] <= values[1.0]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://192.0.2.1:4318", "is not on this machine: use a loopback address, or add --allow-network"),
        ("127.0.0.1:4318", "takes an address such as http://127.0.0.1:4318"),
        ("http://127.0.0.1", "takes an address such as http://127.0.0.1:4318"),
    ],
    ids=["another machine's", "no address", "without a port"],
)
def test_an_address_that_cannot_be_sent_to_is_refused_in_one_sentence(address: str, reason: str) -> None:
    command = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0", "--otlp", address]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
