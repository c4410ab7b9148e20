"""A SnapStart version is pending until its snapshot is there, and failed when its init or a hook fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

SNAP_START = {"ApplyOn": "PublishedVersions"}
SLOW = """
import os, time
time.sleep(3)
def handler(event, context):
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
QUICK = "def handler(event, context):\n    return 'ran'"
BROKEN_HOOK = """
from snapshot_restore_py import register_before_snapshot
def before():
    raise ValueError("no snapshot of this")
register_before_snapshot(before)
def handler(event, context):
    return 1
"""
BROKEN_INIT = "raise ValueError('init is broken')"
INACTIVE = (
    "The operation cannot be performed at this time. The function is currently in the following state: "
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--no-neighbours")
    yield running
    running.stop()


def look(server: Server, name: str, qualifier: str = "1") -> dict[str, Any]:
    found: dict[str, Any] = server.client("lambda").get_function_configuration(
        FunctionName=name, Qualifier=qualifier
    )
    return found


def states(configuration: dict[str, Any]) -> tuple[str, str]:
    return configuration["State"], configuration["SnapStart"]["OptimizationStatus"]


def settle(server: Server, name: str, qualifier: str = "1", waiter: str = "published_version_active") -> None:
    patience = {"Delay": 1, "MaxAttempts": 30}
    server.client("lambda").get_waiter(waiter).wait(
        FunctionName=name, Qualifier=qualifier, WaiterConfig=patience
    )


def refused(server: Server, name: str, **given: Any) -> str:
    """Return the sentence with which an invocation is refused as a conflict."""
    with pytest.raises(ClientError) as refusal:
        server.client("lambda").invoke(FunctionName=name, **given)
    answer = refusal.value.response
    assert answer["Error"]["Code"] == "ResourceConflictException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
    return str(answer["Error"]["Message"])


def test_a_version_is_pending_until_its_snapshot_is_there(server: Server) -> None:
    client = server.client("lambda")
    server.deploy("slow", SLOW, SnapStart=SNAP_START, Timeout=20)
    assert states(look(server, "slow", "$LATEST")) == ("Active", "Off")
    answer = client.publish_version(FunctionName="slow")
    assert states(answer) == ("Pending", "Off")
    found = look(server, "slow")
    assert states(found) == ("Pending", "Off")
    assert (found["StateReasonCode"], "LastUpdateStatus" in found) == ("Creating", False)
    assert refused(server, "slow", Qualifier="1") == f"{INACTIVE}Pending"
    client.create_alias(FunctionName="slow", Name="live", FunctionVersion="1")
    assert refused(server, "slow", Qualifier="live", InvocationType="Event") == f"{INACTIVE}Pending"

    settle(server, "slow")
    settle(server, "slow", waiter="function_active_v2")
    found = look(server, "slow")
    assert states(found) == ("Active", "On")
    assert "StateReason" not in found
    listed = client.list_versions_by_function(FunctionName="slow")["Versions"]
    assert [each["SnapStart"]["OptimizationStatus"] for each in listed] == ["Off", "On"]
    served = client.invoke(FunctionName="slow", Qualifier="live")
    assert json.loads(served["Payload"].read()) == "snap-start"
    assert states(look(server, "slow")) == ("Active", "On"), (
        "the next snapshot is made behind the invocations"
    )


def test_a_version_published_by_an_update_is_pending_as_well(server: Server) -> None:
    server.deploy("updated", SLOW, SnapStart=SNAP_START, Timeout=20)
    answer = server.client("lambda").update_function_code(
        FunctionName="updated",
        ZipFile=package(SLOW + "# again\n"),
        Publish=True,
    )
    assert (answer["Version"], *states(answer)) == ("1", "Pending", "Off")
    assert states(look(server, "updated")) == ("Pending", "Off")


@pytest.mark.parametrize(
    ("name", "code"),
    [("hook", BROKEN_HOOK), ("init", BROKEN_INIT)],
    ids=["a hook before the snapshot", "init"],
)
def test_a_version_whose_snapshot_cannot_be_made_is_failed(server: Server, name: str, code: str) -> None:
    server.deploy(name, code, SnapStart=SNAP_START, Publish=True)
    with pytest.raises(WaiterError, match="Failed"):
        settle(server, name)
    found = look(server, name)
    assert states(found) == ("Failed", "Off")
    assert (found["StateReasonCode"], found["LastUpdateStatus"]) == ("FunctionError", "Failed")
    assert found["StateReason"].startswith("An error occurred during function initialization.")
    assert refused(server, name, Qualifier="1") == f"{INACTIVE}Failed"


def test_an_alias_never_moves_to_a_version_that_has_failed(server: Server) -> None:
    client = server.client("lambda")
    server.deploy("pointed", QUICK, SnapStart=SNAP_START, Publish=True)
    settle(server, "pointed")
    client.create_alias(FunctionName="pointed", Name="live", FunctionVersion="1")
    client.update_function_code(FunctionName="pointed", ZipFile=package(BROKEN_INIT), Publish=True)
    with pytest.raises(WaiterError, match="Failed"):
        settle(server, "pointed", "2")
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    for call, given in (
        (client.create_alias, {"Name": "next", "FunctionVersion": "2"}),
        (client.update_alias, {"Name": "live", "FunctionVersion": "2"}),
        (client.update_alias, {"Name": "live", "RoutingConfig": weights}),
    ):
        with pytest.raises(ClientError) as refusal:
            call(FunctionName="pointed", **given)
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert refusal.value.response["Error"]["Message"] == f"{INACTIVE}Failed"
    served = client.invoke(FunctionName="pointed", Qualifier="live")
    assert json.loads(served["Payload"].read()) == "ran"


def test_an_alias_that_was_there_before_its_version_failed_can_still_be_changed(server: Server) -> None:
    client = server.client("lambda")
    server.deploy("early", SLOW.replace("def handler", "raise ValueError\ndef handler"), SnapStart=SNAP_START)
    client.publish_version(FunctionName="early")
    client.create_alias(FunctionName="early", Name="live", FunctionVersion="1")
    with pytest.raises(WaiterError, match="Failed"):
        settle(server, "early")
    changed = client.update_alias(FunctionName="early", Name="live", Description="waits for version 2")
    assert (changed["FunctionVersion"], changed["Description"]) == ("1", "waits for version 2")
    assert refused(server, "early", Qualifier="live") == f"{INACTIVE}Failed"


def test_the_version_after_a_failed_one_is_active(server: Server) -> None:
    client = server.client("lambda")
    server.deploy("mended", BROKEN_INIT, SnapStart=SNAP_START, Publish=True)
    with pytest.raises(WaiterError):
        settle(server, "mended")
    client.update_function_code(FunctionName="mended", ZipFile=package(QUICK), Publish=True)
    settle(server, "mended", "2")
    assert json.loads(client.invoke(FunctionName="mended", Qualifier="2")["Payload"].read()) == "ran"
    assert states(look(server, "mended")) == ("Failed", "Off")
