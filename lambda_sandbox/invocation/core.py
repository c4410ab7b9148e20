"""The core: a state machine without I/O. Signals go in as method calls, actions come out as lists.

It owns no thread, socket, process or wall clock. Whoever drives it, a server or a notebook's own interpreter, gets the
same decisions for the same signals at the same times. This module holds the signals; what follows from them is told in
``running`` (an invocation finds its environment), ``ends`` (it ends), ``phases`` (an environment's life), ``waiting``
(asynchronous events), ``concurrency`` (who may run), ``preparing`` (before anybody asks) and ``retiring``.
"""

from __future__ import annotations

from collections.abc import Collection

from lambda_sandbox import quotas
from lambda_sandbox.clock import Clock, WaitingClock
from lambda_sandbox.errors import RecursiveInvocationException
from lambda_sandbox.invocation import (
    ends,
    extension,
    failures,
    lineage,
    phases,
    preparing,
    retiring,
    running,
    snapshots,
    waiting,
)
from lambda_sandbox.invocation.core_state import QUEUE, SHUTDOWN, SLOW, WATCHDOG, CoreState
from lambda_sandbox.invocation.environment import (
    AFTER_ANSWER,
    INVOKE,
    Environment,
    InitializationType,
    Signal,
    State,
    WrongState,
)
from lambda_sandbox.invocation.messages import (
    EVENT,
    Action,
    Complete,
    EventFinished,
    ForgetEvent,
    Invocation,
    InvocationRecord,
    InvocationResult,
    InvocationType,
    Record,
    RefuseRuntime,
    ResumeRestored,
    Status,
    StoreEvent,
)
from lambda_sandbox.invocation.version_keys import keys_of
from lambda_sandbox.resources import Exit, FunctionConfiguration, ProvisionedStatus

_BEFORE_READY = (State.INIT, State.RESTORE)


class Core(CoreState):
    """Decides what runs where and when.

    ``account_limit`` is concurrent executions of each account in each Region; ``idle_lifetime_s`` is how long an unused
    environment is kept. ``seed`` makes environment ids repeatable. ``heard``: somebody
    reads the log and waits for answers.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        account_limit: int = quotas.ACCOUNT_CONCURRENCY,
        idle_lifetime_s: float = 300.0,
        seed: str = "",
        waiting_clock: WaitingClock | None = None,
        heard: bool = True,
    ) -> None:
        super().__init__(clock, account_limit, idle_lifetime_s, seed, waiting_clock, heard)
        self.end_idle = lambda environment, reason: phases.stop(self, environment, reason)

    # --- signals from callers ------------------------------------------------------------------------

    def invoke(self, invocation: Invocation) -> list[Action]:
        """A caller arrived. An ``Event`` is stored and acknowledged first, then run like any other."""
        function = invocation.function
        actions: list[Action] = []
        if invocation.invocation_type is EVENT:
            accepted = InvocationResult(invocation.request_id, b"", function.version, status_code=202)
            actions = [StoreEvent(invocation), Complete(invocation, accepted)]
        if invocation.trace_header:
            invocation.trace_header, before = lineage.extended(
                invocation.trace_header, keys_of(function).mark
            )
            if before >= quotas.RECURSION_INVOCATIONS and function.recursive_loop == "Terminate":
                return actions + self._stop_recursion(invocation, before)
        return actions + running.run(self, invocation) if actions else running.run(self, invocation)

    def restore_event(self, invocation: Invocation) -> list[Action]:
        """An asynchronous event found in the store after a restart: run it when it is due."""
        self.queue.put(invocation, invocation.due_at)
        return waiting.arm_queue(self)

    def _stop_recursion(self, invocation: Invocation, before: int) -> list[Action]:
        now = self.clock.now()
        error = RecursiveInvocationException(
            "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services "
            "resources and stopped your function's invocation."
        )
        why = f"recursion: the function ran {before} times in this chain and its recursive loop is Terminate"
        record = InvocationRecord(invocation, "", Status.ERROR, now, now, None, error.code, False, why)
        if invocation.invocation_type is InvocationType.EVENT:
            # UNCONFIRMED: the word; the guide says that such an event goes to the on-failure destination.
            over = EventFinished(invocation, "RecursiveInvocationDetected", invocation.attempt - 1)
            return [Record(record), over, ForgetEvent(invocation.request_id)]
        return [Record(record), Complete(invocation, error=error)]

    # --- signals from the control plane --------------------------------------------------------------

    def retire(self, function_arn: str, replacement: FunctionConfiguration | None) -> list[Action]:
        """A function's ``$LATEST`` changed: none of its old environments serves another event, no event runs old code.

        Environments belong to a version: those of published versions stay. ``replacement`` is what ``$LATEST`` is now;
        ``None``: the function was deleted, and every version, waiting event and reservation goes with it.
        """
        if replacement is None:
            return retiring.forget_function(self, function_arn)
        return retiring.replace_latest(self, replacement)

    def retire_version(self, qualified_arn: str) -> list[Action]:
        """A published version was deleted. An alias that moves needs no signal: it only names versions."""
        return retiring.forget_version(self, qualified_arn)

    def reserve(self, function_arn: str, reserved_concurrency: int | None) -> None:
        """A function's reserved concurrency, for those that nobody has invoked since the start."""
        self.concurrency.set_reserved(function_arn, reserved_concurrency)

    def provision(self, qualified_arn: str, function: FunctionConfiguration, requested: int) -> list[Action]:
        """Keep ``requested`` environments of the version ``function`` initialised, 0 for none any more.

        ``qualified_arn`` names the version, or the alias that stands for it: asked again with another version, the old
        version's environments go and the new one's come.
        """
        return preparing.provision(self, qualified_arn, function, requested)

    def provisioned_status(self, qualified_arn: str) -> ProvisionedStatus | None:
        """Return how far the provisioning has come, ``None`` when there is none for this ARN."""
        return preparing.provisioned_status(self, qualified_arn)

    def snapshot(self, function: FunctionConfiguration) -> list[Action]:
        """A version was published: if it has SnapStart, initialise an environment and make the snapshot."""
        if not snapshots.wanted(function):
            return []
        return running.prepare(self, function, InitializationType.SNAP_START)

    def stop_all(self, reason: str) -> list[Action]:
        """Stop every environment at once; callers that wait get the failure of a process that ended.

        Nothing is left of what was promised or waits: a driver that goes on says it again. Stored events stay stored.
        """
        return retiring.stop_all(self, reason)

    # --- signals from the runtime --------------------------------------------------------------------

    def runtime_next(self, environment_id: str) -> list[Action]:
        """The runtime asks for an event: its init is done, or it is ready again."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        try:
            if not environment.extensions:
                return phases.ready(self, environment)
            environment.check(Signal.NEXT)
        except WrongState as reason:
            return [RefuseRuntime(403, "InvalidStateTransition", str(reason))]
        environment.runtime_waits = True
        return phases.ready(self, environment) if environment.all_wait else []

    def runtime_restore_next(self, environment_id: str) -> list[Action]:
        """The runtime asks to be restored: init and before-snapshot hooks are done, or it runs in a restored environment."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if environment.state is State.RESTORE:
            environment.restored_at = self.clock.now()
            return [ResumeRestored(environment)]
        snap_start = environment.initialization_type is InitializationType.SNAP_START
        if environment.state is State.INIT and snap_start:
            return phases.checkpoint(self, environment)
        return [RefuseRuntime(403, "InvalidStateTransition", "the environment is not one of SnapStart")]

    def runtime_restore_error(self, environment_id: str, payload: bytes, error_type: str) -> list[Action]:
        """The runtime posts that an after-restore hook failed."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if environment.state is not State.RESTORE:
            return [RefuseRuntime(403, "InvalidStateTransition", "nothing is being restored")]
        return phases.restore_failed(self, environment, failures.reported(payload, error_type))

    def runtime_response(
        self, environment_id: str, request_id: str, payload: bytes, max_memory_mb: int
    ) -> list[Action]:
        """The runtime posts what the handler returned."""
        environment = self._answering(environment_id, request_id)
        if environment is None:
            return [self._refuse_answer(environment_id, request_id)]
        environment.state = AFTER_ANSWER[environment.state]
        if len(payload) <= quotas.SYNC_PAYLOAD_BYTES:
            return ends.answered(self, environment, payload, None, max_memory_mb)
        limit = f"Exceeded maximum allowed payload size ({quotas.SYNC_PAYLOAD_BYTES} bytes)."
        failure = failures.response_too_large(len(payload))
        return [
            *ends.answered(self, environment, failure.payload, failure, max_memory_mb),
            RefuseRuntime(413, "RequestEntityTooLarge", limit),
        ]

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str, max_memory_mb: int
    ) -> list[Action]:
        """The runtime posts that the handler failed. The environment lives on."""
        environment = self._answering(environment_id, request_id)
        if environment is None:
            return [self._refuse_answer(environment_id, request_id)]
        environment.state = AFTER_ANSWER[environment.state]
        failure = failures.reported(payload, error_type)
        return ends.answered(self, environment, payload, failure, max_memory_mb)

    def _answering(self, environment_id: str, request_id: str) -> Environment | None:
        """Return the environment if this very event is out on it."""
        environment = self.pool.environments.get(environment_id)
        if environment is None or environment.state is not INVOKE:
            return None
        invocation = environment.invocation
        return environment if invocation is not None and invocation.request_id == request_id else None

    def _refuse_answer(self, environment_id: str, request_id: str) -> Action:
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return RefuseRuntime(403, "InvalidStateTransition", "this environment is gone")
        if environment.state is not INVOKE:
            state = f"no event is out; the state is {environment.state}"
            return RefuseRuntime(403, "InvalidStateTransition", state)
        return RefuseRuntime(400, "InvalidRequestID", f"{request_id} is not the event that is out")

    def runtime_init_error(self, environment_id: str, payload: bytes, error_type: str) -> list[Action]:
        """The runtime posts that it could not load the function."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if environment.state not in _BEFORE_READY:
            return [RefuseRuntime(403, "InvalidStateTransition", "init is over")]
        request_id = environment.invocation.request_id if environment.invocation is not None else ""
        failure = failures.init_reported(payload, error_type, request_id)
        return phases.broke(self, environment, failure, 0)

    def environment_exited(self, environment_id: str, exit_: Exit, max_memory_mb: int) -> list[Action]:
        """The environment's processes ended: without being told to, or all of them during the Shutdown phase."""
        environment = self.pool.environments.get(environment_id)
        return phases.exited(self, environment, exit_, max_memory_mb) if environment is not None else []

    def runtime_exited(self, environment_id: str, exit_: Exit, max_memory_mb: int) -> list[Action]:
        """The runtime's process ended and external extensions still run: they have their Shutdown phase."""
        environment = self.pool.environments.get(environment_id)
        if environment is None or environment.state is State.SHUTDOWN:
            return []
        return phases.runtime_exited(self, environment, exit_, max_memory_mb)

    # --- signals from extensions ---------------------------------------------------------------------

    def extension_registered(
        self, environment_id: str, name: str, external: bool, events: Collection[str]
    ) -> list[Action]:
        """An extension registers for ``events`` (of ``INVOKE`` and ``SHUTDOWN``); its id: ``Environment.extension_id(name)``.

        Whether the request is well formed is the protocol's business; here count and time are checked.
        """
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if environment.state not in _BEFORE_READY:
            return [RefuseRuntime(403, "Extension.RegistrationClosed", "extensions register during init")]
        if environment.extension_id(name):
            return [RefuseRuntime(403, "Extension.AlreadyRegistered", f"{name} is registered already")]
        if len(environment.extensions) >= quotas.EXTENSIONS:
            limit = f"an environment takes {quotas.EXTENSIONS} extensions"
            return [RefuseRuntime(403, "Extension.TooManyExtensions", limit)]
        made = extension.make(environment_id, name, external, events)
        environment.extensions[made.extension_id] = made
        return []

    def extension_next(self, environment_id: str, extension_id: str) -> list[Action]:
        """An extension asks for its next event: its init is done, or its work on the last event."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        asking = environment.extensions.get(extension_id)
        if asking is None:
            return [RefuseRuntime(403, "Extension.UnknownExtensionIdentifier", "no such extension")]
        if asking.trouble:
            return [_refuse_after(asking)]
        asking.waits = True
        due = environment.state in (*_BEFORE_READY, State.ANSWERED)
        return phases.ready(self, environment) if due and environment.all_wait else []

    def extensions_launched(self, environment_id: str, names: Collection[str]) -> None:
        """The files of ``/opt/extensions`` were started, before any of them can register."""
        environment = self.pool.environments.get(environment_id)
        if environment is not None:
            environment.launched = dict.fromkeys(names, "")

    def extension_not_launched(self, environment_id: str, name: str, reason: str) -> list[Action]:
        """A file of ``/opt/extensions`` cannot be executed; ``reason`` is the system's word for it: the environment starts over."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        environment.launched[name] = "PermissionDenied" if reason == "permission denied" else "UnknownError"
        request_id = environment.invocation.request_id if environment.invocation is not None else ""
        return phases.broke(self, environment, failures.extension_not_launched(request_id, name, reason), 0)

    def extension_error(
        self, environment_id: str, extension_id: str, state: str, error_type: str
    ) -> list[Action]:
        """An extension reports that it failed; ``state`` is ``InitError`` or ``ExitError``.

        AWS: nothing follows but that it gets no more events. It is expected to exit, and that is what ends the environment.
        """
        environment = self.pool.environments.get(environment_id)
        reporting = environment.extensions.get(extension_id) if environment is not None else None
        if environment is None or reporting is None:
            return [RefuseRuntime(403, "Extension.UnknownExtensionIdentifier", "no such extension")]
        if reporting.trouble == state:
            return []  # AWS: only the first one counts
        if reporting.trouble or (state == extension.INIT_ERROR and environment.state not in _BEFORE_READY):
            return [_refuse_after(reporting)]
        reporting.trouble, reporting.error_type = state, error_type
        environment.extension_fault = environment.extension_fault or f"Extension.{state}"
        return []

    def extension_exited(self, environment_id: str, exit_: Exit) -> list[Action]:
        """The process of an external extension ended before it was told to: the environment starts over."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        request_id = environment.invocation.request_id if environment.invocation is not None else ""
        failure = failures.extension_exited(request_id, exit_, environment.extension_fault)
        return phases.broke(self, environment, failure, 0)

    # --- time ----------------------------------------------------------------------------------------

    def timer_fired(self, key: tuple[str, str]) -> list[Action]:
        """A timer that was set has come. One that is no longer needed does nothing."""
        kind, environment_id = key
        if kind == QUEUE:
            self.queue_timer = None
            return running.run_due(self)
        if kind not in (WATCHDOG, SHUTDOWN, SLOW):
            return phases.stop_idle(self)
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if kind == SLOW:
            return phases.held_over(self, environment)
        return (phases.watchdog if kind == WATCHDOG else phases.shutdown_over)(self, environment)


def _refuse_after(each: extension.Extension) -> RefuseRuntime:
    where = each.trouble or "init is over"
    return RefuseRuntime(403, "Extension.InvalidExtensionState", f"{each.name}: {where}")
