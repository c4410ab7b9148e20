"""What a page shows for the AWS command line works as it stands there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from lambda_sandbox import Sandbox, package
from tests.docs.conftest import ROOT

PAGE = ROOT / "docs" / "concepts" / "06-invocation.md"
CODE = """
def handler(event, context):
    return {"label": "To: " + event["address"]}
"""


def lines() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def aws(line: str, folder: Path) -> dict[str, object]:
    program = shutil.which("aws", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("the AWS command line is not installed")
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(program).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_lines_of_the_page_invoke_at_once_and_by_the_queue(
    lambda_sandbox: Sandbox, tmp_path: Path
) -> None:
    client = boto3.client("lambda")
    client.create_function(
        FunctionName="label",
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/cloudberry",
        Code={"ZipFile": package(CODE, filename="app.py")},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="label")
    write, at_once, by_the_queue = lines()
    subprocess.run(["sh", "-c", write], cwd=tmp_path, check=True)
    assert aws(at_once, tmp_path)["StatusCode"] == 200
    assert json.loads((tmp_path / "answer.json").read_text()) == {"label": "To: Mill Lane 3"}
    assert aws(by_the_queue, tmp_path)["StatusCode"] == 202
