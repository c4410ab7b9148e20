import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_sandbox.server_process import ServerProcess
from tests.site import pages, site

__all__ = ["pages", "run_python", "site"]

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def run_python(lambda_sandbox_server: ServerProcess, tmp_path: Path) -> Callable[[str], str]:
    """Run source text in a fresh interpreter and folder against the session's sandbox; return what it printed."""
    from lambda_sandbox.server_client import ServerClient

    ServerClient(lambda_sandbox_server.endpoint).post("/_sandbox/reset")

    def run(source: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env={**os.environ, "LAMBDA_SANDBOX_ENDPOINT": lambda_sandbox_server.endpoint},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("Lambda sandbox at "))

    return run
