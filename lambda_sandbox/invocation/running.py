"""How an invocation finds its environment: a provisioned one, a warm one, a reset one, or a cold start."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import concurrency, extension, interference, room, snapshots, waiting
from lambda_sandbox.invocation.concurrency import FunctionShare, throttle
from lambda_sandbox.invocation.core_state import WATCHDOG, CoreState
from lambda_sandbox.invocation.environment import (
    AFTER_DELIVER,
    ANSWERED,
    RESET,
    Environment,
    InitializationType,
    Signal,
    State,
    WasIdle,
)
from lambda_sandbox.invocation.messages import (
    EVENT,
    Action,
    DeliverEvent,
    Invocation,
    PhaseEnd,
    ResumeRestored,
    SetTimer,
    StartEnvironment,
    WriteLog,
)
from lambda_sandbox.invocation.snapshots import SnapshotState
from lambda_sandbox.invocation.version_keys import keys_of, pool_key
from lambda_sandbox.resources import FunctionConfiguration


def run(core: CoreState, invocation: Invocation) -> list[Action]:
    """Take concurrency and an environment for ``invocation``, or throttle it."""
    now = core.clock.now()
    function = invocation.function
    if core.faults.armed and (fault := interference.throttles(core, invocation)) is not None:
        refused = throttle("ConcurrentInvocationLimitExceeded")
        told = interference.met(fault, invocation)
        return [told, *waiting.throttled(core, invocation, refused, f"a fault on request: {fault}")]
    keys = keys_of(function)
    # AWS: tenants of a function with tenant isolation share no environment.
    key = f"{keys.pool}@{invocation.tenant_id}" if invocation.tenant_id else keys.pool
    environment = core.pool.take_provisioned(key) if core.provisions else None
    provisioned = environment is not None
    synchronous = invocation.invocation_type is not EVENT
    try:
        share = core.concurrency.reserve(keys, now, synchronous, provisioned)
    except TooManyRequestsException as refusal:
        if environment is not None:
            core.pool.give_back(environment)
        return waiting.throttled(core, invocation, refusal)
    environment = environment or core.pool.take(key)
    if environment is None:
        if not core.concurrency.grow(share, now):
            core.concurrency.release(share, False)
            # POLICY: a throttle by the scaling rate (1,000 environments every 10 s a function) has the reason
            # ``ConcurrentInvocationLimitExceeded``; AWS documents none for it.
            refused = throttle("ConcurrentInvocationLimitExceeded")
            return waiting.throttled(core, invocation, refused, concurrency.SCALING_LIMIT)
        ended, no_room = room.make_room(core, function)
        if no_room:
            core.concurrency.release(share, False)
            # POLICY: a throttle because this machine's memory is full has the reason ``ConcurrentInvocationLimitExceeded``, and a message
            # that says so. AWS has no such throttle.
            reason = "ConcurrentInvocationLimitExceeded"
            refused = TooManyRequestsException(no_room, Reason=reason)
            return waiting.throttled(core, invocation, refused, f"this machine's memory: {no_room}")
        return ended + _start_cold(core, invocation, share, key)
    environment.share, environment.on_provisioned = share, provisioned
    environment.invocation = invocation
    return _reuse(core, environment, now)


def _reuse(core: CoreState, environment: Environment, now: float) -> list[Action]:
    if environment.state is RESET:
        return restart(core, environment, "reset: the process had ended, so init runs again; /tmp was kept")
    environment.cold = False
    if environment.state is ANSWERED:
        # The last caller has its answer, the runtime is on its way to ask: a sequential caller stays warm.
        environment.why = "warm: the environment had just answered"
        return watch(environment, now + environment.function.timeout_s)
    environment.why = WasIdle(environment.on_provisioned, now - environment.idle_since)
    return deliver(core, environment, now)


def prepare(
    core: CoreState, function: FunctionConfiguration, kind: InitializationType, provisioned_by: str = ""
) -> list[Action]:
    """Start an environment that nobody waits for: for provisioned concurrency, or to become a snapshot."""
    environment = _new(core, function, pool_key(function), core.clock.now())
    environment.initialization_type = kind
    environment.provisioned_by = provisioned_by
    if kind is InitializationType.SNAP_START:
        identity = environment.environment_id
        core.snapshots.setdefault(function.qualified_arn, snapshots.Snapshot(identity)).parked = identity
    return _begin(core, environment)


def _new(core: CoreState, function: FunctionConfiguration, key: str, now: float) -> Environment:
    number = next(core.numbers)
    identity = blake2b(f"{number} {now}".encode(), key=core.seed, digest_size=16).hexdigest()
    day = datetime.fromtimestamp(now, UTC)
    environment = Environment(
        environment_id=identity,
        function=function,
        log_stream=f"{day:%Y/%m/%d}/[{function.version}]{identity}",
        started_at=now,
        pool_key=key,
        why="cold: no free environment of this version",
    )
    core.pool.add(environment)
    return environment


def _start_cold(core: CoreState, invocation: Invocation, share: FunctionShare, key: str) -> list[Action]:
    """Start from the version's snapshot if it has one, else with a fresh init."""
    function, now = invocation.function, core.clock.now()
    snapshot = core.snapshots.get(function.qualified_arn) if snapshots.wanted(function) else None
    parked = core.pool.environments.get(snapshot.parked) if snapshot is not None else None
    waits = parked is not None and parked.state is State.SNAPSHOT and parked.pool_key == key
    environment = parked if parked is not None and waits else _new(core, function, key, now)
    environment.share, environment.invocation = share, invocation
    if waits:
        actions = _resume(core, environment)
    elif snapshot is not None and snapshot.state is SnapshotState.READY:
        environment.initialization_type = InitializationType.SNAP_START
        environment.restored = True
        environment.state = State.RESTORE
        environment.why = "restored: nothing waits in the version's snapshot, so init is repeated"
        actions = _begin(core, environment)
    else:
        actions = _begin(core, environment)
    if snapshots.wanted(function):
        actions += _park_another(core, function, snapshot)
    return actions


def _park_another(
    core: CoreState, function: FunctionConfiguration, snapshot: snapshots.Snapshot | None
) -> list[Action]:
    """POLICY: for each SnapStart version one initialised environment waits for the next cold start, where the machine has room."""
    if snapshot is not None:
        parked = core.pool.environments.get(snapshot.parked)
        still = parked is not None and parked.state in (State.INIT, State.SNAPSHOT)
        if still or snapshot.state is SnapshotState.FAILED:
            return []
    return [] if core.admission(function, ()) else prepare(core, function, InitializationType.SNAP_START)


def _resume(core: CoreState, environment: Environment) -> list[Action]:
    now = core.clock.now()
    environment.move(Signal.RESTORE)
    environment.started_at = environment.restored_at = now
    environment.restored = True
    environment.why = "restored: no free environment of this version, so the snapshot's was let out"
    actions: list[Action] = [WriteLog(environment, _first_line(environment))]
    if not environment.runtime_waits:
        return [*actions, ResumeRestored(environment), *watch(environment, now + environment.init_limit_s)]
    actions += restored(core, environment)  # its runtime knows nothing of snapshots: it asked for an event
    environment.move(Signal.NEXT)
    return actions + deliver(core, environment, core.clock.now())


def restored(core: CoreState, environment: Environment) -> list[Action]:
    """The after-restore hooks are done."""
    now = core.clock.now()
    environment.ready_at = now
    environment.past.append(("restore", environment.started_at, now))
    took_ms = (now - environment.started_at) * 1000.0
    if environment.init_attempt == 1:
        since = environment.restored_at or environment.started_at
        environment.restore_duration_ms = took_ms
        environment.billed_restore_duration_ms = (now - since) * 1000.0
    text = f"RESTORE_REPORT Restore Duration: {took_ms:.2f} ms\tStatus: success"
    return [WriteLog(environment, text, PhaseEnd(took_ms))]


def _begin(core: CoreState, environment: Environment) -> list[Action]:
    if core.faults.armed:
        interference.at_start(core, environment)
    return [
        StartEnvironment(environment),
        WriteLog(environment, _first_line(environment)),
        *watch(environment, core.clock.now() + environment.init_limit_s),
    ]


def restart(core: CoreState, environment: Environment, why: str | WasIdle) -> list[Action]:
    """Start a reset environment: within an invocation under the function's timeout, and not shown as Init Duration."""
    now = core.clock.now()
    environment.move(Signal.RESTORE if environment.restored else Signal.RESTART)
    environment.started_at = now
    environment.ready_at = environment.init_duration_ms = None
    environment.resets.append(now)
    if core.faults.armed:
        interference.at_start(core, environment)
    start_again = StartEnvironment(environment)
    if environment.invocation is None:  # provisioned: it is made ready for whoever comes next
        return [start_again, *watch(environment, now + environment.init_limit_s)]
    environment.init_attempt = 2
    environment.invoke_started_at = now
    environment.cold = True
    environment.why = why
    return [start_again, *watch(environment, now + environment.function.timeout_s)]


def deliver(core: CoreState, environment: Environment, now: float) -> list[Action]:
    """Hand the environment the event that it holds."""
    invocation = environment.invocation
    assert invocation is not None
    environment.state = AFTER_DELIVER[environment.state]
    environment.invocations += 1
    if environment.cold and environment.init_attempt == 2:
        deadline = environment.deadline  # the second init already spent some of the function's time
    else:
        environment.invoke_started_at = now
        deadline = now + invocation.function.timeout_s
    event = DeliverEvent(environment, invocation, deadline)
    if environment.extensions:
        environment.runtime_waits = False
        event.extensions = _interested(environment)
    actions: list[Action] = [WriteLog(environment, "", invocation), event] if core.heard else [event]
    actions += watch(environment, deadline)
    if core.faults.armed or environment.skew_ms:
        actions += interference.at_deliver(core, environment, event)
    return actions


def _interested(environment: Environment) -> tuple[extension.Extension, ...]:
    told = tuple(e for e in environment.extensions.values() if extension.INVOKE in e.events)
    for each in told:
        each.waits = False
    return told


def watch(environment: Environment, deadline: float) -> list[Action]:
    """Arm one timer an environment, not one an invocation: a watchdog that comes early looks again later."""
    environment.deadline = deadline
    if environment.watchdog_at and environment.watchdog_at <= deadline:
        return []
    environment.watchdog_at = deadline
    return [SetTimer((WATCHDOG, environment.environment_id), deadline)]


def run_waiting(core: CoreState, function: FunctionConfiguration) -> list[Action]:
    """Concurrency came free: events that only waited because of a throttle need not wait out their backoff."""
    event = core.queue.throttled(function.arn)
    if event is None:
        return []
    core.queue.move(event, core.waiting_clock.now())
    return run_due(core)


def run_due(core: CoreState) -> list[Action]:
    actions: list[Action] = []
    for event in core.queue.take_due(core.waiting_clock.now()):
        actions += run(core, event)
    return actions + waiting.arm_queue(core)


def _first_line(environment: Environment) -> str:
    # DIFFERS: the INIT_START line says ``Runtime Version ARN: none (local sandbox)``; AWS names the build of its managed runtime.
    phase = "RESTORE_START" if environment.state is State.RESTORE else "INIT_START"
    runtime = environment.function.runtime
    return f"{phase} Runtime Version: {runtime}.sandbox\tRuntime Version ARN: none (local sandbox)"
