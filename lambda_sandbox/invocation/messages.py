"""What goes into the core and what comes out. All times are seconds on the injected clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from lambda_sandbox.errors import ApiError
from lambda_sandbox.resources import FunctionConfiguration

if TYPE_CHECKING:
    from lambda_sandbox.invocation.environment import Environment
    from lambda_sandbox.invocation.report import Report


class InvocationType(StrEnum):
    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


class Status(StrEnum):
    """How an invocation ended, in the REPORT line's words where it has them."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    THROTTLE = "throttle"


@dataclass(slots=True, eq=False)
class Invocation:
    """One event on its way to a function.

    ``payload`` is JSON as bytes. ``attempt`` counts from 1; retries of an asynchronous event keep the request id.
    ``client_context`` is the caller's JSON text, decoded from base64.
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


@dataclass(slots=True, eq=False)
class InvocationResult:
    """What the caller of one invocation gets. ``function_error`` is ``Unhandled`` or ``None``."""

    request_id: str
    payload: bytes
    executed_version: str
    function_error: str | None = None
    status_code: int = 200
    report: Report | None = None
    environment_id: str = ""


@dataclass(slots=True, eq=False)
class InvocationRecord:
    """One finished attempt, for history, metrics and the bill."""

    invocation: Invocation
    environment_id: str
    status: Status
    started_at: float
    ended_at: float
    report: Report | None
    error_type: str
    cold: bool
    why: str


# --- actions: carried out by the driver in the order given -----------------------------------------------


@dataclass(slots=True, eq=False)
class StartEnvironment:
    """Start the process of an environment; the same id again means a reset one whose ``/tmp`` was kept."""

    environment: Environment


@dataclass(slots=True, eq=False)
class DeliverEvent:
    """Hand the environment its event: answer the runtime's waiting ``GET /next``."""

    environment: Environment
    invocation: Invocation
    deadline: float


@dataclass(slots=True, eq=False)
class StopEnvironment:
    environment: Environment
    keep_tmp: bool


@dataclass(slots=True, eq=False)
class Complete:
    """Answer the caller, with a result or with an API error."""

    invocation: Invocation
    result: InvocationResult | None = None
    error: ApiError | None = None


@dataclass(slots=True, eq=False)
class StoreEvent:
    """Make an asynchronous event durable; comes before the caller's 202."""

    invocation: Invocation


@dataclass(slots=True, eq=False)
class ForgetEvent:
    request_id: str


@dataclass(slots=True, eq=False)
class SetTimer:
    """Call ``core.timer_fired(key)`` at ``at``. The core never cancels: a timer that is no longer due does nothing."""

    key: tuple[str, str]
    at: float


@dataclass(slots=True, eq=False)
class WriteLog:
    """A platform line for the environment's log stream, without its newline."""

    environment: Environment
    text: str


@dataclass(slots=True, eq=False)
class RefuseRuntime:
    """The Runtime API's answer is an error instead of 202."""

    status: int
    error_type: str
    message: str


@dataclass(slots=True, eq=False)
class Record:
    record: InvocationRecord = field()


Action: TypeAlias = (
    StartEnvironment
    | DeliverEvent
    | StopEnvironment
    | Complete
    | StoreEvent
    | ForgetEvent
    | SetTimer
    | WriteLog
    | RefuseRuntime
    | Record
)
