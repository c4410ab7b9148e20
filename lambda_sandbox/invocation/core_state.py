"""What the stories of the core share: the clock, the tables, and which timers are armed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from lambda_sandbox.clock import Clock, UnscaledClock, WaitingClock
from lambda_sandbox.invocation.async_queue import AsyncQueue
from lambda_sandbox.invocation.concurrency import Concurrency
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.faults import Faults
from lambda_sandbox.invocation.messages import Action
from lambda_sandbox.invocation.pool import Pool
from lambda_sandbox.invocation.provisioned import Provision
from lambda_sandbox.invocation.snapshots import Snapshot
from lambda_sandbox.resources import FunctionConfiguration

# Why the machine has no room for one more environment of a function, "" when it has; also if those with these ids had ended.
Admission = Callable[[FunctionConfiguration, Collection[str]], str]

WATCHDOG, SHUTDOWN, QUEUE, IDLE, SLOW = "watchdog", "shutdown", "queue", "idle", "slow"


class CoreState:
    """``queue_timer`` is when the queue's timer fires, on the waiting clock; ``None`` when none is armed.

    ``heard``: somebody reads the log and waits for answers. In a simulation nobody does: of an invocation that ran, START,
    END, REPORT and the answer are not made, and its ``Record`` tells of it.
    """

    def __init__(
        self,
        clock: Clock,
        account_limit: int,
        idle_lifetime_s: float,
        seed: str,
        waiting_clock: WaitingClock | None = None,
        heard: bool = True,
    ) -> None:
        self.clock = clock
        self.heard = heard
        self.waiting_clock: WaitingClock = waiting_clock or UnscaledClock(clock)
        self.idle_lifetime_s = idle_lifetime_s
        self.seed = seed.encode()[:64]
        self.numbers = itertools.count(1)
        self.pool = Pool()
        self.concurrency = Concurrency(account_limit)
        self.queue = AsyncQueue()
        self.faults = Faults()
        self.provisions: dict[str, Provision] = {}
        self.snapshots: dict[str, Snapshot] = {}
        # Whoever owns the environments sets these two.
        self.peak_memory_mb: Callable[[str], int] = lambda environment_id: 0  # since its invocation began
        self.admission: Admission = lambda function, without: ""
        # The core sets it: how an environment ends is told in ``phases``, which stands on those that need to know.
        self.end_idle: Callable[[Environment, str], list[Action]] = lambda environment, reason: []
        self.queue_timer: float | None = None
        self.idle_timer_set = False

    def timestamp(self) -> str:
        moment = datetime.fromtimestamp(self.clock.now(), UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
