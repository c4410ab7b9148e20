"""The in-process driver: the same core, the functions called in this interpreter, time moved by hand.

botocore's requests are answered where they would leave the process, so there is no server, socket, thread or child
process. Time stands still but for what handlers compute and sleep, ``advance`` and ``run_until_idle``.
"""

from __future__ import annotations

import atexit
import contextlib
import heapq
import io
import itertools
import json
import math
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lambda_sandbox import __version__, errors
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.alarm_actions import AlarmActions
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.drivers.destinations import Destinations, Letter, event_for
from lambda_sandbox.drivers.interpreter import MISSING, Answer, Interpreter
from lambda_sandbox.drivers.promises import Promises
from lambda_sandbox.drivers.seeing import ROUTES, Seeing
from lambda_sandbox.drivers.xray import XRay
from lambda_sandbox.gateway.codec import Codec
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.invocation import async_queue, messages, request
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import Action, Complete, Invocation, InvocationType
from lambda_sandbox.resources import Caller, FunctionConfiguration
from lambda_sandbox.telemetry import system_logs
from lambda_sandbox.telemetry.alarms import StateChange
from lambda_sandbox.telemetry.application_logs import ApplicationLogs
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore, Written
from lambda_sandbox.telemetry.traces_header import SAMPLED
from lambda_sandbox.triggers.delivery import Delivery

ENDPOINT = "in-process"
_CREDENTIAL = re.compile(r"Credential=([^/\s,]*)/\d+/([^/\s,]+)/([^/\s,]+)/aws4_request")
_MEMORY_MB = 0  # not measured; see MISSING


@dataclass(slots=True, eq=False)
class _Work:
    """Something that an environment's runtime does next."""

    environment: Environment
    run: Callable[[], None]


class InProcess:
    """One sandbox inside this interpreter. Without ``clock`` time starts at now and then moves only when told to."""

    def __init__(self, config: Config, clock: ManualClock | None = None) -> None:
        if config.enforce_iam:
            raise errors.SandboxFault(
                "The in_process driver checks no signatures, so it cannot enforce IAM; use the server driver."
            )
        self.endpoint = ENDPOINT
        self.account_id = config.account_id
        self.region = config.region
        self.clock = clock or ManualClock(start=time.time())
        self.logs = LogStore()
        self.history = History()
        self.cloudwatch = CloudWatch(self.clock)
        self.cloudwatch.notify = self._notify
        self.xray = XRay(config.seed)
        self._config = config
        self._store = Store(None)
        self._model = LambdaModel.load()
        self._codec = Codec(self._model)
        self.plane = ControlPlane(
            Context(
                config=config,
                clock=self.clock,
                store=self._store,
                code=CodeStore(None),
                fetch_object=_fetch_object,
                on_change=self._on_change,
                on_concurrency_change=self._on_change,
                on_provisioned_change=self._on_provisioned_change,
                provisioned_status=lambda arn: self.core.provisioned_status(arn),
                base_url=lambda: (
                    f"http://{ENDPOINT}.localhost"
                ),  # DIFFERS: GetFunction's link cannot be opened
            )
        )
        self._start_core()
        atexit.register(self.close)

    def close(self) -> None:
        """Remove what lies on the disk; does nothing the second time."""
        atexit.unregister(self.close)
        self.plane.close()

    def _start_core(self) -> None:
        config = self._config
        self.core = Core(
            self.clock, account_limit=config.account_concurrency, idle_lifetime_s=config.idle_lifetime_s
        )
        self.cloudwatch.watch(self.core.concurrency)
        self._promises = Promises(self._store, self.core)
        self._destinations = Destinations(
            self.clock,
            self._forward,
            self._send_event,
            self.plane.event_invoke_config,
            note=lambda sentence: self.history.delivery(self.clock.now(), sentence),
        )
        self._destinations.on_failure = self._letter_failed
        self._application_logs = ApplicationLogs()
        self._interpreters: dict[str, Interpreter] = {}
        self._work: deque[_Work] = deque()
        self._timers: list[tuple[float, int, tuple[str, str]]] = []
        self._numbers = itertools.count()
        self._completed: dict[str, tuple[Complete, str]] = {}

    # --- time ----------------------------------------------------------------------------------------

    def run_until_idle(self) -> None:
        """Run what can run now: accepted Event invokes and due retries. Time moves only by what handlers take."""
        self._fire_due()
        self.cloudwatch.tick()
        while self._work:
            self._run_next(self._work[0])

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, running everything that comes due on the way at its own moment."""
        end = self.clock.now() + seconds
        self.run_until_idle()
        while (due := self._next_due()) <= end:
            self.clock.move_to(due)
            self.run_until_idle()
        self.clock.advance(0.0 if seconds >= 0 else seconds)  # refuses to run backwards
        self.clock.move_to(end)

    def _next_due(self) -> float:
        """Return when something happens by itself: a timer of the core's fires, an alarm looks."""
        timer = self._timers[0][0] if self._timers else math.inf
        alarm = self.cloudwatch.alarms.next_due()
        return timer if alarm is None else min(timer, alarm)

    def _notify(self, changes: list[StateChange]) -> None:
        telling = AlarmActions(self.clock, self._forward, self._deliver_event).carry_out(changes)
        with contextlib.suppress(StopIteration):
            telling.send(None)  # nothing in it waits: moto answers in this interpreter

    # --- botocore ------------------------------------------------------------------------------------

    def answer(self, prepared: Any) -> Any:
        """Answer botocore's prepared request with an ``AWSResponse``."""
        from botocore.awsrequest import AWSResponse, HeadersDict

        headers = {_text(name).lower(): _text(value) for name, value in prepared.headers.items()}
        found = _CREDENTIAL.search(headers.get("authorization", ""))
        access_key, region, service = found.groups() if found else ("", "", "")
        if service == "lambda":
            account_id = access_key if len(access_key) == 12 and access_key.isdigit() else self.account_id
            caller = Caller(account_id, region, access_key)
            status, answered, body = self._answer_lambda(prepared, headers, caller)
        else:
            own = self._answer_observed(prepared, headers, service, access_key, region)
            status, answered, body = own or self._answer_neighbour(prepared, service)
        make: Any = AWSResponse
        return make(prepared.url, status, HeadersDict(answered), _Raw(body))

    def _answer_lambda(
        self, prepared: Any, headers: Mapping[str, str], caller: Caller
    ) -> tuple[int, dict[str, str], bytes]:
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
                    name, query.get("Qualifier", [""])[0], headers, _bytes(prepared.body), caller
                )
            _refuse_unpolled(found[0])
            params = self._codec.parse(*found, query, headers, _bytes(prepared.body))
            answer = self._codec.serialize(found[0], self.plane.call(found[0], params, caller), request_id)
        except errors.ApiError as error:
            answer = self._codec.serialize_error(error, request_id)
        return answer.status, dict(answer.headers), answer.body

    def _answer_observed(
        self, prepared: Any, headers: Mapping[str, str], service: str, access_key: str, region: str
    ) -> tuple[int, dict[str, str], bytes] | None:
        """Answer what asks for metrics, alarms and traces: those the sandbox knows itself."""
        if service not in ("monitoring", "xray"):
            return None
        account_id = access_key if len(access_key) == 12 and access_key.isdigit() else self.account_id
        wire = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        target, body = urlsplit(prepared.url).path, _bytes(prepared.body)
        if service == "xray":
            found = self.xray.answer(prepared.method, target, wire, body, account_id, region)
        else:
            metrics = self.cloudwatch.answer(target.encode(), wire, body, account_id, region)
            if metrics is None:
                return None
            found = metrics
        return found[0], {name.decode(): value.decode() for name, value in found[1]}, found[2]

    def _answer_neighbour(self, prepared: Any, service: str) -> tuple[int, dict[str, str], bytes]:
        """Let moto answer in this interpreter. Raises ``SandboxFault`` where it cannot."""
        refusal = f"the in_process driver does not emulate {service or prepared.url}; use the server driver"
        try:
            from moto.core.botocore_stubber import BotocoreStubber
        except ImportError:
            raise errors.SandboxFault(f"{refusal}, or install moto") from None
        prepared.headers["x-moto-account-id"] = self.account_id
        answer = BotocoreStubber().process_request(prepared)
        if answer is None or answer[2] == "Not yet implemented":
            raise errors.SandboxFault(refusal)
        status, headers, body = answer
        return status, dict(headers), _bytes(body)

    async def _forward(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Pass the record of an asynchronous event on to moto."""
        from botocore.awsrequest import AWSPreparedRequest, HeadersDict

        named = {name.decode(): value.decode() for name, value in headers}
        _, region, service = _CREDENTIAL.search(named["Authorization"]).groups()  # type: ignore[union-attr]
        named["Host"] = f"{service}.{region}.amazonaws.com"
        url = f"https://{named['Host']}{target.decode()}"
        make: Any = AWSPreparedRequest
        prepared = make(method.decode(), url, HeadersDict(named), body, stream_output=False)
        status, _, answer = self._answer_neighbour(prepared, service)
        return status, [], answer

    # --- invoke --------------------------------------------------------------------------------------

    def _letter_failed(self, letter: Letter) -> None:
        now = self.clock.now()
        self.cloudwatch.of_lambda.delivery_failed(letter.function_arn, letter.dead_letter, now)

    async def _deliver_event(self, delivery: Delivery) -> None:
        """DIFFERS: the function's policy is not asked whether CloudWatch may, as with the server driver."""
        self._send_event(delivery.target_arn, delivery.payload.encode(), delivery.trace_header)

    def _send_event(self, function_arn: str, payload: bytes, trace_header: str) -> None:
        """Invoke a function that is another's destination. Raises ``ApiError`` when there is none."""
        event = event_for(self.plane, self.clock, function_arn, payload, trace_header)
        async_queue.configure(event, self.plane.event_invoke_config)
        self._perform(self.core.invoke(event))
        self._completed.pop(event.request_id, None)

    def _invoke(
        self, name: str, qualifier: str, headers: Mapping[str, str], body: bytes, caller: Caller
    ) -> tuple[int, dict[str, str], bytes]:
        route = self.plane.route(name, qualifier or None, caller)
        function, routed = self.plane.choose(route)
        for header in headers:
            request.refuse_header(header.lower())
        kind = request.invocation_type(headers.get("x-amz-invocation-type", ""))
        wants_tail = request.wants_tail(headers.get("x-amz-log-type") or "None")
        payload = request.checked_payload(body, kind)
        context = request.decoded_context(headers.get("x-amz-client-context", ""))
        request_id = str(uuid.uuid4())
        _refuse_what_needs_a_process(function)
        if kind is InvocationType.DRY_RUN:
            return 204, {"x-amzn-RequestId": request_id}, b""
        now = self.clock.now()
        trace = headers.get("x-amzn-trace-id") or request.trace_header(now, request_id)
        complete, log_tail = self._run(
            Invocation(
                request_id,
                function,
                payload,
                now,
                kind,
                client_context=context,
                trace_header=trace,
                invoked_arn=route.invoked_arn,
                routed=routed,
            )
        )
        if complete.error is not None:
            raise complete.error
        result = complete.result
        assert result is not None
        answered = {
            "Content-Type": "application/json",
            "Content-Length": str(len(result.payload)),
            "x-amzn-RequestId": request_id,
            "X-Amzn-Trace-Id": trace,
        }
        if result.status_code == 200:
            answered["X-Amz-Executed-Version"] = result.executed_version
        if result.function_error:
            answered["X-Amz-Function-Error"] = result.function_error
        if wants_tail and result.environment_id:
            answered["X-Amz-Log-Result"] = log_tail
        return result.status_code, answered, result.payload

    def _run(self, invocation: Invocation) -> tuple[Complete, str]:
        """Run until the caller has its answer; accepted events wait for ``run_until_idle``."""
        self._fire_due()
        if invocation.invocation_type is InvocationType.EVENT:
            async_queue.configure(invocation, self.plane.event_invoke_config)
            self.cloudwatch.of_lambda.event_received(invocation)
        self.xray.of_lambda.sample(invocation)
        self._perform(self.core.invoke(invocation))
        while invocation.request_id not in self._completed:
            work = next((work for work in self._work if work.environment.invocation is invocation), None)
            if work is not None:
                self._run_next(work)
            else:  # a slow start, by a rule: there is nothing to do until it is over
                self.clock.move_to(self._timers[0][0])
                self._fire_due()
        return self._completed.pop(invocation.request_id)

    # --- the runtime's side --------------------------------------------------------------------------

    def _run_next(self, work: _Work) -> None:
        self._work.remove(work)
        work.run()
        self._fire_due()

    def _init(self, environment: Environment) -> None:
        identity, attempt = environment.environment_id, environment.init_attempt
        answer = self._interpreters[identity].init()
        self._fire_due()
        if environment.state not in (State.INIT, State.RESTORE) or environment.init_attempt != attempt:
            return  # init took too long: the core has gone on
        if answer is None:
            self._perform(self.core.runtime_next(identity))
        elif answer.exit is not None:
            self._perform(self.core.environment_exited(identity, answer.exit, _MEMORY_MB))
        else:
            self._perform(self.core.runtime_init_error(identity, answer.payload, answer.error_type or ""))

    def _deliver(self, environment: Environment, invocation: Invocation, deadline: float) -> None:
        if SAMPLED in invocation.trace_header:
            self.xray.of_lambda.deliver(invocation)
        answer = self._interpreters[environment.environment_id].run(invocation, deadline)
        self._fire_due()
        if environment.invocation is not invocation:
            return  # timed out: the core has answered the caller
        self._post(environment.environment_id, invocation.request_id, answer)
        self.xray.of_lambda.ready_again(environment.environment_id, self.clock.now())
        if environment.state is State.ANSWERED:
            self._perform(self.core.runtime_next(environment.environment_id))

    def _post(self, identity: str, request_id: str, answer: Answer) -> None:
        if answer.exit is not None:
            actions = self.core.environment_exited(identity, answer.exit, _MEMORY_MB)
        elif answer.error_type is not None:
            actions = self.core.runtime_error(
                identity, request_id, answer.payload, answer.error_type, _MEMORY_MB
            )
        else:
            actions = self.core.runtime_response(identity, request_id, answer.payload, _MEMORY_MB)
        self._perform(actions)

    # --- actions -------------------------------------------------------------------------------------

    def _perform(self, actions: list[Action]) -> None:
        finished = [action for action in actions if isinstance(action, messages.EventFinished)]
        for action in actions:
            match action:
                case messages.StartEnvironment(environment=environment):
                    self._start_environment(environment)
                case messages.DeliverEvent(environment=environment, invocation=event, deadline=deadline):
                    self._later(environment, partial(self._deliver, environment, event, deadline))
                case messages.StopEnvironment(environment=environment):
                    self._stop_environment(environment, keep=action.keep_tmp)
                case messages.StoreEvent(invocation=event):
                    self._store.put_event(event)
                case messages.ForgetEvent(request_id=request_id):
                    self._store.forget_event(request_id)
                case messages.Complete():
                    self._complete(action)
                case messages.SetTimer(key=key, at=at):
                    heapq.heappush(self._timers, (at, next(self._numbers), key))
                case messages.WriteLog(environment=environment):
                    if isinstance(action.about, Invocation):
                        self.logs.begin_invocation(environment.log_stream)
                    self._write_log(environment, self._application_logs.rest(environment.environment_id))
                    line = system_logs.made_of(action) or system_logs.written(action, self.clock.now())
                    self._write_log(environment, line)
                case messages.Record(record=record):
                    self.history.record(record)
                    self.cloudwatch.record(record)
                    if SAMPLED in record.invocation.trace_header:
                        self.xray.of_lambda.record(record)
                case messages.FreezeEnvironment(seconds=seconds):
                    self.clock.advance(seconds)
                case messages.FaultMet():
                    self.history.fault(
                        self.clock.now(), action.kind, action.request_id, action.function_name, action.why
                    )
                case messages.RefuseRuntime(message=message):
                    raise errors.SandboxFault(f"the runtime was refused ({message}); please report it")
        for over in finished:
            self.cloudwatch.of_lambda.event_finished(over, self.clock.now())
            for delivery in self._destinations.deliveries(over):
                with contextlib.suppress(StopIteration):
                    delivery.send(None)  # nothing in it waits: moto answers in this interpreter

    def _later(self, environment: Environment, run: Callable[[], None]) -> None:
        self._work.append(_Work(environment, run))

    def _start_environment(self, environment: Environment) -> None:
        self.history.environment(environment)
        code = self.plane.code.directory(environment.function.code_sha256)
        self._interpreters[environment.environment_id] = Interpreter(
            environment, code, self.clock, lambda data: self._write_output(environment, data)
        )
        self._later(environment, partial(self._init, environment))

    def _stop_environment(self, environment: Environment, *, keep: bool) -> None:
        self._interpreters.pop(environment.environment_id, None)
        self._work = deque(work for work in self._work if work.environment is not environment)
        if not keep:
            self.logs.forget_stream(environment.log_stream)
            self.cloudwatch.forget_stream(environment.log_stream)

    def _complete(self, action: Complete) -> None:
        invocation, result = action.invocation, action.result
        if invocation.invocation_type is InvocationType.EVENT and result is None:
            return
        environment = self.core.pool.environments.get(result.environment_id) if result else None
        tail = self.logs.tail(environment.log_stream) if environment else ""
        self._completed[invocation.request_id] = (action, tail)

    def _write_output(self, environment: Environment, data: bytes) -> None:
        self._write_log(environment, self._application_logs.kept(environment, data))
        self.cloudwatch.output(environment.function, environment.log_stream, data)

    def _write_log(self, environment: Environment, data: Written) -> None:
        function = environment.function
        group = (function.account_id, function.region, function.log_group_name)
        if data:
            self.logs.write(group, environment.log_stream, data, self.clock.now())
            self.history.neighbours.logged_line(self.clock.now(), function.function_name, data)

    def _fire_due(self) -> None:
        while self._timers and self._timers[0][0] <= self.clock.now():
            self._perform(self.core.timer_fired(heapq.heappop(self._timers)[2]))

    def _on_change(self, function_arn: str) -> None:
        self._perform(self._promises.function_changed(function_arn))
        self._prepare()

    def _on_provisioned_change(self) -> None:
        self._perform(self._promises.provisioned_changed())
        self._prepare()

    def _prepare(self) -> None:
        """Initialise at once what is to be ready before anybody invokes it."""
        while work := next((work for work in self._work if work.environment.invocation is None), None):
            self._run_next(work)

    # --- the front's backend -------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "version": __version__,
            "isolation": {"level": "in_process", "enforced": [], "missing": list(MISSING)},
            "neighbours": "moto in this interpreter",
            "clock": "manual",
            "enforces_iam": False,
            "faults": self.core.faults.to_json(),
        }

    def read(self, route: str, **query: str | None) -> dict[str, Any]:
        """Return what the server answers at ``route``."""
        if route.removeprefix("/_sandbox/") in ROUTES:
            return self.send_json("GET", route, None, **query)
        if route == "/_sandbox/logs":
            return {"events": list(self._log_events(query.get("function")))}
        raise errors.SandboxFault(f"there is no {route} in the in_process driver")

    def send_json(
        self, method: str, route: str, value: dict[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]:
        """Return what the server answers to a request with a JSON body. Raises ``SandboxFault`` with its sentence."""
        given = {name: text for name, text in query.items() if text is not None}
        body = json.dumps(value).encode() if value is not None else b""
        seeing = Seeing(self.core, self.history, self._config.account_concurrency)
        try:
            return seeing.answer(route.removeprefix("/_sandbox/"), given, method, body)
        except (ValueError, LookupError) as problem:
            raise errors.SandboxFault(str(problem)) from None

    def post(self, route: str) -> dict[str, Any]:
        """Empty the sandbox: ``/_sandbox/reset`` is the one route that changes something."""
        if route != "/_sandbox/reset":
            raise errors.SandboxFault(f"there is no {route} in the in_process driver")
        self._start_core()
        self.plane.reset()
        self.logs.clear()
        self.history.clear()
        self.cloudwatch.clear()
        self.xray.clear()
        _reset_neighbours()
        return {"status": "empty"}

    def _log_events(self, function_name: str | None) -> Iterator[dict[str, Any]]:
        wanted = None if function_name is None else f"/aws/lambda/{function_name}"
        events = [
            (event, group)
            for group in self.logs.groups()
            if wanted in (None, group[2])
            for event in self.logs.events(group)
        ]
        for event, group in sorted(events, key=lambda pair: pair[0].timestamp_ms):
            yield {
                "timestamp_ms": event.timestamp_ms,
                "group": group[2],
                "stream": event.stream,
                "message": event.message,
            }


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


def _fetch_object(bucket: str, key: str, version: str | None) -> bytes:
    """Read from moto's S3 through botocore, which comes back to ``answer``."""
    import boto3
    from botocore.exceptions import ClientError

    make: Any = boto3.client
    which = {"VersionId": version} if version else {}
    try:
        content: bytes = make("s3").get_object(Bucket=bucket, Key=key, **which)["Body"].read()
    except ClientError as error:
        details = error.response["Error"]
        raise errors.InvalidParameterValueException(
            "Error occurred while GetObject. "
            f"S3 Error Code: {details['Code']}. S3 Error Message: {details['Message']}"
        ) from None
    return content


def _reset_neighbours() -> None:
    import sys

    if "moto.core.base_backend" in sys.modules:  # nothing to empty before the first call
        from moto.core.base_backend import BackendDict

        BackendDict.reset()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read() if hasattr(body, "read") else body)
