"""botocore's requests, answered where they would leave the process: Lambda's, those for what was seen, the neighbours'."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lambda_sandbox import errors
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.drivers.in_process.neighbours import CREDENTIAL, Neighbours, read_body
from lambda_sandbox.drivers.in_process.seen import Seen
from lambda_sandbox.gateway.codec import Codec
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.invocation import request
from lambda_sandbox.invocation.messages import Complete, Invocation, InvocationResult, InvocationType
from lambda_sandbox.resources import Caller, FunctionConfiguration

_Answer = tuple[int, dict[str, str], bytes]


class Requests:
    """``run(invocation)`` returns its answer and the log's tail. Who signs with no account's key is ``account_id``'s."""

    def __init__(
        self,
        account_id: str,
        clock: ManualClock,
        plane: ControlPlane,
        seen: Seen,
        neighbours: Neighbours,
        run: Callable[[Invocation], tuple[Complete, str]],
    ) -> None:
        self._account_id = account_id
        self._clock = clock
        self._plane = plane
        self._seen = seen
        self._neighbours = neighbours
        self._run = run
        self._model = LambdaModel.load()
        self._codec = Codec(self._model)

    def answer(self, prepared: Any) -> Any:
        """Answer botocore's prepared request with an ``AWSResponse``."""
        from botocore.awsrequest import AWSResponse, HeadersDict

        headers = {_text(name).lower(): _text(value) for name, value in prepared.headers.items()}
        found = CREDENTIAL.search(headers.get("authorization", ""))
        access_key, region, service = found.groups() if found else ("", "", "")
        named = len(access_key) == 12 and access_key.isdigit()
        caller = Caller(access_key if named else self._account_id, region, access_key)
        if service == "lambda":
            status, answered, body = self._answer_lambda(prepared, headers, caller)
        else:
            own = self._answer_observed(prepared, headers, service, caller)
            status, answered, body = own or self._neighbours.answer(prepared, service)
        make: Any = AWSResponse
        return make(prepared.url, status, HeadersDict(answered), _Raw(body))

    def _answer_lambda(self, prepared: Any, headers: Mapping[str, str], caller: Caller) -> _Answer:
        request_id = str(uuid.uuid4())
        url = urlsplit(prepared.url)
        try:
            found = self._model.match(prepared.method, f"{url.path}?{url.query}" if url.query else url.path)
            if found is None:
                raise errors.ResourceNotFoundException(f"no Lambda operation at {url.path}")
            query = parse_qs(url.query, keep_blank_values=True)
            if found[0] == "Invoke":
                name = unquote(found[1]["FunctionName"])
                return self._invoke(
                    name, query.get("Qualifier", [""])[0], headers, read_body(prepared.body), caller
                )
            _refuse_unpolled(found[0])
            params = self._codec.parse(*found, query, headers, read_body(prepared.body))
            answer = self._codec.serialize(found[0], self._plane.call(found[0], params, caller), request_id)
        except errors.ApiError as error:
            answer = self._codec.serialize_error(error, request_id)
        return answer.status, dict(answer.headers), answer.body

    def _answer_observed(
        self, prepared: Any, headers: Mapping[str, str], service: str, caller: Caller
    ) -> _Answer | None:
        """Answer what asks for metrics, alarms and traces: those the sandbox knows itself."""
        if service not in ("monitoring", "xray"):
            return None
        wire = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        target, body = urlsplit(prepared.url).path, read_body(prepared.body)
        who = (caller.account_id, caller.region)
        if service == "xray":
            found = self._seen.xray.answer(prepared.method, target, wire, body, *who)
        else:
            metrics = self._seen.cloudwatch.answer(target.encode(), wire, body, *who)
            if metrics is None:
                return None
            found = metrics
        return found[0], {name.decode(): value.decode() for name, value in found[1]}, found[2]

    # --- invoke --------------------------------------------------------------------------------------

    def _invoke(
        self, name: str, qualifier: str, headers: Mapping[str, str], body: bytes, caller: Caller
    ) -> _Answer:
        wants_tail, invocation = self._asked_for(name, qualifier, headers, body, caller)
        if invocation.invocation_type is InvocationType.DRY_RUN:
            return 204, {"x-amzn-RequestId": invocation.request_id}, b""
        trace_header = invocation.trace_header  # as the caller gave it: the core adds where it has been
        complete, log_tail = self._run(invocation)
        if complete.error is not None:
            raise complete.error
        assert complete.result is not None
        answered = _headers(complete.result, trace_header)
        if wants_tail and complete.result.environment_id:
            answered["X-Amz-Log-Result"] = log_tail
        return complete.result.status_code, answered, complete.result.payload

    def _asked_for(
        self, name: str, qualifier: str, headers: Mapping[str, str], body: bytes, caller: Caller
    ) -> tuple[bool, Invocation]:
        """Return whether the log's tail is wanted, and what is to run. Raises ``ApiError`` for what cannot."""
        route = self._plane.route(name, qualifier or None, caller)
        function, routed = self._plane.choose(route)
        if request.DURABLE_NAME.decode() in headers:
            request.refuse_durable_name()
        kind = request.invocation_type(headers.get("x-amz-invocation-type", ""))
        wants_tail = request.wants_tail(headers.get("x-amz-log-type") or "None")
        payload = request.checked_payload(body, kind)
        context = request.decoded_context(headers.get("x-amz-client-context", ""))
        request_id, now = str(uuid.uuid4()), self._clock.now()
        _refuse_what_needs_a_process(function)
        return wants_tail, Invocation(
            request_id,
            function,
            payload,
            now,
            kind,
            client_context=context,
            trace_header=request.continued(headers.get("x-amzn-trace-id") or "", now, request_id),
            invoked_arn=route.invoked_arn,
            routed=routed,
        )


def _headers(result: InvocationResult, trace_header: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(result.payload)),
        "x-amzn-RequestId": result.request_id,
        "X-Amzn-Trace-Id": trace_header,
    }
    if result.status_code == 200:
        headers["X-Amz-Executed-Version"] = result.executed_version
    if result.function_error:
        headers["X-Amz-Function-Error"] = result.function_error
    return headers


class _Raw(io.BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self.read(amt if amt else -1):
            yield chunk


def _refuse_unpolled(operation: str) -> None:
    if operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
        raise errors.NotImplementedException(
            f"{operation} is not emulated by the in_process driver, which polls no event source; use the server driver."
        )


def _refuse_what_needs_a_process(function: FunctionConfiguration) -> None:
    if not function.runtime.startswith("python"):
        raise errors.NotImplementedException(
            f"The in_process driver runs Python in this interpreter, not {function.runtime}; use the server driver."
        )
    if function.layers:
        raise errors.NotImplementedException(
            "The in_process driver has no /opt to mount layers in; use the server driver."
        )
    if function.durable_timeout_s is not None:
        raise errors.NotImplementedException(
            "The in_process driver has no server that a durable function could checkpoint to; use the server driver."
        )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
