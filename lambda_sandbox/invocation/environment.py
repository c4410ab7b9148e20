"""The state table of an execution environment; the diagram in the docs is made from it.

Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from lambda_sandbox.resources import FunctionConfiguration

if TYPE_CHECKING:
    from lambda_sandbox.invocation.messages import Invocation


class State(StrEnum):
    INIT = "init"  # runtime and function code are loading
    IDLE = "idle"  # asked for an event, frozen until one comes
    INVOKE = "invoke"  # the handler runs
    ANSWERED = "answered"  # the response is in; the runtime has not yet asked for the next event
    RESET = "reset"  # the process is gone, /tmp is kept; the next event starts a new init
    STOPPED = "stopped"


class Signal(StrEnum):
    NEXT = "asks for the next event"
    DELIVER = "gets an event"
    ANSWER = "posts a response or an error"
    FAIL = "exits, times out, runs out of memory or fails to init"
    RESTART = "is started again"
    RETIRE = "is retired"


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.INIT, Signal.NEXT): State.IDLE,
    (State.INIT, Signal.FAIL): State.RESET,
    (State.IDLE, Signal.DELIVER): State.INVOKE,
    (State.IDLE, Signal.FAIL): State.RESET,
    (State.INVOKE, Signal.ANSWER): State.ANSWERED,
    (State.INVOKE, Signal.FAIL): State.RESET,
    (State.ANSWERED, Signal.NEXT): State.IDLE,
    (State.ANSWERED, Signal.FAIL): State.RESET,
    (State.RESET, Signal.RESTART): State.INIT,
    (State.INIT, Signal.RETIRE): State.STOPPED,
    (State.IDLE, Signal.RETIRE): State.STOPPED,
    (State.INVOKE, Signal.RETIRE): State.STOPPED,
    (State.ANSWERED, Signal.RETIRE): State.STOPPED,
    (State.RESET, Signal.RETIRE): State.STOPPED,
}


class WrongState(Exception):
    """The signal makes no sense in the environment's state; the Runtime API answers 403."""


@dataclass(slots=True, eq=False)
class Environment:
    """One execution environment: one process, one event at a time. Times are seconds on the core's clock."""

    environment_id: str
    function: FunctionConfiguration
    log_stream: str
    started_at: float
    state: State = State.INIT
    init_attempt: int = 1
    ready_at: float | None = None
    init_duration_ms: float | None = None  # waits for the first REPORT line, then None
    idle_since: float = 0.0
    invoke_started_at: float = 0.0
    deadline: float = 0.0
    watchdog_at: float = 0.0  # when the armed watchdog fires; 0.0 when none is armed
    invocation: Invocation | None = None
    cold: bool = True
    free: bool = False  # kept by the pool
    retiring: bool = False
    why: str = ""
    invocations: int = 0
    stopped_at: float | None = None
    stop_reason: str = ""
    resets: list[float] = field(default_factory=list)

    def move(self, signal: Signal) -> None:
        """Change state by the table. Raises ``WrongState`` where the table has no such row."""
        try:
            self.state = TRANSITIONS[self.state, signal]
        except KeyError:
            raise WrongState(
                f"an environment that is in {self.state.value} cannot take: {signal.value}"
            ) from None


def mermaid() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> init"]
    lines += [
        f"    {old.value} --> {new.value}: {signal.value}" for (old, signal), new in TRANSITIONS.items()
    ]
    return "\n".join([*lines, "    stopped --> [*]"])
