"""Environments that are ready before anybody asks: provisioned concurrency and SnapStart, with real processes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.prepared_stage import history, invoke, until

TYPES = """
import os, time
time.sleep(0.3)
def handler(event, context):
    return {"type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "arn": context.invoked_function_arn}
"""
HOOKS = """
import time
from snapshot_restore_py import register_after_restore, register_before_snapshot
time.sleep(0.5)
ran = []
register_before_snapshot(lambda: ran.append("before"))
register_after_restore(lambda: ran.append("after"))
def handler(event, context):
    return ran
"""


def provisioned(server: Server, name: str, count: int) -> dict[str, Any]:
    client = server.client("lambda")
    client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=count
    )
    until(lambda: status(server, name)["Status"] != "IN_PROGRESS")
    return status(server, name)


def status(server: Server, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client("lambda").get_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1"
    )
    return found


def test_provisioned_environments_serve_without_init(server: Server) -> None:
    server.deploy("kept", TYPES, Publish=True)
    found = provisioned(server, "kept", 2)
    assert (found["Status"], found["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 2)
    returned, log = invoke(server, "kept", "1")
    assert returned["type"] == "provisioned-concurrency"
    assert "Init Duration" not in log.split("REPORT")[1]
    server.client("lambda").delete_provisioned_concurrency_config(FunctionName="kept", Qualifier="1")
    returned, log = invoke(server, "kept", "1")
    assert returned["type"] == "on-demand"
    assert "Init Duration" in log.split("REPORT")[1]


def test_a_version_that_cannot_load_fails_to_be_provisioned(server: Server) -> None:
    server.deploy("broken", "import missing_module", Publish=True)
    found = provisioned(server, "broken", 1)
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


@pytest.mark.parametrize("client", ["lean", "native"])
def test_a_snapshot_start_runs_the_hooks_and_reports_the_restore(
    start_server: Callable[..., Server], client: str
) -> None:
    server = start_server("--runtime-client", client, "--no-neighbours")
    server.deploy("snap", HOOKS, Publish=True, SnapStart={"ApplyOn": "PublishedVersions"})
    until(lambda: "snapshot" in environment_states(server))
    returned, log = invoke(server, "snap", "1")
    assert returned == ["before", "after"]
    report = re.search(r"Restore Duration: ([\d.]+) ms\tBilled Restore Duration: (\d+) ms", log)
    assert report is not None
    assert float(report[1]) >= float(report[2]) - 1
    assert float(report[1]) < 500.0, "init was repeated"
    assert "Init Duration" not in log.split("REPORT")[1]
    _, log = invoke(server, "snap", "1")
    assert "Restore Duration" not in log
    returned, log = invoke(server, "snap", "$LATEST")
    assert returned == []
    assert "Init Duration" in log

    rows = history(server)
    kinds = [environment["initialization_type"] for environment in rows["environments"]]
    assert kinds == ["snap-start", "snap-start", "on-demand"]
    assert [row["restore_duration_ms"] is None for row in rows["invocations"]] == [False, True, True]


def environment_states(server: Server) -> list[str]:
    return [environment["state"] for environment in history(server)["environments"]]
