"""The state table of an execution environment; the diagram in the docs is made from it.

Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle" and "Improving startup
performance with Lambda SnapStart", read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from lambda_sandbox import quotas
from lambda_sandbox.invocation.extension import Extension
from lambda_sandbox.resources import FunctionConfiguration

if TYPE_CHECKING:
    from lambda_sandbox.invocation.concurrency import FunctionShare
    from lambda_sandbox.invocation.failures import Failure
    from lambda_sandbox.invocation.faults import FaultRule
    from lambda_sandbox.invocation.messages import Invocation


class State(StrEnum):
    INIT = "init"  # extensions, runtime and function code are loading
    SNAPSHOT = "snapshot"  # SnapStart: init is over, the runtime waits to be restored
    RESTORE = "restore"  # SnapStart: let out of the snapshot, the after-restore hooks run
    FROZEN = "frozen"  # runtime and extensions asked for an event, nothing runs until one comes
    INVOKE = "invoke"  # the handler runs
    ANSWERED = "answered"  # the response is in; runtime or extensions have not yet asked for the next event
    SHUTDOWN = "shutdown"  # extensions have their last 0, 500 or 2,000 ms
    RESET = "reset"  # the processes are gone, /tmp is kept; the next event starts a new init
    STOPPED = "stopped"


class Signal(StrEnum):
    NEXT = "asks for the next event"
    CHECKPOINT = "asks to be restored"
    DELIVER = "gets an event"
    ANSWER = "posts a response or an error"
    FAIL = "exits, times out, runs out of memory or fails to init"
    EMPTY = "is emptied but for /tmp"
    RESTART = "is started again"
    RESTORE = "is restored"
    RETIRE = "is retired"
    GONE = "is gone"


_ALIVE = (State.INIT, State.RESTORE, State.FROZEN, State.INVOKE, State.ANSWERED)
TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.INIT, Signal.NEXT): State.FROZEN,
    (State.INIT, Signal.CHECKPOINT): State.SNAPSHOT,
    (State.SNAPSHOT, Signal.RESTORE): State.RESTORE,
    (State.RESTORE, Signal.NEXT): State.FROZEN,
    (State.FROZEN, Signal.DELIVER): State.INVOKE,
    (State.INVOKE, Signal.ANSWER): State.ANSWERED,
    (State.ANSWERED, Signal.NEXT): State.FROZEN,
    **{(state, Signal.FAIL): State.SHUTDOWN for state in _ALIVE},
    **{(state, Signal.RETIRE): State.SHUTDOWN for state in (*_ALIVE, State.SNAPSHOT)},
    (State.SHUTDOWN, Signal.EMPTY): State.RESET,
    (State.SHUTDOWN, Signal.GONE): State.STOPPED,
    (State.RESET, Signal.RESTART): State.INIT,
    (State.RESET, Signal.RESTORE): State.RESTORE,
    (State.RESET, Signal.RETIRE): State.STOPPED,
}


# The same by signal, since it is asked three times an invocation and a key of two parts has to be made each time.
_AFTER: dict[Signal, dict[State, State]] = {
    signal: {old: new for (old, by), new in TRANSITIONS.items() if by is signal} for signal in Signal
}

# Compared several times an invocation: on its class, a member costs more than a call.
INIT, RESTORE, INVOKE, ANSWERED, RESET = State.INIT, State.RESTORE, State.INVOKE, State.ANSWERED, State.RESET
NEXT = Signal.NEXT
# The rows of an invocation, asked for in place: the call of ``move`` costs more than what it does.
AFTER_DELIVER, AFTER_ANSWER = _AFTER[Signal.DELIVER], _AFTER[Signal.ANSWER]


class InitializationType(StrEnum):
    """The value of ``AWS_LAMBDA_INITIALIZATION_TYPE``."""

    ON_DEMAND = "on-demand"
    PROVISIONED = "provisioned-concurrency"
    SNAP_START = "snap-start"


class WrongState(Exception):
    """The signal makes no sense in the environment's state; the Runtime API answers 403."""


class WasIdle(Struct, frozen=True, gc=False):
    """Why an invocation started warm, told when somebody asks: most are never asked about."""

    provisioned: bool
    idle_s: float

    def __str__(self) -> str:
        kind = "provisioned" if self.provisioned else "warm"
        return f"{kind}: the environment used last had been idle for {self.idle_s:.3f} s"


@dataclass(slots=True, eq=False)
class Answer:
    """How the handler ended while its extensions still work; the REPORT line waits for them."""

    failure: Failure | None
    max_memory_mb: int
    payload: bytes = b""
    at: float = 0.0


@dataclass(slots=True, eq=False)
class Environment:
    """One execution environment: one process tree, one event at a time. Times are seconds on the core's clock.

    ``provisioned_by`` is the qualified ARN whose provisioned concurrency keeps it; empty for all others.
    ``restored_at`` is when the runtime was let out of its snapshot, 0.0 before that. ``past`` are the phases that are over,
    each with its name (init, restore or shutdown), begin and end; ``shutdown_at`` is when the one that goes on began.
    ``start_faults`` are rules that meet the init that goes on, ``held_until`` is when a slow one ends, and ``skew_ms`` is how
    far the clock that the function believes in is ahead.
    """

    environment_id: str
    function: FunctionConfiguration
    log_stream: str
    started_at: float
    log_group: tuple[str, str, str] = field(init=False)  # account, Region and name
    pool_key: str = ""  # what an invocation must share to run here: version, revision, tenant
    initialization_type: InitializationType = InitializationType.ON_DEMAND
    provisioned_by: str = ""
    restored: bool = False
    state: State = State.INIT
    init_attempt: int = 1
    ready_at: float | None = None
    restored_at: float = 0.0
    init_duration_ms: float | None = None  # waits for the first REPORT line, then None
    restore_duration_ms: float | None = None  # as above
    billed_restore_duration_ms: float = 0.0
    idle_since: float = 0.0
    answered_at: float = 0.0
    asks_after_s: float = float("inf")  # from its last answer to its asking for the next event
    invoke_started_at: float = 0.0
    deadline: float = 0.0
    watchdog_at: float = 0.0  # when the armed watchdog fires; 0.0 when none is armed
    invocation: Invocation | None = None
    share: FunctionShare | None = None  # whose concurrency the invocation uses
    on_provisioned: bool = False  # the unit of concurrency was set aside before
    answer: Answer | None = None
    # A sentence where another version, or none, runs in the runtime's place; the driver knows.
    runtime_notice: str = ""
    extensions: dict[str, Extension] = field(default_factory=dict)
    # External extensions, each with why it did not start.
    launched: dict[str, str] = field(default_factory=dict)
    # The error type that an extension's own report has given to what ends the processes.
    extension_fault: str = ""
    runtime_waits: bool = False  # the runtime asked for its next event; only kept while there are extensions
    cold: bool = True
    free: bool = False  # kept by the pool
    retiring: bool = False
    keeps_tmp: bool = False  # what comes after the shutdown: a reset, or the end
    why: str | WasIdle = ""
    invocations: int = 0
    stopped_at: float | None = None
    stop_reason: str = ""
    resets: list[float] = field(default_factory=list)
    past: list[tuple[str, float, float]] = field(default_factory=list)
    shutdown_at: float | None = None
    start_faults: tuple[FaultRule, ...] = ()
    held_until: float = 0.0
    skew_ms: float = 0.0

    def __post_init__(self) -> None:
        function = self.function
        self.log_group = function.account_id, function.region, function.log_group_name

    def move(self, signal: Signal) -> None:
        """Change state by the table. Raises ``WrongState`` where the table has no such row."""
        try:
            self.state = _AFTER[signal][self.state]
        except KeyError:
            raise WrongState(
                f"an environment that is in {self.state.value} cannot take: {signal.value}"
            ) from None

    def check(self, signal: Signal) -> None:
        """Raise ``WrongState`` where the table has no such row."""
        if (self.state, signal) not in TRANSITIONS:
            raise WrongState(f"an environment that is in {self.state.value} cannot take: {signal.value}")

    def extension_id(self, name: str) -> str:
        """Return the id of the extension that registered under ``name``, empty if none did."""
        return next((e.extension_id for e in self.extensions.values() if e.name == name), "")

    @property
    def all_wait(self) -> bool:
        """Runtime and extensions have all asked for their next event."""
        return self.runtime_waits and all(extension.waits for extension in self.extensions.values())

    @property
    def shutdown_ms(self) -> int:
        """What the Shutdown phase may take."""
        if not self.extensions:
            return quotas.SHUTDOWN_MS_NO_EXTENSION
        external = any(extension.external for extension in self.extensions.values())
        return quotas.SHUTDOWN_MS_EXTERNAL if external else quotas.SHUTDOWN_MS_INTERNAL

    @property
    def init_limit_s(self) -> float:
        """What init may take; before a provisioned or snapshot environment serves, it has longer."""
        if self.state is State.RESTORE:
            return quotas.RESTORE_TIMEOUT_S
        if self.initialization_type is InitializationType.ON_DEMAND:
            return quotas.INIT_TIMEOUT_S
        floor, longest = quotas.PREPARED_INIT_TIMEOUT_S
        return min(max(floor, float(self.function.timeout_s)), longest)
