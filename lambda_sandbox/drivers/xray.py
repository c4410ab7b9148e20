"""X-Ray, answered by the sandbox itself, and what its daemon would do: take segments that functions send by UDP."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping

from lambda_sandbox.drivers.aws_json import JsonService, error_answer
from lambda_sandbox.telemetry.metrics_errors import MonitoringError
from lambda_sandbox.telemetry.traces import SegmentRefused, Traces
from lambda_sandbox.telemetry.traces_api import TracesApi
from lambda_sandbox.telemetry.traces_lambda import LambdaTraces

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
_JSON = b"application/json"


class XRay:
    """``collect`` is what reads all that functions have sent so far; the driver sets it."""

    def __init__(self, seed: int | None = None) -> None:
        self.traces = Traces()
        self.of_lambda = LambdaTraces(self.traces, seed)
        self.collect: Callable[[], None] = lambda: None
        self._owners: dict[str, tuple[str, str]] = {}
        self._operations = TracesApi(self.traces, lambda: self.collect()).operations

    def answer(
        self,
        method: str,
        target: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
        account_id: str,
        region: str,
    ) -> Answer:
        """Answer a request to X-Ray; an operation that is not emulated is refused by its name."""
        service = JsonService.load("xray")
        found = service.model.match(method, target)
        try:
            if found is None:
                raise MonitoringError("InvalidRequestException", f"X-Ray has no operation at {target}.")
            call = self._operations.get(found[0])
            if call is None:
                raise MonitoringError(
                    "InvalidRequestException", f"X-Ray's {found[0]} is not emulated by the sandbox."
                )
            params = service.parse(found[0], body, headers.get(b"content-encoding", b""))
            result = call(params, account_id, region)
        except MonitoringError as error:
            return error_answer(error, _JSON)
        return 200, [(b"Content-Type", _JSON)], json.dumps(result).encode()

    def began(self, environment_id: str, account_id: str, region: str) -> None:
        """What this environment sends is the account's, in the Region."""
        self._owners[environment_id] = account_id, region

    def ended(self, environment_id: str, now: float) -> None:
        """All that the environment sent has been read."""
        self.of_lambda.ready_again(environment_id, now)
        self._owners.pop(environment_id, None)

    def datagram(self, environment_id: str, data: bytes) -> None:
        """Take what a function sent to the daemon's address: a header line and a document. AWS: what is wrong is dropped."""
        owner = self._owners.get(environment_id)
        _, _, document = data.partition(b"\n")
        if owner is not None:
            with contextlib.suppress(SegmentRefused):
                self.traces.put_document(document, *owner)

    def clear(self) -> None:
        self.traces.clear()
        self.of_lambda.clear()
