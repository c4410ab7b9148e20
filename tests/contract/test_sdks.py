"""AWS's SDKs of other languages see what boto3 sees. Each needs its SDK installed once, and is left out without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

SDKS = Path(__file__).resolve().parent / "sdks"
SOURCE = """
import os
def handler(event, context):
    return {"price": event["price"], "fruit": os.environ["FRUIT"], "version": context.function_version}
"""


def run(command: list[str], server: Server, folder: Path, **variables: str) -> dict[str, Any]:
    environment = os.environ | {"AWS_ENDPOINT_URL": server.endpoint} | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def deployment(tmp_path: Path) -> str:
    (tmp_path / "function.zip").write_bytes(package(SOURCE))
    return str(tmp_path / "function.zip")


def check(told: dict[str, Any]) -> None:
    assert told["answer"] == {"price": 3, "fruit": "kiwi", "version": told["version"]}
    assert told["listed"] is True
    missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:missing"
    assert told["missing"] == {"name": "ResourceNotFoundException", "message": missing, "status": 404}
    assert (told["invalid"]["name"], told["invalid"]["status"]) == ("ValidationException", 400)
    assert "Value '1' at 'memorySize' failed to satisfy constraint" in told["invalid"]["message"]


def test_sdk_for_javascript(server: Server, deployment: str) -> None:
    folder = SDKS / "javascript"
    node = shutil.which("node")
    probe = [str(node), "-e", "require.resolve('@aws-sdk/client-lambda')"]
    if node is None or subprocess.run(probe, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("needs node and, in tests/contract/sdks/javascript, npm install --no-package-lock")
    check(run([node, "tour.cjs", deployment], server, folder))


def test_sdk_for_go(server: Server, deployment: str, tmp_path: Path) -> None:
    folder = SDKS / "go"
    go = shutil.which("go")
    offline = {"GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    built = tmp_path / "tour"
    build = [str(go), "build", "-o", str(built), "."]
    if (
        go is None
        or subprocess.run(
            build, cwd=folder, env=os.environ | offline, capture_output=True, check=False, timeout=110
        ).returncode
    ):
        pytest.skip("needs go and, in tests/contract/sdks/go, go mod download")
    check(run([str(built), deployment], server, folder))
