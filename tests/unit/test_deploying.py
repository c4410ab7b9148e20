"""What ``deploy`` takes for a path, and what for the text of a module. Nothing is deployed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.deploying import deploy


class Taker:
    """Stands where boto3's client does, and takes whatever it is given."""

    def create_function(self, **members: Any) -> dict[str, str]:
        return {"FunctionName": members["FunctionName"], "FunctionArn": "arn"}


@pytest.mark.parametrize(
    "path", ["nofile.py", "index.mjs", "code.zip", "src/greeter", "my folder/app.py", "./a (copy)/app.js"]
)
def test_a_path_that_names_nothing_is_not_deployed_as_source_text(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        deploy(Taker(), path)
    assert f"there is no file or folder {path};" in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["def handler(event, context): return 'a/b'", "handler = lambda e, c: e['n'] / 2", "import app.py\n"],
)
def test_source_text_stays_source_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert deploy(Taker(), text).name == "app"
