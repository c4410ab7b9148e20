"""Max Memory Used is the invocation's own, with the program that runs it, however the invocation ends."""

from __future__ import annotations

import base64
import shutil

import pytest

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server

HOLDS_40_MB = """
import time
def handler(event, context):
    held = bytearray(event["mb"] << 20)
    if event.get("sleep"):
        time.sleep(30)
    return len(held)
"""
NODE = "exports.handler = async () => 'ok'\n"


def used_mb(server: Server, name: str, payload: str = "{}") -> int:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=payload, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    return int(log.rsplit("Max Memory Used: ", 1)[1].split(" MB")[0])


def create(server: Server, name: str, runtime: str, source: str, filename: str, **settings: object) -> None:
    server.client("lambda").create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": package(source, filename=filename)},
        MemorySize=256,
        **settings,
    )


def test_a_later_invocation_does_not_inherit_an_earlier_ones_peak(server: Server) -> None:
    create(server, "peak-own", "python3.11", HOLDS_40_MB, "app.py")
    large, small = (used_mb(server, "peak-own", f'{{"mb": {mb}}}') for mb in (80, 1))
    assert large >= small + 70


def test_a_timeout_reports_what_was_used_until_then(server: Server) -> None:
    create(server, "peak-timeout", "python3.11", HOLDS_40_MB, "app.py", Timeout=1)
    assert used_mb(server, "peak-timeout", '{"mb": 40, "sleep": true}') >= 40


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_runtimes_own_program_counts(server: Server) -> None:
    create(server, "peak-node", "nodejs22.x", NODE, "app.js")
    assert 25 <= used_mb(server, "peak-node") <= 128
