"""What goes into the core and what comes out. All times are seconds on the injected clock.

They are msgspec's structs, which are made four times as fast as dataclasses: each invocation needs about ten. Those that
each of them needs are of no concern to the garbage collector (``gc=False``): nothing that they hold leads back to them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from lambda_sandbox import quotas
from lambda_sandbox.errors import ApiError
from lambda_sandbox.resources import FunctionConfiguration

if TYPE_CHECKING:
    from lambda_sandbox.invocation.concurrency import FunctionShare
    from lambda_sandbox.invocation.environment import Environment, WasIdle
    from lambda_sandbox.invocation.extension import Extension, ExtensionStatus
    from lambda_sandbox.invocation.report import Report


class InvocationType(StrEnum):
    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


# Asked for several times an invocation: on its class, a member costs more than a call.
EVENT, DRY_RUN = InvocationType.EVENT, InvocationType.DRY_RUN
REQUEST_RESPONSE = InvocationType.REQUEST_RESPONSE


class Status(StrEnum):
    """How an invocation ended, in the REPORT line's words where it has them."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    THROTTLE = "throttle"


SUCCESS, TIMEOUT, THROTTLE = Status.SUCCESS, Status.TIMEOUT, Status.THROTTLE


class Invocation(Struct, eq=False, gc=False):
    """One event on its way to a function.

    ``payload`` is JSON as bytes. ``attempt`` counts from 1; retries of an asynchronous event keep the request id.
    ``client_context`` is the caller's JSON text, decoded from base64. ``invoked_arn`` is the function's ARN with the
    qualifier that the caller named, empty without one. ``cognito_identity`` is JSON text.
    ``routed`` says why an alias led to this version. ``maximum_retry_attempts`` (0-2) and ``maximum_event_age_s`` (60-21,600) hold for ``Event`` only.
    """

    request_id: str
    function: FunctionConfiguration
    payload: bytes
    arrived_at: float
    invocation_type: InvocationType = InvocationType.REQUEST_RESPONSE
    client_context: str = ""
    trace_header: str = ""
    attempt: int = 1
    due_at: float = 0.0
    throttles: int = 0
    invoked_arn: str = ""
    tenant_id: str = ""
    cognito_identity: str = ""
    routed: str = ""
    maximum_retry_attempts: int = quotas.ASYNC_RETRIES_DEFAULT
    maximum_event_age_s: float = quotas.ASYNC_EVENT_AGE_S_MAX


class InvocationResult(Struct, eq=False, gc=False):
    """What the caller of one invocation gets. ``function_error`` is ``Unhandled`` or ``None``."""

    request_id: str
    payload: bytes
    executed_version: str
    function_error: str | None = None
    status_code: int = 200
    report: Report | None = None
    environment_id: str = ""


class InvocationRecord(Struct, eq=False, gc=False):
    """One finished attempt, for history, metrics and the bill.

    ``because`` says how it found its environment and ``then`` what follows from its end; ``why`` is both in one sentence.
    ``throttled_by`` is AWS's reason where it was throttled, ``limit`` the limit where that reason stands for several;
    ``on_provisioned``: provisioned concurrency ran it. ``retry_at`` is when an event is tried again, on the waiting clock,
    0.0 where it is not; ``answered_at`` is when the handler was done where extensions worked on, else 0.0.
    """

    invocation: Invocation
    environment_id: str
    status: Status
    started_at: float
    ended_at: float
    report: Report | None
    error_type: str
    cold: bool
    because: str | WasIdle
    on_provisioned: bool = False
    throttled_by: str = ""
    then: str = ""
    limit: str = ""
    retry_at: float = 0.0
    answered_at: float = 0.0

    @property
    def why(self) -> str:
        routed = f"{self.invocation.routed}; " if self.invocation.routed else ""
        return f"{routed}{self.because}{self.then}"


# --- actions: carried out by the driver in the order given -----------------------------------------------


class StartEnvironment(Struct, eq=False):
    """Start the process of an environment; the same id again means a reset one whose ``/tmp`` was kept."""

    environment: Environment


class SnapshotEnvironment(Struct, eq=False):
    """Init is over and the runtime waits to be restored: freeze the environment until it is."""

    environment: Environment


class SnapshotFailed(Struct, eq=False):
    """A version's snapshot could not be made, for good: keep ``reason``, ``timeout`` or an error type."""

    version: FunctionConfiguration
    reason: str


class ResumeRestored(Struct, eq=False):
    """Thaw, and answer the runtime's waiting ``GET /restore/next``: it runs in a restored environment now."""

    environment: Environment


class DeliverEvent(Struct, eq=False, gc=False):
    """Hand the environment its event: answer the waiting ``GET /next`` of the runtime and of ``extensions``."""

    environment: Environment
    invocation: Invocation
    deadline: float
    extensions: tuple[Extension, ...] = ()


class ShutdownEnvironment(Struct, eq=False):
    """Begin the Shutdown phase: SIGTERM to the runtime, a SHUTDOWN event to the extensions that registered for it.

    ``reason`` is ``spindown``, ``timeout`` or ``failure``. ``StopEnvironment`` follows after ``grace_ms`` milliseconds, or as
    soon as ``environment_exited`` says that nothing is left to wait for.
    """

    environment: Environment
    reason: str
    grace_ms: int


class StopEnvironment(Struct, eq=False):
    """End every process of the environment at once (SIGKILL)."""

    environment: Environment
    keep_tmp: bool


class FreezeEnvironment(Struct, eq=False):
    """A fault: stop every process of the environment for a while, in the middle of its invocation."""

    environment: Environment
    seconds: float


class FaultMet(Struct, eq=False):
    """A rule of ``faults`` struck; ``request_id`` is empty where nobody waited. For history."""

    kind: str
    function_name: str
    request_id: str
    why: str


class Complete(Struct, eq=False):
    """Answer the caller, with a result or with an API error."""

    invocation: Invocation
    result: InvocationResult | None = None
    error: ApiError | None = None


class StoreEvent(Struct, eq=False):
    """Make an asynchronous event durable; comes before the caller's 202."""

    invocation: Invocation


class ForgetEvent(Struct, eq=False):
    request_id: str


class EventFinished(Struct, eq=False):
    """An asynchronous event is over: its record goes to a destination, a failed event to a dead-letter queue as well.

    ``condition`` is ``Success`` or AWS's word for why the event was given up; ``attempts`` is how often it ran. ``payload`` is
    what the last attempt answered, an error's JSON included, ``None`` where none ran.
    """

    invocation: Invocation
    condition: str
    attempts: int
    payload: bytes | None = None


class SetTimer(Struct, eq=False, gc=False):
    """Call ``core.timer_fired(key)`` at ``at``. The core never cancels: a timer that is no longer due does nothing."""

    key: tuple[str, str]
    at: float


class PhaseEnd(Struct, frozen=True):
    """How an init or a restore ended; ``status`` is in the REPORT line's words."""

    took_ms: float
    status: str = "success"
    error_type: str = ""


class Subscribed(Struct, frozen=True):
    """An extension's subscription to telemetry: ``types`` of ``platform``, ``function`` and ``extension``."""

    name: str
    types: tuple[str, ...]

    def line(self) -> str:
        """Return the line that the platform writes into the function's log, without its newline.

        Source: CloudWatch Logs as published in public repositories, 2023, read 2026-11.
        """
        types = ", ".join(each.capitalize() for each in self.types)
        return f"TELEMETRY\tName: {self.name}\tState: Subscribed\tTypes: [{types}]"


class WriteLog(Struct, eq=False, gc=False):
    """A platform line for the environment's log stream, without its newline.

    ``about`` holds the figures of a line that has some, for functions whose log is JSON. The lines of every invocation
    are made of what they are about, START of its invocation and END and REPORT of its record, once somebody reads them:
    a simulation of a million has no reader.
    """

    environment: Environment
    line: str
    about: Invocation | InvocationRecord | PhaseEnd | ExtensionStatus | Subscribed | None = None

    @property
    def text(self) -> str:
        if not self.line:
            self.line = _line(self.about)
        return self.line


def _line(about: object) -> str:
    if isinstance(about, Invocation):
        return f"START RequestId: {about.request_id} Version: {about.function.version}"
    if isinstance(about, InvocationRecord) and about.report is not None:
        return f"END RequestId: {about.invocation.request_id}\n{about.report.line()}"
    return ""


class TellExtensions(Struct, eq=False):
    """Init is over, well or not: say in the log what became of each extension. Comes only where there are some."""

    environment: Environment
    statuses: tuple[ExtensionStatus, ...]


class RefuseRuntime(Struct, eq=False):
    """The Runtime API's answer is an error instead of 202."""

    status: int
    error_type: str
    message: str


class Record(Struct, eq=False, gc=False):
    """``share`` is where the attempt counted until now, ``None`` for one that never ran."""

    record: InvocationRecord
    share: FunctionShare | None = None


Action: TypeAlias = (
    StartEnvironment
    | SnapshotEnvironment
    | SnapshotFailed
    | ResumeRestored
    | DeliverEvent
    | ShutdownEnvironment
    | StopEnvironment
    | FreezeEnvironment
    | FaultMet
    | Complete
    | StoreEvent
    | ForgetEvent
    | EventFinished
    | SetTimer
    | WriteLog
    | TellExtensions
    | RefuseRuntime
    | Record
)
