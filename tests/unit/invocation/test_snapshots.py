"""SnapStart: one init at publish, and cold starts that are restores."""

from __future__ import annotations

import pytest

from lambda_sandbox.errors import SnapStartException, SnapStartTimeoutException
from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.environment import InitializationType, State
from lambda_sandbox.invocation.snapshots import SnapshotState
from lambda_sandbox.resources import Exit, FunctionConfiguration
from tests.unit.invocation.stage import Stage, function

VERSION = function(version="1", snap_start="PublishedVersions")


def published(*, hooks: bool = True) -> Stage:
    """Return a stage where the version has its snapshot."""
    stage = Stage()
    stage.take(stage.core.snapshot(VERSION))
    [environment_id] = stage.environment_ids()
    stage.clock.advance(2.0)
    ask = stage.core.runtime_restore_next if hooks else stage.core.runtime_next
    stage.take(ask(environment_id))
    return stage


@pytest.mark.parametrize(
    "hooks", [True, False], ids=["runtime with hooks", "runtime that knows no snapshots"]
)
def test_a_version_is_initialised_once_at_publish(hooks: bool) -> None:
    stage = published(hooks=hooks)
    [snapshot] = stage.of(messages.SnapshotEnvironment)
    assert snapshot.environment.initialization_type is InitializationType.SNAP_START
    assert snapshot.environment.state is State.SNAPSHOT
    assert "INIT_REPORT Init Duration: 2000.00 ms\tPhase: init\tStatus: success" in stage.logs()
    assert stage.core.snapshots[VERSION.qualified_arn].state is SnapshotState.READY


@pytest.mark.parametrize(
    "other",
    [function(snap_start="PublishedVersions"), function(version="1")],
    ids=["$LATEST", "a version without SnapStart"],
)
def test_only_published_versions_with_snap_start_get_a_snapshot(other: FunctionConfiguration) -> None:
    assert Stage().core.snapshot(other) == []


def started(stage: Stage) -> int:
    return len(stage.environment_ids())


def test_a_cold_start_is_restored_and_reports_what_that_took() -> None:
    stage = published()
    [environment_id] = stage.environment_ids()
    stage.clock.advance(100.0)
    invocation = stage.invoke(VERSION)
    environment = stage.core.pool.environments[environment_id]
    assert environment.state is State.RESTORE
    assert [a.environment for a in stage.of(messages.ResumeRestored)] == [environment]
    stage.clock.advance(0.25)
    stage.ready(environment_id)
    stage.clock.advance(0.125)
    stage.respond(environment_id, invocation)
    [record] = [a.record for a in stage.of(messages.Record)]
    report = record.report
    assert report is not None
    assert (report.restore_duration_ms, report.init_duration_ms) == (250.0, None)
    assert report.billed_ms == 375
    assert "RESTORE_START Runtime Version" in stage.logs()
    assert "RESTORE_REPORT Restore Duration: 250.00 ms\tStatus: success" in stage.logs()
    assert "\tRestore Duration: 250.00 ms\tBilled Restore Duration: 250 ms" in stage.logs()
    assert record.why.startswith("restored")


def test_a_runtime_that_knows_no_snapshots_is_handed_the_event_it_waits_for() -> None:
    stage = published(hooks=False)
    invocation = stage.invoke(VERSION)
    assert not stage.of(messages.ResumeRestored)
    [delivered] = stage.of(messages.DeliverEvent)
    assert delivered.invocation is invocation
    stage.respond(delivered.environment.environment_id, invocation)
    assert "\tRestore Duration: 0.00 ms" in stage.logs()


def test_a_cold_start_leaves_another_environment_to_wait_for_the_next() -> None:
    stage = published()
    stage.invoke(VERSION)
    parked = stage.of(messages.StartEnvironment)[-1].environment
    assert started(stage) == 2
    assert (parked.invocation, parked.initialization_type) == (None, InitializationType.SNAP_START)
    stage.take(stage.core.runtime_restore_next(parked.environment_id))
    second = stage.invoke(VERSION)
    assert parked.invocation is second
    assert parked.state is State.RESTORE


def test_a_burst_that_finds_nothing_waiting_repeats_init_in_the_restore_phase() -> None:
    stage = published()
    stage.invoke(VERSION)
    invocation = stage.invoke(VERSION)
    environment = stage.of(messages.StartEnvironment)[-1].environment
    assert environment.invocation is invocation
    assert (environment.state, started(stage)) == (State.RESTORE, 3)
    stage.clock.advance(0.5)
    stage.take(stage.core.runtime_restore_next(environment.environment_id))
    stage.clock.advance(0.25)
    stage.ready(environment.environment_id)
    stage.respond(environment.environment_id, invocation)
    assert "\tRestore Duration: 750.00 ms\tBilled Restore Duration: 250 ms" in stage.logs()


def test_a_warm_invocation_shows_no_restore() -> None:
    stage = published()
    first = stage.invoke(VERSION)
    environment_id = stage.environment_ids()[0]
    stage.ready(environment_id)
    stage.respond(environment_id, first)
    second = stage.invoke(VERSION)
    stage.respond(environment_id, second)
    assert stage.logs().count("\tRestore Duration") == 1


def test_a_version_without_a_snapshot_starts_as_usual_and_makes_one() -> None:
    stage = Stage()
    stage.invoke(VERSION)
    kinds = [a.environment.initialization_type for a in stage.of(messages.StartEnvironment)]
    assert kinds == [InitializationType.ON_DEMAND, InitializationType.SNAP_START]
    parked = stage.environment_ids()[1]
    stage.take(stage.core.runtime_restore_next(parked))
    stage.invoke(VERSION)
    assert stage.core.pool.environments[parked].state is State.RESTORE


def test_a_snapshot_that_waits_is_not_stopped_for_idleness() -> None:
    stage = published()
    stage.advance(10_000.0)
    assert not stage.of(messages.StopEnvironment)


def test_a_snapshot_whose_process_ends_is_made_again_by_the_next_cold_start() -> None:
    stage = published()
    stage.take(stage.core.environment_exited(stage.environment_ids()[0], Exit(signal=9), 0))
    stage.invoke(VERSION)
    states = [a.environment.state for a in stage.of(messages.StartEnvironment)]
    assert states == [State.STOPPED, State.RESTORE, State.INIT]


def test_a_restore_that_fails_answers_with_an_error_and_the_next_one_tries_again() -> None:
    stage = published()
    invocation = stage.invoke(VERSION)
    [environment_id, _] = stage.environment_ids()
    stage.take(stage.core.runtime_restore_error(environment_id, b'{"errorType":"Runtime.AfterRestore"}', ""))
    assert isinstance(stage.completion(invocation).error, SnapStartException)
    assert "RESTORE_REPORT" in stage.logs()
    assert stage.core.concurrency.in_use(VERSION.arn) == 0
    again = stage.invoke(VERSION)
    assert not stage.completions(again)


def test_a_restore_over_ten_seconds_times_out() -> None:
    stage = published()
    invocation = stage.invoke(VERSION)
    stage.advance(10.0)
    assert isinstance(stage.completion(invocation).error, SnapStartTimeoutException)


def test_an_event_whose_restore_failed_is_tried_again() -> None:
    stage = published()
    event = stage.invoke(VERSION, event=True)
    stage.take(stage.core.environment_exited(stage.environment_ids()[0], Exit(code=1), 0))
    assert len(stage.core.queue) == 1
    stage.advance(60.0)
    held = [e.invocation for e in stage.core.pool.environments.values() if e.invocation is not None]
    assert [invocation.request_id for invocation in held] == [event.request_id]


def test_a_snapshot_whose_init_fails_says_so() -> None:
    stage = Stage()
    stage.take(stage.core.snapshot(VERSION))
    [environment_id] = stage.environment_ids()
    stage.take(
        stage.core.runtime_init_error(environment_id, b'{"errorType":"Runtime.ImportModuleError"}', "")
    )
    snapshot = stage.core.snapshots[VERSION.qualified_arn]
    assert (snapshot.state, snapshot.reason) == (SnapshotState.FAILED, "Runtime.ImportModuleError")
    [told] = stage.of(messages.SnapshotFailed)
    assert told.reason == "Runtime.ImportModuleError"


def test_a_reset_environment_is_restored_again() -> None:
    stage = published()
    stage.invoke(VERSION)
    environment_id = stage.environment_ids()[0]
    stage.ready(environment_id)
    stage.take(stage.core.environment_exited(environment_id, Exit(code=1), 0))
    stage.invoke(VERSION)
    again = stage.of(messages.StartEnvironment)[-1]
    assert (again.environment.environment_id, again.environment.state) == (environment_id, State.RESTORE)


def test_a_runtime_that_is_not_of_snap_start_may_not_ask_to_be_restored() -> None:
    stage = Stage()
    stage.invoke(function())
    [refusal] = stage.core.runtime_restore_next(stage.environment_ids()[0])
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.status == 403


def test_a_deleted_version_takes_its_snapshot_along() -> None:
    stage = published()
    stage.take(stage.core.retire_version(VERSION.qualified_arn))
    assert VERSION.qualified_arn not in stage.core.snapshots
    assert len(stage.of(messages.StopEnvironment)) == 1
