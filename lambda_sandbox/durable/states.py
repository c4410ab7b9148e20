"""What is kept of a durable execution: itself, its operations, and the events of its history. Times are seconds.

Source: AWS Lambda API Reference, "Execution", "Operation" and "Event", read 2026-11.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Error = dict[str, Any]

RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"
STARTED, PENDING, READY = "STARTED", "PENDING", "READY"
SUCCEEDED, FAILED, CANCELLED = "SUCCEEDED", "FAILED", "CANCELLED"
TIMED_OUT, STOPPED = "TIMED_OUT", "STOPPED"
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED, TIMED_OUT, STOPPED})

EXECUTION, CONTEXT, STEP, WAIT = "EXECUTION", "CONTEXT", "STEP", "WAIT"
CALLBACK, CHAINED_INVOKE = "CALLBACK", "CHAINED_INVOKE"


class Execution(Struct, kw_only=True):
    """One durable execution.

    ``input`` and ``result`` are JSON as text. ``synchronous``: its caller waits for the end. ``invoked_arn`` ends in the
    qualifier that was named, ``version`` is what runs. ``token`` counts checkpoints and invocations: a checkpoint token
    holds the number. ``invocation`` is the request id of the one under way, empty when the execution is suspended.
    ``changes`` numbers the changes of operations; the runtime was told of those up to ``told``, and the last invocation began
    with those up to ``heard``. ``interrupted``: it must be invoked again whatever changed.
    ``parent_arn`` and ``parent_operation`` name the chained invoke that started it. ``paused_s`` is for how long its
    timeout stood still; ``bytes_written`` and ``billed_operations`` are what AWS bills.
    """

    account_id: str
    region: str
    function_name: str
    version: str
    invoked_arn: str
    execution_id: str
    name: str
    input: str
    started_at: float
    timeout_s: int
    retention_days: int
    kms_key_arn: str = ""
    synchronous: bool = False
    trace_header: str = ""
    tenant_id: str = ""
    client_context: str = ""
    request_id: str = ""
    parent_arn: str = ""
    parent_operation: str = ""
    status: str = RUNNING
    ended_at: float = 0.0
    result: str | None = None
    error: Error | None = None
    token: int = 0
    invocation: str = ""
    invocation_started_at: float = 0.0
    invocations: int = 0
    changes: int = 0
    told: int = 0
    heard: int = 0
    interrupted: bool = True
    failures: int = 0
    throttles: int = 0
    retry_at: float = 0.0
    pause_requested_at: float = 0.0
    pause_reason: str = ""
    pause_stops_timeout: bool = False
    paused_at: float = 0.0
    paused_s: float = 0.0
    bytes_written: int = 0
    billed_operations: int = 0

    @property
    def function_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}"

    @property
    def arn(self) -> str:
        return f"{self.function_arn}:{self.version}/durable-execution/{self.name}/{self.execution_id}"

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class Operation(Struct, kw_only=True):
    """One operation of an execution, under its number in the order of their starts.

    ``due_at`` is when a wait is over, a step is tried again or a callback times out, 0.0 for never; ``seconds`` is how
    long that is. ``beat_at`` is the last heartbeat of a callback. ``input`` is what an execution or a chained invoke got.
    ``changed`` is the number of the operation's last change, ``outside`` that of the last one that the function did not make itself.
    """

    account_id: str
    region: str
    function_name: str
    version: str
    execution_id: str
    number: int
    id: str
    type: str
    status: str
    started_at: float
    parent_id: str = ""
    name: str = ""
    sub_type: str = ""
    ended_at: float = 0.0
    changed: int = 0
    outside: int = 0
    input: str | None = None
    result: str | None = None
    error: Error | None = None
    replay_children: bool = False
    attempt: int = 0
    due_at: float = 0.0
    seconds: int = 0
    callback_id: str = ""
    heartbeat_s: int = 0
    beat_at: float = 0.0
    target: str = ""
    tenant_id: str = ""
    trace_header: str = ""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def pending(self) -> bool:
        """Whether something other than the function's own code will end or wake it."""
        if self.status == PENDING:
            return True
        return self.status == STARTED and self.type in (WAIT, CALLBACK, CHAINED_INVOKE)

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.type.lower().replace('_', ' ')} {self.name or self.id}"


class HistoryEvent(Struct, kw_only=True):
    """One event of an execution's history; ``details`` has AWS's casing, and a ``Payload`` wherever there may be data."""

    account_id: str
    region: str
    function_name: str
    version: str
    execution_id: str
    event_id: int
    at: float
    type: str
    operation_id: str = ""
    name: str = ""
    parent_id: str = ""
    sub_type: str = ""
    details: dict[str, Any] = {}
