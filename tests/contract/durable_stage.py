"""Durable executions for tests: begun, waited for, and looked at through the API."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.durable_functions import SOURCE

CONFIG = {"ExecutionTimeout": 60, "RetentionPeriodInDays": 1}


@pytest.fixture(scope="module")
def lambdas(server: Server) -> Any:
    server.deploy("work", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    server.deploy("plain", SOURCE, Handler="app.plain", Timeout=30, MemorySize=1769)
    return server.client("lambda")


def do(lambdas: Any, what: str, **event: Any) -> Any:
    """Run an execution to its end and return the Invoke answer, its payload decoded under ``said``."""
    payload = json.dumps({"do": what, **event}).encode()
    answer = lambdas.invoke(FunctionName="work", Qualifier="$LATEST", Payload=payload)
    answer["said"] = json.loads(answer["Payload"].read())
    return answer


def begin(lambdas: Any, what: str, *, name: str = "", function: str = "work", **event: Any) -> str:
    """Start an execution asynchronously and return its ARN."""
    named = {"DurableExecutionName": name} if name else {}
    payload = json.dumps({"do": what, **event}).encode()
    answer = lambdas.invoke(
        FunctionName=f"{function}:$LATEST", InvocationType="Event", Payload=payload, **named
    )
    assert answer["StatusCode"] == 202
    arn: str = answer["DurableExecutionArn"]
    return arn


def until(look: Callable[[], Any]) -> Any:
    """Look until there is something; the test's time limit bounds it."""
    while not (seen := look()):
        time.sleep(0.02)
    return seen


def ended(lambdas: Any, arn: str) -> Any:
    def look() -> Any:
        found = lambdas.get_durable_execution(DurableExecutionArn=arn)
        return found if found["Status"] not in ("RUNNING", "PAUSING", "PAUSED") else None

    return until(look)


def events(lambdas: Any, arn: str, **options: Any) -> list[Any]:
    found: list[Any] = lambdas.get_durable_execution_history(DurableExecutionArn=arn, **options)["Events"]
    return found


def kinds(lambdas: Any, arn: str) -> list[str]:
    return [each["EventType"] for each in events(lambdas, arn)]


def callback_id(lambdas: Any, arn: str) -> str:
    def look() -> str:
        started = [
            each["CallbackStartedDetails"]
            for each in events(lambdas, arn)
            if "CallbackStartedDetails" in each
        ]
        return started[0]["CallbackId"] if started else ""

    found: str = until(look)
    return found


def sandbox(server: Server, route: str) -> Any:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.request("GET", f"/_sandbox/{route}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call()
    said = error.value.response["Error"]
    return said["Code"], said["Message"]
