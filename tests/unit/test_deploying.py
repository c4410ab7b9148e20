"""What ``deploy`` takes for a path, an archive, or the text of a module. Nothing is deployed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.deploying import deploy, own_runtime
from lambda_sandbox.packaging import package


class Taker:
    """Stands where boto3's client does, and takes whatever it is given."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}

    def create_function(self, **members: Any) -> dict[str, str]:
        self.taken = members
        return {"FunctionName": members["FunctionName"], "FunctionArn": "arn"}


@pytest.mark.parametrize(
    "path",
    [
        "nofile.py",
        "index.mjs",
        "code.zip",
        "code.jar",
        "app.rb",
        "src/greeter",
        "my folder/app.py",
        "./a (copy)/app.js",
    ],
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


def test_an_archive_is_deployed_as_it_is(tmp_path: Path) -> None:
    content = package("def handler(event, context): return 1")
    (tmp_path / "greeter.zip").write_bytes(content)
    taker = Taker()
    deploy(taker, str(tmp_path / "greeter.zip"))
    assert taker.taken["Code"] == {"ZipFile": content}
    assert taker.taken["FunctionName"] == "greeter"
    assert taker.taken["Handler"] == "app.handler"
    assert taker.taken["Runtime"] == own_runtime()


def test_a_java_archive_runs_on_java_and_its_handler_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "greeter.jar").write_bytes(package({"Greeter.class": b""}))
    taker = Taker()
    deploy(taker, tmp_path / "greeter.jar", Handler="Greeter::greet")
    assert taker.taken["Runtime"].startswith("java")
    with pytest.raises(ValueError, match=r"name the Handler in .*greeter\.jar"):
        deploy(taker, tmp_path / "greeter.jar")


@pytest.mark.parametrize(
    ("name", "language"), [("index.mjs", "nodejs"), ("app.rb", "ruby"), ("app.py", "python")]
)
def test_a_file_runs_on_its_own_language(tmp_path: Path, name: str, language: str) -> None:
    (tmp_path / name).write_text("x")
    taker = Taker()
    deploy(taker, tmp_path / name)
    assert taker.taken["Runtime"].startswith(language)


def test_a_folder_s_name_tells_no_language(tmp_path: Path) -> None:
    (tmp_path / "site.js").mkdir()
    (tmp_path / "site.js" / "app.py").write_text("x = 1")
    taker = Taker()
    deploy(taker, tmp_path / "site.js")
    assert taker.taken["Runtime"] == own_runtime()
