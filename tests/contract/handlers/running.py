"""Runs the cases of a language: functions packaged, deployed and invoked."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import registry
from tests.contract.conftest import ROLE, Server
from tests.contract.handlers.case import Case, Outcome

AVAILABLE = {runtime.name: runtime for runtime in registry.available()}
JAVA = Path(__file__).parent / "java"


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o755 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def run(server: Server, kind: str, runtime: str, files: dict[str, str | bytes], case: Case) -> Outcome:
    """Make a function of its own for the case, and send its event."""
    client = server.client("lambda")
    name = kind + "-" + re.sub(r"\W", "_", case.name)
    values = {"MemorySize": 1769, "Timeout": 10, "Handler": "app.handler", "Runtime": runtime, **case.options}
    client.create_function(FunctionName=name, Role=ROLE, Code={"ZipFile": zipped(files)}, **values)
    passed = base64.b64encode(json.dumps(case.client_context).encode()).decode()
    answer = client.invoke(
        FunctionName=name,
        Payload=json.dumps(case.event, ensure_ascii=False).encode(),
        LogType="Tail",
        ClientContext=passed,
    )
    log = base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")
    return Outcome(answer["Payload"].read(), answer.get("FunctionError", ""), log)


def need(runtime: str) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    need("java17")
    compiler = shutil.which("javac")
    if compiler is None:
        pytest.skip("javac is not on PATH")
    folder = tmp_path_factory.mktemp("classes")
    subprocess.run(
        [compiler, "--release", "17", "-d", folder, *sorted(JAVA.rglob("*.java"))],
        check=True,
        capture_output=True,
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.class"))}
