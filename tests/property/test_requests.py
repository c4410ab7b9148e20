"""Thousands of requests made from the model's shapes: no answer above 499 but the one for what is not emulated, and a
state that fits together and survives a restart."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox.errors import ApiError, NotImplementedException
from lambda_sandbox.gateway.codec import WireResponse
from tests.property import world
from tests.property.requests import MODEL, SEQUENCE, Wire, requests, to_http
from tests.unit.control_plane.conftest import CALLER, CODEC, ROLE, Sandbox, make_zip


def call(sandbox: Sandbox, operation: str, **params: Any) -> dict[str, Any]:
    return sandbox.plane.call(operation, params, CALLER)


def send(sandbox: Sandbox, wire: Wire, seen: world.Seen) -> tuple[WireResponse | None, ApiError | None]:
    """Carry one request through gateway and control plane; anything that is raised but an API error fails the test."""
    request = to_http(seen.fill_in(wire))
    if request is None:
        return None, None
    found = MODEL.match(request.method, request.target)
    assert found is not None, f"no route for {request}"
    operation, labels = found
    query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    try:
        params = CODEC.parse(operation, labels, query, request.headers, request.body)
        answer = sandbox.plane.call(operation, params, CALLER)
    except ApiError as error:
        return CODEC.serialize_error(error, "r"), error
    seen.learn(answer)
    return CODEC.serialize(operation, answer, "r"), None


def begin(sandbox: Sandbox, seen: world.Seen) -> None:
    """Two functions with all that can belong to one, where it is emulated: most requests then find something."""
    code = {"ZipFile": make_zip({"app.py": "# the second"})}
    queue = "arn:aws:sqs:us-east-1:000000000000:q"
    for name in ("f", "g"):
        sandbox.create(name, Publish=True)
        _try(sandbox, seen, "UpdateFunctionCode", FunctionName=name, **code)
        _try(sandbox, seen, "PublishVersion", FunctionName=name)
        _try(sandbox, seen, "CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
        _try(sandbox, seen, "PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=1)
        _try(sandbox, seen, "CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
    _try(sandbox, seen, "PublishLayerVersion", LayerName="tools", Content=code)
    grant = {"StatementId": "one", "Action": "lambda:InvokeFunction", "Principal": "*"}
    _try(sandbox, seen, "AddPermission", FunctionName="f", **grant)
    _try(sandbox, seen, "CreateEventSourceMapping", FunctionName="g", EventSourceArn=queue)
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"
    publishers = {"SigningProfileVersionArns": [profile]}
    _try(sandbox, seen, "CreateCodeSigningConfig", AllowedPublishers=publishers)


def _try(sandbox: Sandbox, seen: world.Seen, operation: str, **params: Any) -> None:
    with contextlib.suppress(NotImplementedException):
        seen.learn(call(sandbox, operation, **params))


def allowed(error: ApiError) -> bool:
    """501 says what is not emulated."""
    return error.status < 500 or isinstance(error, NotImplementedException)


@given(st.lists(requests(), min_size=SEQUENCE, max_size=SEQUENCE))
def test_no_request_breaks_the_sandbox_or_its_state(sequence: list[Wire]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lambda-sandbox-property-"))
    sandbox = Sandbox(folder / "state")
    seen = world.Seen()
    try:
        begin(sandbox, seen)
        for wire in sequence:
            _, error = send(sandbox, wire, seen)
            assert error is None or allowed(error), f"{wire}: {error.code} {error.message}"
        before = world.snapshot(lambda operation, **params: call(sandbox, operation, **params))
        world.check(lambda operation, **params: call(sandbox, operation, **params), before)
        sandbox.reopen()
        after = world.snapshot(lambda operation, **params: call(sandbox, operation, **params))
        assert after == before
    finally:
        sandbox.plane.close()
        shutil.rmtree(folder)


def test_role_of_the_pool_is_one_that_the_model_takes() -> None:
    """The pools would otherwise make every request invalid, and the test above would test nothing."""
    assert CODEC.parse(
        "UpdateFunctionConfiguration", {"FunctionName": "f"}, {}, {}, b'{"Role": "%s"}' % ROLE.encode()
    )
