"""A function that invokes itself is stopped: the SDK passes its trace header on, and the header counts."""

from __future__ import annotations

import json
import time
import urllib.request

from tests.contract.conftest import Server

LOOP = """
import boto3, os
client = boto3.client("lambda")
def handler(event, context):
    client.invoke(FunctionName=context.function_name, InvocationType="Event", Payload=b"{}")
"""


def whys(server: Server, name: str) -> list[str]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history") as answer:
        return [row["why"] for row in json.load(answer)["invocations"] if row["function_name"] == name]


def test_a_function_that_invokes_itself_runs_sixteen_times(server: Server) -> None:
    server.deploy("loop", LOOP, MemorySize=256, Timeout=20)
    server.client("lambda").invoke(FunctionName="loop", InvocationType="Event", Payload=b"{}")
    end = time.monotonic() + 60
    # The one that is stopped is known at once, the sixteenth when it has ended.
    while len(stopped := [why.startswith("recursion") for why in whys(server, "loop")]) < 17:
        assert time.monotonic() < end, "nothing stopped the loop"
        time.sleep(0.05)
    assert (stopped.count(False), stopped.count(True)) == (16, 1)
