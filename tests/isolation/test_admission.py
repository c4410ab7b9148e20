"""A burst on a machine with little memory is throttled with a reason, and what runs goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server


@pytest.fixture
def small_server() -> Iterator[Server]:
    server = Server("--no-neighbours", memory_budget_mb="300")
    yield server
    server.stop()


def test_a_burst_is_throttled_when_the_memory_budget_is_used_up(small_server: Server) -> None:
    client = small_server.client("lambda")
    code = package("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'ran'\n")
    client.create_function(
        FunctionName="slow", Runtime="python3.11", Role=ROLE, Handler="app.handler", Code={"ZipFile": code}
    )

    def call(_: int) -> str:
        try:
            return str(client.invoke(FunctionName="slow", Payload=b"2")["StatusCode"])
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error}"

    with ThreadPoolExecutor(5) as callers:
        outcomes = list(callers.map(call, range(5)))
    assert sorted(outcomes)[:2] == ["200", "200"]  # two of 128 MB are held by 300
    refused = [outcome for outcome in outcomes if outcome != "200"]
    assert len(refused) == 3
    assert all(outcome.startswith("TooManyRequestsException") for outcome in refused)
    assert all("memory budget of 300 MB" in outcome for outcome in refused)
    assert client.invoke(FunctionName="slow", Payload=b"0")["Payload"].read() == b'"ran"'
