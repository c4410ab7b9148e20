"""What the how-to pages tell people to type exists, and their example passes its own tests."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points

import click
import pytest

from lambda_sandbox.cli.commands import cli
from tests.docs.conftest import ROOT

PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
_SHELL = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)


def commands() -> list[str]:
    lines = [
        line for page in PAGES for block in _SHELL.findall(page.read_text()) for line in block.splitlines()
    ]
    return [line[line.index("lambda-sandbox ") :] for line in lines if "lambda-sandbox " in line]


@pytest.mark.parametrize("line", commands())
def test_a_command_of_a_page_is_one_that_exists(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = cli.commands[name]
    if isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    options = {text for each in command.params if isinstance(each, click.Option) for text in each.opts}
    assert {word for word in arguments if re.match(r"--?[a-z]", word)} <= options


def test_the_example_passes_its_tests() -> None:
    folder = ROOT / "docs" / "how-to" / "greeter"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    if not any(each.value == "lambda_sandbox.pytest_plugin" for each in entry_points(group="pytest11")):
        command += ["-p", "lambda_sandbox.pytest_plugin"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "3 passed" in done.stdout, done.stdout
