"""A burst on a machine with little memory is throttled with a reason, and what runs goes on."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.environments import isolation as promises
from lambda_sandbox.packaging import package
from lambda_sandbox.server_client import ServerClient
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


def test_what_is_idle_makes_room_for_another_function(small_server: Server) -> None:
    client = small_server.client("lambda")
    code = package("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'ran'\n")
    for name in ("first", "second"):
        client.create_function(
            FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler", Code={"ZipFile": code}
        )
    with ThreadPoolExecutor(2) as callers:  # 256 of the 300 MB are the first one's
        list(callers.map(lambda _: client.invoke(FunctionName="first", Payload=b"1"), range(2)))
    assert client.invoke(FunctionName="second", Payload=b"0")["Payload"].read() == b'"ran"'


def test_a_small_function_has_its_share_of_the_processor_after_a_reset_too() -> None:
    server = Server("--no-neighbours")
    try:
        if (
            promises.CPU
            not in ServerClient(server.endpoint).read("/_sandbox/health")["isolation"]["enforced"]
        ):
            pytest.skip("CPU in proportion to memory is listed as missing on this machine")
        client = server.client("lambda")
        source = """
            import os, time
            def handler(event, context):
                if event == "exit":
                    os._exit(1)
                start, used = time.perf_counter(), time.process_time()
                while time.perf_counter() - start < 1.0:
                    pass
                return time.process_time() - used
        """
        server.deploy("burns", textwrap.dedent(source), Timeout=10, MemorySize=256)
        for event in (b"0", b'"exit"', b"0", b"0"):
            answer = client.invoke(FunctionName="burns", Payload=event)["Payload"].read()
        assert float(answer) < 1.1 * 256 / 1769
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["anonymous", "memfd"])
def test_files_from_before_a_reset_hide_no_memory(kind: str) -> None:
    source = f"""
        import mmap, os
        def handler(event, context):
            if event == "exit":
                os._exit(1)
            size = event["mb"] << 20
            if event["what"] == "file":
                os.path.exists("/tmp/f") and os.remove("/tmp/f")
                with open("/tmp/f", "wb") as file:
                    for _ in range(event["mb"]):
                        file.write(bytes(1 << 20))
                return os.path.getsize("/tmp/f") >> 20
            number = -1
            if {kind!r} == "memfd":
                number = os.memfd_create("m")
                os.ftruncate(number, size)
            with mmap.mmap(number, size) as memory:
                for place in range(0, size, 4096):
                    memory[place] = 1
            if number >= 0:
                os.close(number)
            return event["mb"]
    """
    server = Server("--no-neighbours")
    try:
        promised = ServerClient(server.endpoint).read("/_sandbox/health")["isolation"]["enforced"]
        if promises.MEMORY_EXACT not in promised:
            pytest.skip("memory to the megabyte is listed as missing on this machine")
        server.deploy("hides", textwrap.dedent(source), Timeout=20, MemorySize=128)

        def ask(event: object) -> bytes:
            payload = json.dumps(event).encode()
            answer = server.client("lambda").invoke(FunctionName="hides", Payload=payload)
            return bytes(answer["Payload"].read())

        assert ask({"what": "file", "mb": 400}) == b"400"
        assert b"exit status 1" in ask("exit")
        assert ask({"what": "memory", "mb": 40}) == b"40"  # what is in /tmp does not count
        assert b"signal: killed" in ask({"what": "memory", "mb": 300})
        assert ask({"what": "file", "mb": 300}) == b"300"  # another group's than what it takes the place of
        assert ask({"what": "memory", "mb": 40}) == b"40"
    finally:
        server.stop()
