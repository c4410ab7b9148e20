"""The same handler in the languages of the page on handlers: each is deployed as it stands there and called."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambda_sandbox import Sandbox, package
from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.environments.runtimes.toolchains import Toolchain
from tests.contract.conftest import Server
from tests.contract.handlers import dotnet_sdk
from tests.contract.handlers.dotnet_sdk import sdk
from tests.docs.conftest import ROOT

__all__ = ["sdk"]

LANGUAGES = ROOT / "docs" / "concepts" / "handlers"
LIBRARIES = (
    ROOT / "tests" / "contract" / "handlers"
)  # aws-lambda-go's lock file, the interfaces of aws-lambda-java-core
AVAILABLE = {runtime.name: runtime for runtime in registry.available()}
Files = dict[str, str | bytes]


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def as_it_stands(name: str) -> Callable[[Path], Files]:
    return lambda _: {name: (LANGUAGES / name).read_text()}


def java(folder: Path) -> Files:
    # Neither the pages' handler nor these need the event classes, which need libraries of their own.
    interfaces = LIBRARIES / "java" / "com" / "amazonaws" / "services" / "lambda" / "runtime"
    sources = [LANGUAGES / "Quote.java", *interfaces.glob("*.java"), *(interfaces / "logging").glob("*.java")]
    command = [tool("javac"), "--release", "17", "-d", str(folder), *map(str, sources)]
    subprocess.run(command, check=True)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")}


def go(folder: Path) -> Files:
    for path in (LANGUAGES / "main.go", LIBRARIES / "go" / "go.mod", LIBRARIES / "go" / "go.sum"):
        shutil.copy(path, folder)
    settings = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "0"}
    built = subprocess.run(
        [tool("go"), "build", "-o", "bootstrap", "."],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if "GOPROXY=off" in built.stderr:
        pytest.skip(f"go needs its library: run `go mod download` in {LIBRARIES / 'go'}")
    assert built.returncode == 0, built.stderr
    return {"bootstrap": (folder / "bootstrap").read_bytes()}


@pytest.mark.parametrize(
    ("runtime", "handler", "make"),
    [
        ("python3.13", "app.handler", as_it_stands("app.py")),
        ("nodejs24.x", "index.handler", as_it_stands("index.mjs")),
        ("java21", "shop.Quote::handleRequest", java),
        ("ruby3.4", "app.handler", as_it_stands("app.rb")),
        ("provided.al2023", "bootstrap", go),
    ],
    ids=["Python", "Node.js", "Java", "Ruby", "Go"],
)
def test_the_handler_answers_the_same_in_every_language(
    lambda_sandbox: Sandbox, tmp_path: Path, runtime: str, handler: str, make: Callable[[Path], Files]
) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)
    ask_for_a_quote(boto3.client("lambda"), runtime, handler, make(tmp_path))


@pytest.mark.timeout(300)
def test_the_handler_answers_the_same_in_csharp(sdk: Toolchain, tmp_path: Path) -> None:
    files = dotnet_sdk.library(sdk, tmp_path, "Shop", LANGUAGES / "Quote.cs")
    server = Server(neighbours="no")  # the SDK may be one that the tests have fetched
    try:
        ask_for_a_quote(server.client("lambda"), "dotnet10", "Shop::Shop.Quote::Handle", files)
    finally:
        server.stop()


def ask_for_a_quote(client: Any, runtime: str, handler: str, files: Files) -> None:
    client.create_function(
        FunctionName="quote",
        Runtime=runtime,
        Handler=handler,
        Role="arn:aws:iam::000000000000:role/cloudberry",
        MemorySize=1769,
        Timeout=60,
        Code={"ZipFile": package(files)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="quote")
    answer = client.invoke(FunctionName="quote", Payload=json.dumps({"sku": "jam", "count": 3}))
    assert json.load(answer["Payload"]) == {
        "total_cents": 1950,
        "id": answer["ResponseMetadata"]["RequestId"],
    }


def test_every_language_is_on_the_page() -> None:
    page = (ROOT / "docs" / "concepts" / "05-handler-event-context.md").read_text(encoding="utf-8")
    assert [
        path.name for path in sorted(LANGUAGES.iterdir()) if f'"concepts/handlers/{path.name}"' not in page
    ] == []
