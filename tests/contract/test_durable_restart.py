"""What becomes of durable executions when the server ends, on a folder that is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.durable_functions import SOURCE
from tests.contract.durable_stage import CONFIG, begin, callback_id, ended, kinds, until

Start = Callable[..., Server]


def deployed(start_server: Start, folder: Path) -> Server:
    server = start_server("--state", str(folder))
    server.deploy("work", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    server.deploy("plain", SOURCE, Handler="app.plain", Timeout=30, MemorySize=1769)
    return server


def suspended(lambdas: Any, arn: str) -> None:
    until(lambda: "InvocationCompleted" in kinds(lambdas, arn))


@pytest.mark.parametrize("end", [Server.kill, Server.stop], ids=["killed", "stopped"])
def test_a_suspended_execution_goes_on_after_a_restart(start_server: Start, tmp_path: Path, end: Any) -> None:
    first = deployed(start_server, tmp_path)
    waiting = begin(first.client("lambda"), "waiting", seconds=3, name="kept")
    called = begin(first.client("lambda"), "called_back")
    callback = callback_id(first.client("lambda"), called)
    suspended(first.client("lambda"), waiting)
    suspended(first.client("lambda"), called)
    end(first)
    lambdas = start_server("--state", str(tmp_path)).client("lambda")
    assert begin(lambdas, "waiting", seconds=3, name="kept") == waiting
    assert json.loads(ended(lambdas, waiting)["Result"]) == "waited"
    lambdas.send_durable_execution_callback_success(CallbackId=callback, Result=b"after it")
    assert json.loads(ended(lambdas, called)["Result"]) == {"approved": "after it"}
    assert kinds(lambdas, waiting) == [
        "ExecutionStarted",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_an_execution_whose_invocation_was_under_way_is_invoked_again(
    start_server: Start, tmp_path: Path
) -> None:
    first = deployed(start_server, tmp_path)
    arn = begin(first.client("lambda"), "slow", key="cut-off")
    until(lambda: "StepSucceeded" in kinds(first.client("lambda"), arn))
    first.kill()
    lambdas = start_server("--state", str(tmp_path)).client("lambda")
    # What it left in /tmp is gone with its environment: it sleeps again, and is stopped.
    until(lambda: lambdas.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING")
    lambdas.stop_durable_execution(DurableExecutionArn=arn)
    assert kinds(lambdas, arn).count("StepSucceeded") == 1


def test_a_chained_execution_tells_its_parent_after_a_restart(start_server: Start, tmp_path: Path) -> None:
    first = deployed(start_server, tmp_path)
    lambdas = first.client("lambda")
    parent = begin(lambdas, "chained", target="work:$LATEST", payload={"do": "waiting", "seconds": 3})
    suspended(lambdas, parent)
    listed = until(
        lambda: len(lambdas.list_durable_executions_by_function(FunctionName="work")["DurableExecutions"]) > 1
    )
    assert listed
    first.kill()
    lambdas = start_server("--state", str(tmp_path)).client("lambda")
    assert json.loads(ended(lambdas, parent)["Result"]) == "waited"
    assert len(lambdas.list_durable_executions_by_function(FunctionName="work")["DurableExecutions"]) == 2
