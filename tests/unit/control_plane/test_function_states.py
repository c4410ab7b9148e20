"""Functions that take a while to be ready, as on AWS: what clients see and what is refused meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CALLER, Sandbox, make_zip
from .refusals import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
PENDING = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
UPDATING = f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}"


@pytest.fixture
def slow(sandbox: Sandbox) -> Sandbox:
    """A sandbox in which making and changing a function takes five seconds."""
    sandbox.reopen(transition_s=5.0)
    return sandbox


def look(sandbox: Sandbox, qualifier: str = "$LATEST") -> dict[str, Any]:
    found: dict[str, Any] = sandbox.client().get_function_configuration(
        FunctionName="hello", Qualifier=qualifier
    )
    return found


def test_new_function_is_pending_until_its_time_is_over(slow: Sandbox) -> None:
    slow.create()
    found = look(slow)
    assert (found["State"], found["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in found
    slow.clock.advance(4.9)
    assert look(slow)["State"] == "Pending"
    slow.clock.advance(0.1)
    found = look(slow)
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in found


def test_pending_function_is_neither_changed_nor_published_nor_invoked(slow: Sandbox) -> None:
    slow.create()
    client = slow.client()
    for request in (
        lambda: client.update_function_configuration(FunctionName="hello", Timeout=9),
        lambda: client.update_function_code(FunctionName="hello", ZipFile=make_zip({"b": "b"})),
        lambda: client.publish_version(FunctionName="hello"),
    ):
        with refused("ResourceConflictException", 409, PENDING):
            request()
    with pytest.raises(Exception, match="in the following state: Pending"):
        slow.plane.resolve("hello", None, CALLER)
    slow.clock.advance(5)
    assert slow.plane.resolve("hello", None, CALLER).timeout_s == 3


def test_update_is_in_progress_until_its_time_is_over_and_takes_no_second_one(slow: Sandbox) -> None:
    slow.create()
    slow.clock.advance(5)
    client = slow.client()
    updated = client.update_function_configuration(FunctionName="hello", Timeout=9)
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    assert look(slow)["LastUpdateStatusReasonCode"] == "Creating"
    for request in (
        lambda: client.update_function_configuration(FunctionName="hello", Timeout=10),
        lambda: client.publish_version(FunctionName="hello"),
        lambda: client.put_function_recursion_config(FunctionName="hello", RecursiveLoop="Allow"),
    ):
        with refused("ResourceConflictException", 409, UPDATING):
            request()
    assert slow.plane.resolve("hello", None, CALLER).timeout_s == 9  # an update never stops invocations
    slow.clock.advance(5)
    assert look(slow)["LastUpdateStatus"] == "Successful"
    client.update_function_configuration(FunctionName="hello", Timeout=10)


def test_new_version_is_pending_too(slow: Sandbox) -> None:
    slow.create()
    slow.clock.advance(5)
    assert slow.client().publish_version(FunctionName="hello")["State"] == "Pending"
    slow.clock.advance(5)
    assert look(slow, "1")["State"] == "Active"


def test_pending_version_gets_an_alias_but_no_provisioned_concurrency(slow: Sandbox) -> None:
    slow.create()
    slow.clock.advance(5)
    client = slow.client()
    client.publish_version(FunctionName="hello")
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live"):
        with refused("ResourceConflictException", 409, PENDING):
            client.put_provisioned_concurrency_config(
                FunctionName="hello", Qualifier=qualifier, ProvisionedConcurrentExecutions=1
            )
    slow.clock.advance(5)
    client.put_provisioned_concurrency_config(
        FunctionName="hello", Qualifier="live", ProvisionedConcurrentExecutions=1
    )


def test_weighted_alias_runs_its_other_version_only_once_that_is_active(slow: Sandbox) -> None:
    slow.create()
    slow.clock.advance(5)
    client = slow.client()
    client.publish_version(FunctionName="hello")
    slow.clock.advance(5)
    client.update_function_configuration(FunctionName="hello", Timeout=9)
    slow.clock.advance(5)
    client.publish_version(FunctionName="hello")
    weights = {"AdditionalVersionWeights": {"2": 1.0}}
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1", RoutingConfig=weights)
    with pytest.raises(Exception, match="in the following state: Pending"):
        slow.plane.resolve("hello", "live", CALLER)
    slow.clock.advance(5)
    assert slow.plane.resolve("hello", "live", CALLER).timeout_s == 9


def test_transition_goes_on_over_a_restart(slow: Sandbox) -> None:
    slow.create()
    slow.clock.advance(3)
    slow.reopen()
    assert look(slow)["State"] == "Pending"
    slow.clock.advance(2)
    assert look(slow)["State"] == "Active"


@pytest.mark.parametrize(
    ("waiter", "qualifier"),
    [
        ("function_active", None),
        ("function_active_v2", None),
        ("function_updated", None),
        ("function_updated_v2", None),
        ("function_exists", None),
        ("published_version_active", "1"),
    ],
)
def test_every_waiter_of_boto_ends_at_once_where_nothing_takes_time(
    sandbox: Sandbox, waiter: str, qualifier: str | None
) -> None:
    sandbox.create(Publish=True)
    named = {"FunctionName": "hello"} | ({"Qualifier": qualifier} if qualifier else {})
    sandbox.client().get_waiter(waiter).wait(**named, WaiterConfig={"MaxAttempts": 1})
