"""A real botocore client whose requests go straight into the gateway and the control plane: no socket."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config as ClientConfig

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import ApiError, InvalidParameterValueException
from lambda_sandbox.gateway.codec import Codec, WireResponse
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.resources import Caller, EventSourceState, ProvisionedStatus

BASE_URL = "http://127.0.0.1:9000"
CALLER = Caller("000000000000", "us-east-1")
ROLE = "arn:aws:iam::000000000000:role/lambda"
MODEL = LambdaModel.load()
CODEC = Codec(MODEL)


def make_zip(files: dict[str, str] | None = None) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files or {"app.txt": "hello"}).items():
            # A fixed moment: equal files make equal bytes, and so one package.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


class RawBody(io.BytesIO):
    """What botocore reads an answer's body from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Sandbox:
    """The gateway and one control plane, and what they told the outside."""

    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    config: Config = field(default_factory=Config)
    changed: list[str] = field(default_factory=list)
    mapping_changes: list[None] = field(default_factory=list)
    provisioned_changes: list[None] = field(default_factory=list)
    concurrency_changes: list[str] = field(default_factory=list)
    allocations: dict[str, ProvisionedStatus] = field(default_factory=dict)
    sources: dict[str, EventSourceState] = field(default_factory=dict)
    objects: dict[tuple[str, str, str | None], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.plane = ControlPlane(
            Context(
                config=replace(self.config, state=self.folder),
                clock=self.clock,
                store=Store(self.folder),
                code=CodeStore(self.folder),
                fetch_object=self.fetch_object,
                on_change=self.changed.append,
                base_url=lambda: BASE_URL,
                on_mappings_change=lambda: self.mapping_changes.append(None),
                on_provisioned_change=lambda: self.provisioned_changes.append(None),
                on_concurrency_change=self.concurrency_changes.append,
                provisioned_status=self.allocations.get,
                inspect_source=self.sources.get,
            )
        )

    def reopen(self, **settings: Any) -> None:
        """End the process, as it were, and begin another on the same folder, with other settings where given."""
        self.plane.close()
        self.config = replace(self.config, **settings)
        self.open()

    def fetch_object(self, bucket: str, key: str, version: str | None) -> bytes:
        try:
            return self.objects[bucket, key, version]
        except KeyError:
            raise InvalidParameterValueException("Error occurred while GetObject.") from None

    def send(
        self, method: str, url: str, headers: dict[str, str], body: bytes, caller: Caller
    ) -> WireResponse:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        found = MODEL.match(method, target)
        assert found is not None, f"no route for {method} {target}"
        operation, labels = found
        try:
            query = parse_qs(parts.query, keep_blank_values=True)
            params = CODEC.parse(operation, labels, query, headers, body)
            return CODEC.serialize(operation, self.plane.call(operation, params, caller), "request-1")
        except ApiError as error:
            return CODEC.serialize_error(error, "request-1")

    def client(self, caller: Caller = CALLER) -> Any:
        _SERVING[caller] = self
        return _client(caller)

    def create(self, name: str = "hello", **settings: Any) -> dict[str, Any]:
        request: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": make_zip()},
        }
        request = {key: value for key, value in (request | settings).items() if value is not None}
        answer: dict[str, Any] = self.client().create_function(**request)
        return answer


_SERVING: dict[Caller, Sandbox] = {}


@cache
def _client(caller: Caller) -> Any:
    """Make one client a caller, since botocore takes 200 ms for it; it talks to the sandbox of the running test."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    # The sandbox is what is tested here, so botocore's own check of parameters stays out of the way.
    settings = ClientConfig(parameter_validation=False, retries={"total_max_attempts": 1})
    client = session.create_client("lambda", caller.region, endpoint_url=BASE_URL, config=settings)

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in request.headers.items()
        }
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        wire = _SERVING[caller].send(request.method, request.url, headers, body, caller)
        return AWSResponse(request.url, wire.status, wire.headers, RawBody(wire.body))

    client.meta.events.register("before-send.lambda", answer)
    return client


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path / "state")
    yield made
    made.plane.close()
