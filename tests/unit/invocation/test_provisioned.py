"""Provisioned concurrency: initialised before anybody asks, used first, kept, and its status."""

from __future__ import annotations

import pytest

from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.environment import InitializationType
from lambda_sandbox.resources import Exit, ProvisionedStatus
from tests.unit.invocation.stage import Stage, function

VERSION = function(version="1")
ARN = VERSION.qualified_arn


def provisioned(count: int, **options: object) -> Stage:
    """Return a stage where ``count`` environments of the version are initialised."""
    stage = Stage(**options)
    stage.take(stage.core.provision(ARN, VERSION, count))
    for environment_id in stage.environment_ids():
        stage.clock.advance(0.25)
        stage.ready(environment_id)
    return stage


def test_as_many_environments_as_requested_are_initialised() -> None:
    stage = Stage()
    stage.take(stage.core.provision(ARN, VERSION, 3))
    kinds = [a.environment.initialization_type for a in stage.of(messages.StartEnvironment)]
    assert kinds == [InitializationType.PROVISIONED] * 3
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("IN_PROGRESS", 0, 0)
    for environment_id in stage.environment_ids():
        stage.ready(environment_id)
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("READY", 3, 3)


def test_nothing_is_known_of_what_was_never_provisioned() -> None:
    assert Stage().core.provisioned_status(ARN) is None


def test_the_first_invocation_of_a_provisioned_environment_is_not_cold_and_shows_no_init() -> None:
    stage = provisioned(1)
    invocation = stage.invoke(VERSION)
    [environment_id] = stage.environment_ids()
    stage.respond(environment_id, invocation)
    [record] = [a.record for a in stage.of(messages.Record)]
    assert not record.cold
    assert record.report is not None
    assert record.report.init_duration_ms is None
    assert record.why.startswith("provisioned")
    assert "INIT_REPORT Init Duration: 250.00 ms\tPhase: init\tStatus: success" in stage.logs()


def test_what_does_not_fit_spills_over_to_a_cold_start() -> None:
    stage = provisioned(1)
    stage.invoke(VERSION)
    stage.invoke(VERSION)
    last = stage.of(messages.StartEnvironment)[-1].environment
    assert last.initialization_type is InitializationType.ON_DEMAND
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("READY", 1, 0)


def test_provisioned_environments_serve_before_warm_ones() -> None:
    stage = provisioned(1)
    first, second = stage.invoke(VERSION), stage.invoke(VERSION)
    kept, spilled = stage.environment_ids()
    stage.ready(spilled)
    stage.respond(kept, first)
    stage.respond(spilled, second)
    stage.invoke(VERSION)
    assert stage.of(messages.DeliverEvent)[-1].environment.environment_id == kept


def test_provisioned_environments_are_not_stopped_for_idleness() -> None:
    stage = provisioned(2, idle_lifetime_s=60.0)
    stage.advance(600.0)
    assert not stage.of(messages.StopEnvironment)


def test_other_versions_do_not_use_them() -> None:
    stage = provisioned(1)
    stage.invoke(function(version="2"))
    assert len(stage.environment_ids()) == 2


def test_fewer_stops_free_environments_first_and_lets_busy_ones_finish() -> None:
    stage = provisioned(3)
    invocation = stage.invoke(VERSION)
    busy = stage.of(messages.DeliverEvent)[-1].environment.environment_id
    stage.take(stage.core.provision(ARN, VERSION, 1))
    stopped = {a.environment.environment_id for a in stage.of(messages.StopEnvironment)}
    assert len(stopped) == 2
    assert busy not in stopped
    stage.take(stage.core.provision(ARN, VERSION, 0))
    stage.respond(busy, invocation)
    assert stage.completion(invocation).result is not None
    assert stage.of(messages.StopEnvironment)[-1].environment.environment_id == busy
    assert stage.core.provisioned_status(ARN) is None


def test_more_starts_only_what_is_missing() -> None:
    stage = provisioned(1)
    stage.take(stage.core.provision(ARN, VERSION, 3))
    assert len(stage.environment_ids()) == 3


def test_an_alias_that_moves_gets_environments_of_the_new_version() -> None:
    alias = f"{VERSION.arn}:live"
    stage = Stage()
    stage.take(stage.core.provision(alias, VERSION, 1))
    stage.ready(stage.environment_ids()[0])
    stage.take(stage.core.provision(alias, function(version="2", revision_id="r2"), 1))
    assert len(stage.of(messages.StopEnvironment)) == 1
    assert stage.of(messages.StartEnvironment)[-1].environment.function.version == "2"


@pytest.mark.parametrize("how", ["error", "exit", "timeout"])
def test_an_init_that_fails_makes_the_status_failed(how: str) -> None:
    stage = Stage()
    stage.take(stage.core.provision(ARN, VERSION, 1))
    [environment_id] = stage.environment_ids()
    if how == "error":
        stage.take(stage.core.runtime_init_error(environment_id, b"{}", "Runtime.ImportModuleError"))
    elif how == "exit":
        stage.take(stage.core.environment_exited(environment_id, Exit(code=1), 0))
    else:
        stage.advance(130.0)
    status = ProvisionedStatus("FAILED", 0, 0, "FUNCTION_ERROR_INIT_FAILURE")
    assert stage.core.provisioned_status(ARN) == status
    assert "Phase: init\tStatus: " in stage.logs()
    assert stage.core.concurrency.in_use(VERSION.arn) == 0


def test_init_before_anybody_asks_may_take_longer_than_ten_seconds() -> None:
    stage = Stage()
    stage.take(stage.core.provision(ARN, VERSION, 1))
    stage.advance(129.0)
    stage.ready(stage.environment_ids()[0])
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("READY", 1, 1)


def test_a_provisioned_environment_that_was_reset_is_made_ready_again() -> None:
    stage = provisioned(1)
    invocation = stage.invoke(VERSION)
    [environment_id] = stage.environment_ids()
    stage.take(stage.core.environment_exited(environment_id, Exit(code=1), 40))
    assert stage.completion(invocation).result is not None
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("IN_PROGRESS", 0, 0)
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.ready(environment_id)
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("READY", 1, 1)


def test_what_is_provisioned_is_taken_out_of_the_pool_and_serves_when_the_pool_is_used_up() -> None:
    stage = provisioned(1, account_limit=2)
    stage.invoke(function("other"))
    error = stage.completion(stage.invoke(function("third"))).error
    assert isinstance(error, TooManyRequestsException)
    assert error.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    served = stage.invoke(VERSION)
    assert stage.of(messages.DeliverEvent)[-1].invocation is served


def test_provisioned_concurrency_counts_against_the_reservation() -> None:
    reserved = function(version="1", reserved_concurrency=1)
    stage = Stage()
    stage.take(stage.core.provision(reserved.qualified_arn, reserved, 1))
    stage.ready(stage.environment_ids()[0])
    stage.invoke(reserved)
    error = stage.completion(stage.invoke(reserved)).error
    assert isinstance(error, TooManyRequestsException)
    assert error.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_deleted_function_takes_its_provisioned_environments_along() -> None:
    stage = provisioned(2)
    stage.take(stage.core.retire(VERSION.arn, None))
    assert len(stage.of(messages.StopEnvironment)) == 2
    assert stage.core.provisioned_status(ARN) is None


def test_what_a_deleted_function_held_goes_back_to_the_pool() -> None:
    stage = provisioned(1, account_limit=2)
    stage.take(stage.core.retire(VERSION.arn, None))
    for name in ("one", "two"):
        assert not stage.completions(stage.invoke(function(name)))


def test_a_provisioned_environment_that_ends_while_idle_is_made_ready_again() -> None:
    stage = provisioned(1)
    [environment_id] = stage.environment_ids()
    stage.clock.advance(1.0)
    stage.take(stage.core.environment_exited(environment_id, Exit(code=1), 40))
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("IN_PROGRESS", 0, 0)
    stage.invoke(VERSION)
    assert not stage.of(messages.DeliverEvent)
    stage.ready(environment_id)
    assert stage.core.provisioned_status(ARN) == ProvisionedStatus("READY", 1, 1)


def test_a_machine_without_room_says_so_in_the_status() -> None:
    stage = Stage()
    room = iter([""])
    stage.core.admission = lambda *_: next(room, "the machine has no memory left")
    stage.take(stage.core.provision(ARN, VERSION, 2))
    stage.ready(stage.environment_ids()[0])
    status = ProvisionedStatus("FAILED", 1, 1, "the machine has no memory left")
    assert stage.core.provisioned_status(ARN) == status


def test_a_provisioned_environment_that_ends_as_soon_as_it_is_ready_is_given_up() -> None:
    stage = provisioned(1)
    stage.take(stage.core.environment_exited(stage.environment_ids()[0], Exit(code=1), 40))
    status = ProvisionedStatus("FAILED", 0, 0, "FUNCTION_ERROR_INIT_FAILURE")
    assert stage.core.provisioned_status(ARN) == status
    assert len(stage.environment_ids()) == 1
