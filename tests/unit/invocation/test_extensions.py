"""Extensions in the core: init waits for them, invocations wait for them, shutdown gives them time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.environment import State
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import Exit
from tests.unit.invocation.stage import Stage, function

BOTH = ("INVOKE", "SHUTDOWN")


def registered(
    stage: Stage, name: str = "watcher", *, external: bool = True, events: tuple[str, ...] = BOTH
) -> tuple[str, str]:
    """Register an extension in the newest environment; return both ids."""
    environment_id = stage.environment_ids()[-1]
    stage.take(stage.core.extension_registered(environment_id, name, external, events))
    return environment_id, stage.core.pool.environments[environment_id].extension_id(name)


def cold(stage: Stage, *, external: bool = True, timeout_s: int = 3) -> tuple[Invocation, str, str]:
    """Begin an invocation in a new environment that has one extension; both are asking for events."""
    invocation = stage.invoke(function(timeout_s=timeout_s))
    environment_id, extension_id = registered(stage, external=external)
    stage.take(stage.core.extension_next(environment_id, extension_id))
    stage.ready(environment_id)
    return invocation, environment_id, extension_id


def state(stage: Stage, environment_id: str) -> State:
    return stage.core.pool.environments[environment_id].state


def respond(stage: Stage, environment_id: str, invocation: Invocation) -> None:
    stage.take(stage.core.runtime_response(environment_id, invocation.request_id, b'"ok"', 40))


@pytest.mark.parametrize("runtime_first", [True, False], ids=["runtime first", "extension first"])
def test_init_is_over_when_runtime_and_extensions_ask_for_events(runtime_first: bool) -> None:
    stage = Stage()
    stage.invoke(function())
    environment_id, extension_id = registered(stage)
    asks: list[Callable[[], object]] = [
        lambda: stage.ready(environment_id),
        lambda: stage.take(stage.core.extension_next(environment_id, extension_id)),
    ]
    first, second = asks if runtime_first else reversed(asks)
    first()
    assert state(stage, environment_id) is State.INIT
    assert not stage.of(messages.DeliverEvent)
    stage.clock.advance(0.25)
    second()
    [delivered] = stage.of(messages.DeliverEvent)
    assert [each.extension_id for each in delivered.extensions] == [extension_id]
    assert delivered.environment.init_duration_ms == 250.0


def test_only_extensions_that_registered_for_invoke_get_events() -> None:
    stage = Stage()
    stage.invoke(function())
    environment_id, extension_id = registered(stage, events=("SHUTDOWN",))
    stage.take(stage.core.extension_next(environment_id, extension_id))
    stage.ready(environment_id)
    assert stage.of(messages.DeliverEvent)[0].extensions == ()


def test_the_caller_is_answered_before_the_extensions_are_done_and_the_report_after() -> None:
    stage = Stage()
    invocation, environment_id, extension_id = cold(stage)
    stage.clock.advance(0.1)
    respond(stage, environment_id, invocation)
    result = stage.completion(invocation).result
    assert result is not None
    assert result.payload == b'"ok"'
    stage.ready(environment_id)
    assert "REPORT" not in stage.logs()
    assert stage.core.concurrency.in_use(function().arn) == 1
    stage.clock.advance(0.3)
    stage.take(stage.core.extension_next(environment_id, extension_id))
    assert "Duration: 400.00 ms" in stage.logs()
    assert stage.core.concurrency.in_use(function().arn) == 0
    assert len(stage.of(messages.Complete)) == 1


def test_an_environment_whose_extension_still_works_takes_no_second_caller() -> None:
    stage = Stage()
    invocation, environment_id, _ = cold(stage)
    respond(stage, environment_id, invocation)
    stage.ready(environment_id)
    stage.invoke(function())
    assert len(stage.environment_ids()) == 2


def test_an_extension_that_outlasts_the_timeout_resets_the_environment_but_not_the_answer() -> None:
    stage = Stage()
    invocation, environment_id, _ = cold(stage, timeout_s=3)
    respond(stage, environment_id, invocation)
    stage.advance(3.0)
    result = stage.completion(invocation).result
    assert result is not None
    assert result.function_error is None
    assert "Status: timeout" in stage.logs()
    assert stage.of(messages.ShutdownEnvironment)[0].reason == "timeout"


@pytest.mark.parametrize(
    ("external", "grace_ms"), [(True, 2_000), (False, 500)], ids=["external", "internal only"]
)
def test_extensions_have_their_time_to_shut_down(external: bool, grace_ms: int) -> None:
    stage = Stage(idle_lifetime_s=60.0)
    invocation, environment_id, extension_id = cold(stage, external=external)
    respond(stage, environment_id, invocation)
    stage.ready(environment_id)
    stage.take(stage.core.extension_next(environment_id, extension_id))
    stage.advance(60.0)
    [shutdown] = stage.of(messages.ShutdownEnvironment)
    assert (shutdown.reason, shutdown.grace_ms) == ("spindown", grace_ms)
    assert state(stage, environment_id) is State.SHUTDOWN
    stage.advance(grace_ms / 1000.0 - 0.001)
    assert not stage.of(messages.StopEnvironment)
    stage.advance(0.001)
    [stop] = stage.of(messages.StopEnvironment)
    assert (stop.keep_tmp, stop.environment.state) == (False, State.STOPPED)


def test_an_environment_without_extensions_is_ended_at_once() -> None:
    stage = Stage(idle_lifetime_s=60.0)
    stage.run_warm(function())
    stage.advance(60.0)
    assert not stage.of(messages.ShutdownEnvironment)
    assert [stop.environment.state for stop in stage.of(messages.StopEnvironment)] == [State.STOPPED]


def test_a_shutdown_ends_early_when_all_processes_are_gone() -> None:
    stage = Stage(idle_lifetime_s=60.0)
    invocation, environment_id, extension_id = cold(stage)
    respond(stage, environment_id, invocation)
    stage.ready(environment_id)
    stage.take(stage.core.extension_next(environment_id, extension_id))
    stage.advance(60.0)
    stage.take(stage.core.environment_exited(environment_id, Exit(code=0), 40))
    assert len(stage.of(messages.StopEnvironment)) == 1
    stage.advance(5.0)
    assert len(stage.of(messages.StopEnvironment)) == 1


def test_a_timeout_tells_extensions_why_and_the_next_caller_waits_for_no_shutdown() -> None:
    stage = Stage()
    first, environment_id, _ = cold(stage, timeout_s=3)
    stage.advance(3.0)
    result = stage.completion(first).result
    assert result is not None
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    [shutdown] = stage.of(messages.ShutdownEnvironment)
    assert shutdown.reason == "timeout"
    stage.invoke(function(timeout_s=3))
    assert len(set(stage.environment_ids())) == 2
    stage.advance(2.0)
    assert state(stage, environment_id) is State.RESET


def test_a_failed_first_init_is_repeated_after_the_shutdown_and_extensions_register_again() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    environment_id, _ = registered(stage)
    stage.take(stage.core.runtime_init_error(environment_id, b"{}", "Boom"))
    assert stage.of(messages.ShutdownEnvironment)[0].reason == "failure"
    stage.advance(2.0)
    assert stage.environment_ids() == [environment_id, environment_id]
    _, extension_id = registered(stage)
    stage.take(stage.core.extension_next(environment_id, extension_id))
    stage.ready(environment_id)
    respond(stage, environment_id, invocation)
    assert stage.completion(invocation).result is not None


def test_an_extension_that_fails_while_the_handler_runs_fails_the_invocation() -> None:
    stage = Stage()
    invocation, environment_id, _ = cold(stage)
    stage.take(stage.core.extension_exited(environment_id, Exit(code=1)))
    assert failure(stage, invocation) == ("Extension.Crash", "exit status 1")
    assert f"RequestId: {invocation.request_id} Error: exit status 1\nExtension.Crash" in stage.logs()
    assert stage.of(messages.ShutdownEnvironment)[0].reason == "failure"


def failure(stage: Stage, invocation: Invocation) -> tuple[str, str]:
    """Return an invocation's error type, and its message without the request id."""
    result = stage.completion(invocation).result
    assert result is not None
    payload = json.loads(result.payload)
    before, _, reason = payload["errorMessage"].partition(" Error: ")
    assert before == f"RequestId: {invocation.request_id}"
    return payload["errorType"], reason


def told(stage: Stage) -> list[list[str]]:
    """Return the EXTENSION lines of each init that ended."""
    return [[status.line() for status in action.statuses] for action in stage.of(messages.TellExtensions)]


@pytest.mark.parametrize(
    ("exit_", "how"),
    [
        pytest.param(Exit(code=0), "exit code 0", id="well"),
        pytest.param(Exit(code=3), "exit status 3", id="with a status"),
        pytest.param(Exit(signal=9), "signal: killed", id="by a signal"),
    ],
)
def test_an_extension_that_exits_before_it_registers_has_crashed(exit_: Exit, how: str) -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    for _ in range(2):
        stage.core.extensions_launched(environment_id, ["watcher"])
        stage.take(stage.core.extension_exited(environment_id, exit_))
    assert failure(stage, invocation) == ("Extension.Crash", how)
    assert told(stage) == [["EXTENSION\tName: watcher\tState: Started\tEvents: []"]] * 2
    assert "Phase: invoke\tStatus: error\tError Type: Extension.Crash" in stage.logs()


@pytest.mark.parametrize(
    ("reason", "error_type"),
    [("permission denied", "PermissionDenied"), ("exec format error", "UnknownError")],
)
def test_a_file_that_cannot_be_executed_is_a_launch_error(reason: str, error_type: str) -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    for _ in range(2):
        stage.core.extensions_launched(environment_id, ["watcher"])
        stage.take(stage.core.extension_not_launched(environment_id, "watcher", reason))
    assert failure(stage, invocation) == (
        "Extension.LaunchError",
        f"fork/exec /opt/extensions/watcher: {reason}",
    )
    line = f"EXTENSION\tName: watcher\tState: LaunchError\tEvents: []\tError Type: {error_type}"
    assert told(stage) == [[line]] * 2


@pytest.mark.parametrize("state_", ["InitError", "ExitError"])
def test_an_extension_that_reports_an_error_ends_the_init_once_it_exits(state_: str) -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    for _ in range(2):
        environment_id = stage.environment_ids()[-1]
        stage.core.extensions_launched(environment_id, ["watcher"])
        _, extension_id = registered(stage)
        assert stage.core.extension_error(environment_id, extension_id, state_, "Extension.NoToken") == []
        assert stage.core.extension_error(environment_id, extension_id, state_, "Extension.Later") == []
        [refusal] = stage.core.extension_next(environment_id, extension_id)
        assert isinstance(refusal, messages.RefuseRuntime)
        assert refusal.error_type == "Extension.InvalidExtensionState"
        stage.take(stage.core.extension_exited(environment_id, Exit(code=0)))
        stage.advance(2.0)  # of the Shutdown phase
    assert failure(stage, invocation) == (f"Extension.{state_}", "exit code 0")
    line = f"EXTENSION\tName: watcher\tState: {state_}\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.NoToken"
    assert told(stage) == [[line]] * 2


def test_an_init_error_is_refused_once_init_is_over() -> None:
    stage = Stage()
    _, environment_id, extension_id = cold(stage)
    [refusal] = stage.core.extension_error(environment_id, extension_id, "InitError", "Extension.Late")
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.error_type == "Extension.InvalidExtensionState"


def test_a_runtime_that_ends_after_its_internal_extension_gave_up_ends_with_that_error() -> None:
    stage = Stage()
    invocation, environment_id, extension_id = cold(stage, external=False)
    stage.core.extension_error(environment_id, extension_id, "ExitError", "Extension.NoToken")
    stage.take(stage.core.environment_exited(environment_id, Exit(code=2), 40))
    kind, reason = failure(stage, invocation)
    assert (kind, reason) == ("Extension.ExitError", "Runtime exited with error: exit status 2")


def test_every_extension_is_told_once_where_init_ends() -> None:
    stage = Stage()
    stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.core.extensions_launched(environment_id, ["one", "two"])
    for name in ("one", "two"):
        _, extension_id = registered(stage, name)
        stage.take(stage.core.extension_next(environment_id, extension_id))
    _, inner = registered(stage, "inner", external=False, events=("INVOKE",))
    stage.take(stage.core.extension_next(environment_id, inner))
    assert told(stage) == []
    stage.ready(environment_id)
    ready = "\tState: Ready\tEvents: [INVOKE"
    names = [line.partition(ready)[0] for line in told(stage)[0]]
    assert names == [f"EXTENSION\tName: {name}" for name in ("one", "two", "inner")]


def test_a_function_without_extensions_has_no_such_line() -> None:
    stage = Stage()
    stage.run_warm(function())
    assert told(stage) == []


@pytest.mark.parametrize(
    ("prepare", "error_type"),
    [
        pytest.param("twice", "Extension.AlreadyRegistered", id="the same name twice"),
        pytest.param("eleven", "Extension.TooManyExtensions", id="more than ten"),
        pytest.param("late", "Extension.RegistrationClosed", id="after init"),
    ],
)
def test_a_registration_is_refused(prepare: str, error_type: str) -> None:
    stage = Stage()
    stage.invoke(function())
    environment_id = stage.environment_ids()[-1]
    names = {"twice": ["one"], "eleven": [f"extension-{i}" for i in range(10)], "late": []}[prepare]
    for name in names:
        assert stage.core.extension_registered(environment_id, name, True, BOTH) == []
    if prepare == "late":
        stage.ready(environment_id)
    [refusal] = stage.core.extension_registered(environment_id, "one", True, BOTH)
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.error_type == error_type


def test_an_unknown_extension_is_refused() -> None:
    stage = Stage()
    stage.invoke(function())
    [refusal] = stage.core.extension_next(stage.environment_ids()[0], "nobody")
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.error_type == "Extension.UnknownExtensionIdentifier"
