"""Programs on AWS's own libraries for Go and Rust run as ``bootstrap``.

They are built once, without network, into a folder beside the machine's other caches; where the compiler or the library is
not at hand the tests are skipped with what to do.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Server
from tests.contract.handlers.case import Case, exits, fails
from tests.contract.handlers.running import run

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lambda-sandbox-tests"
BUILD_S = 600
COMMANDS = {
    "go": (["go", "build", "-trimpath", "-o", "{target}/bootstrap", "."], "go mod download"),
    "rust": (
        ["cargo", "build", "--release", "--offline", "--locked", "--target-dir", "{target}/build"],
        "cargo fetch",
    ),
}
OUTPUT = {"go": "bootstrap", "rust": "build/release/bootstrap"}


def build(language: str) -> bytes:
    """Return the program, built now if these very sources have not been built on this machine."""
    command, fetch = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    folder = HERE / language
    sources = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    target = CACHE / f"{language}-{key}"
    program = target / OUTPUT[language]
    if not program.is_file():
        target.mkdir(parents=True, exist_ok=True)
        settings = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "0"}
        line = [word.format(target=target) for word in command]
        built = subprocess.run(line, cwd=folder, env=settings, capture_output=True, text=True, check=False)
        if built.returncode:
            last = built.stderr.strip().splitlines()[-1:]
            pytest.skip(f"{language} needs its library: run `{fetch}` in {folder} ({last})")
    return program.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    yield running
    running.stop()


@pytest.fixture(scope="module", params=COMMANDS)
def program(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, build(request.param)


@pytest.mark.timeout(BUILD_S)
def test_a_typed_event_is_answered(server: Server, program: tuple[str, bytes]) -> None:
    language, binary = program
    case = Case("answer", "", exits(""), {"name": "Käthe"})
    outcome = run(server, language, "provided.al2023", {"bootstrap": binary}, case)
    assert not outcome.error, outcome
    assert outcome.value["hello"] == "Käthe"
    assert len(outcome.value["id"]) == 36


@pytest.mark.timeout(BUILD_S)
def test_an_error_has_the_librarys_shape(server: Server, program: tuple[str, bytes]) -> None:
    language, binary = program
    type_ = {
        "go": "errorString",
        "rust": "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>",
    }
    case = Case("error", "", fails(type_[language], "no name"), {"name": "fail"})
    case.expected.check(run(server, language, "provided.al2023", {"bootstrap": binary}, case))


@pytest.mark.timeout(BUILD_S)
def test_gos_panic_ends_the_process_with_its_trace(server: Server) -> None:
    binary = build("go")
    case = Case("panic", "", fails("string", "at the disco"), {"name": "panic"})
    outcome = run(server, "go", "provided.al2023", {"bootstrap": binary}, case)
    case.expected.check(outcome)
    assert any(frame["label"] == "handle" for frame in outcome.value["stackTrace"])
