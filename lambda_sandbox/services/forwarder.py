"""The one place where a neighbour calls Lambda, through the sandbox's endpoint.

moto would run functions itself, synchronously, inside PutObject or Publish. Here a thread of its own hands every such event
over in order, so the neighbour's answer never waits for Lambda: a ``Delivery`` to the server's own route, which looks at
permissions and tries again, and what has no shape of its own as a bare Event invoke.
"""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import json
import os
import queue
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from lambda_sandbox.triggers.delivery import Delivery

ENDPOINT_VARIABLE = "LAMBDA_SANDBOX_ENDPOINT"
TOKEN_VARIABLE = "LAMBDA_SANDBOX_TOKEN"  # noqa: S105 - a variable's name
SOURCE_HEADER = "X-Sandbox-Source"  # the token, the service principal and the ARN that the call comes from
# The only address that neighbours may connect to; unset: every address of this machine.
REACH_VARIABLE = "LAMBDA_SANDBOX_REACH"
ENFORCED_VARIABLE = "LAMBDA_SANDBOX_IAM_ENFORCED"  # set where IAM is enforced
_DELIVER, _PERMITTED = "/_sandbox/trigger/deliver", "/_sandbox/trigger/permitted"
_OPEN = "/_sandbox/trigger/open"
_TIMEOUT_S = 30
# A function runs for 900 s at most, and its answer is on its way a little longer.
_RUN_TIMEOUT_S = 910
_RETRY_WAITS_S = (0.05, 0.2, 1.0, 3.0)
_kept_back: ContextVar[bool] = ContextVar("kept_back", default=False)


class _Call(NamedTuple):
    """One request to the sandbox's endpoint, on behalf of ``target_arn``."""

    target_arn: str
    path: str
    body: bytes
    headers: dict[str, str]


class Forwarder:
    """Sends Event invokes to ``endpoint`` (``http://127.0.0.1:PORT``) from one daemon thread, in the order asked for."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint)
        self._enforced = ENFORCED_VARIABLE in os.environ
        self._waiting: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._opened: dict[str, list[tuple[str, int]]] = {}
        threading.Thread(target=self._run, name="forwarder", daemon=True).start()

    def enqueue(self, function_arn: str, event: Any) -> None:
        """Ask for one invoke by the account itself; ``event`` is made JSON here, so later changes to it do not matter."""
        text = json.dumps(event, default=str).encode()
        headers = _headers(function_arn, "")
        self._waiting.put(_Call(function_arn, _invocations(function_arn), text, headers))

    def deliver(self, delivery: Delivery) -> None:
        """Hand one event over to the server, which checks permissions, tries again and dead-letters. Returns at once."""
        self._waiting.put(_Call(delivery.target_arn, _DELIVER, delivery.to_json(), _own_headers()))

    def refusal(self, delivery: Delivery) -> str:
        """Ask, and wait for the answer, which permission ``delivery`` would miss; empty when it may go.

        Raises ``OSError``.
        """
        call = _Call(delivery.target_arn, _PERMITTED, delivery.to_json(), _own_headers())
        status, text = self._post(call)
        if status != 200:
            raise OSError(f"the sandbox did not say who may send to {delivery.target_arn}: {status} {text}")
        return str(json.loads(text)["refusal"])

    def may_send(self, delivery: Delivery) -> bool:
        """Whether ``delivery``, to a queue or a topic, misses no permission; always where IAM is not enforced."""
        return not self._enforced or not self.refusal(delivery)

    def open(self, owner: str, places: list[tuple[str, int]]) -> None:
        """Have every function reach these addresses and ports of this machine, no longer any that ``owner`` said before, and
        wait until it can. Raises ``OSError``.
        """
        self._opened[owner] = places
        everywhere = [place for each in self._opened.values() for place in each]
        body = json.dumps({"places": everywhere}).encode()
        status, text = self._post(_Call("", _OPEN, body, _own_headers()))
        if status != 200:
            raise OSError(f"the sandbox did not open {places} to functions: {status} {text}")

    def read(self, function_arn: str, path: str) -> tuple[int, str]:
        """Ask Lambda's API with a ``GET``, for the account and Region of ``function_arn``, and wait for status and text."""
        headers = {**_headers(function_arn, ""), **_own_headers()}
        return self._post(_Call(function_arn, path, b"", headers), "GET")

    def run(self, function_arn: str, event: Any, source: str) -> str:
        """Have a function run, wait for its end and return what went wrong, empty for nothing.

        ``source`` is the service principal and the ARN of what calls, empty for the account itself.
        """
        headers = {**_headers(function_arn, source), "X-Amz-Invocation-Type": "RequestResponse"}
        connection = self._connection(_RUN_TIMEOUT_S)
        try:
            connection.request("POST", _invocations(function_arn), json.dumps(event).encode(), headers)
            response = connection.getresponse()
            text = response.read(64_000).decode("utf-8", "replace")
            failed = response.status != 200 or response.getheader("X-Amz-Function-Error")
            return f"{response.status} {text}" if failed else ""
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()

    def _run(self) -> None:
        while True:
            call = self._waiting.get()
            try:
                self._deliver(call)
            except Exception as error:  # the thread must live on for the events behind this one
                _warn(f"an event for {call.target_arn} was lost: {error!r}")

    def _deliver(self, call: _Call) -> None:
        answer = "no answer"
        for wait_s in (*_RETRY_WAITS_S, None):
            try:
                status, text = self._post(call)
            except (OSError, http.client.HTTPException) as error:
                status, text = 503, repr(error)
            if status == 202:
                return
            answer = f"{status} {text}"
            if wait_s is None or not (status == 429 or status >= 500):
                break
            time.sleep(wait_s)
        _warn(f"an event for {call.target_arn} was not accepted by {self._address.netloc}: {answer}")

    def _post(self, call: _Call, method: str = "POST") -> tuple[int, str]:
        connection = self._connection(_TIMEOUT_S)
        try:
            connection.request(method, call.path, call.body, call.headers)
            response = connection.getresponse()
            return response.status, response.read(64_000).decode("utf-8", "replace")
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host = self._address.hostname or "127.0.0.1"
        return http.client.HTTPConnection(host, self._address.port, timeout=timeout_s)


def _invocations(function_arn: str) -> str:
    return f"/2015-03-31/functions/{quote(function_arn, safe='')}/invocations"


def _headers(function_arn: str, source: str) -> dict[str, str]:
    region, account = function_arn.split(":")[3:5]
    scope = f"{account}/{datetime.now(UTC):%Y%m%d}/{region}/lambda/aws4_request"
    return {
        "Content-Type": "application/json",
        "X-Amz-Invocation-Type": "Event",
        SOURCE_HEADER: f"{os.environ.get(TOKEN_VARIABLE, '')} {source}".strip(),
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }


def _own_headers() -> dict[str, str]:
    return {"Content-Type": "application/json", SOURCE_HEADER: os.environ.get(TOKEN_VARIABLE, "")}


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def calls_kept_back() -> Iterator[None]:
    """Within this, moto's own calls of functions come to nothing: whoever holds it makes them in another way."""
    token = _kept_back.set(True)
    try:
        yield
    finally:
        _kept_back.reset(token)


class Target:
    """What moto takes for a function: something that can be asked to run and has no answer."""

    def __init__(self, forwarder: Forwarder, function_arn: str) -> None:
        self._forwarder = forwarder
        self.function_arn = function_arn

    def invoke(self, body: str, *_: Any, **__: Any) -> str:
        self._forwarder.enqueue(self.function_arn, json.loads(body))
        return ""


class Backend:
    """What moto takes for its Lambda backend in one account and Region; it has the calls that have a forwarder."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    def get_function(self, function_arn: str, *_: Any) -> Target:
        return Target(self._forwarder, function_arn)

    def invoke(self, function_name: str, body: str, **_: Any) -> None:
        if not _kept_back.get():
            self._forwarder.enqueue(function_name, json.loads(body))


def replace_lambda_backend(forwarder: Forwarder) -> None:
    """Make every ``get_backend`` of moto's services answer with ours, without importing moto's Lambda (and Docker)."""
    found = importlib.util.find_spec("moto")
    locations = [] if found is None else list(found.submodule_search_locations or [])
    package = types.ModuleType("moto.awslambda")
    package.__path__ = [os.path.join(location, "awslambda") for location in locations]
    sys.modules["moto.awslambda"] = package
    # CloudFormation imports its models; the resources of stacks are ours (services/cloudformation).
    models = types.ModuleType("moto.awslambda.models")
    sys.modules["moto.awslambda.models"] = models
    package.models = models  # type: ignore[attr-defined]
    backend = Backend(forwarder)
    module: Any = importlib.import_module("moto.awslambda.utils")
    module.get_backend = lambda account_id, region: backend
