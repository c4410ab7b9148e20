"""Layers in ``/opt`` and wrapper scripts, in real processes and for each language that the machine has."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.environments.runtimes import registry
from tests.isolation.stage import Stage, stage

AVAILABLE = {runtime.name: runtime for runtime in registry.available()}
JAVA_CASES = Path(__file__).parents[2] / "contract" / "handlers" / "java"
Play = Callable[[Callable[[Stage], Awaitable[None]]], None]

PYTHON = "import shared\ndef handler(event, context):\n    return shared.NAME\n"
NODE = {"index.mjs": "import { createRequire } from 'node:module';\n"
        "export const handler = async () => createRequire('/var/task/')('shared').NAME;\n"}  # fmt: skip
NODE_CJS = {"index.js": "exports.handler = async () => require('shared').NAME;\n"}
RUBY = {"app.rb": "require 'shared'\ndef handler(event:, context:)\n  NAME\nend\n"}
SHELL = {"app.py": "import subprocess\ndef handler(event, context):\n"
         "    return subprocess.run(['tool'], capture_output=True, text=True).stdout\n"}  # fmt: skip


@pytest.fixture(params=["auto", "bwrap", "none"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)

    def run(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with stage(tmp_path, request.param) as on_stage:
                await scene(on_stage)

        asyncio.run(main())

    return run


def layer(on_stage: Stage, files: dict[str, str]) -> Path:
    folder = on_stage.write(files)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    return folder


async def invoke(
    on_stage: Stage, source: str | dict[str, str] | Path, layers: tuple[Path, ...], **members: Any
) -> Any:
    starter = on_stage.environments.start
    on_stage.environments.start = lambda name, function, code: starter(name, function, code, layers)  # type: ignore[method-assign,assignment,misc]
    try:
        environment_id = on_stage.start(source, **members)
    finally:
        on_stage.environments.start = starter  # type: ignore[method-assign]
    return await on_stage.invoke(environment_id, "event")


CASES = [
    ("python3.11", "app.handler", PYTHON, "python/shared.py", "NAME = {!r}"),
    ("python3.12", "app.handler", PYTHON, "python/lib/python3.12/site-packages/shared.py", "NAME = {!r}"),
    ("python3.14", "app.handler", PYTHON, "python/lib/python3.14/site-packages/shared.py", "NAME = {!r}"),
    ("nodejs22.x", "index.handler", NODE_CJS, "nodejs/node_modules/shared.js", "exports.NAME = {!r};"),
    ("nodejs22.x", "index.handler", NODE_CJS, "nodejs/node22/node_modules/shared.js", "exports.NAME = {!r};"),
    ("nodejs24.x", "index.handler", NODE, "nodejs/node_modules/shared.js", "exports.NAME = {!r};"),
    ("ruby3.3", "app.handler", RUBY, "ruby/lib/shared.rb", "NAME = {!r}"),
    ("python3.11", "app.handler", SHELL, "bin/tool", "#!/bin/sh\nprintf {!r}"),
]


@pytest.mark.parametrize(
    ("runtime", "handler", "source", "path", "text"), CASES, ids=lambda value: str(value)[:40]
)
def test_a_layers_files_are_found_and_a_later_layer_wins(
    play: Play, runtime: str, handler: str, source: str | dict[str, str], path: str, text: str
) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)

    async def scene(on_stage: Stage) -> None:
        first = layer(on_stage, {path: text.format("first")})
        second = layer(on_stage, {path: text.format("second"), "other": ""})
        assert await invoke(on_stage, source, (first,), runtime=runtime, handler=handler) == "first"
        assert await invoke(on_stage, source, (first, second), runtime=runtime, handler=handler) == "second"
        assert await invoke(on_stage, source, (second, first), runtime=runtime, handler=handler) == "first"

    play(scene)


def test_java_finds_jars_of_layers(play: Play, tmp_path: Path) -> None:
    if not AVAILABLE["java17"].available or shutil.which("javac") is None or shutil.which("jar") is None:
        pytest.skip(AVAILABLE["java17"].detail)
    classes = tmp_path / "classes"
    sources = [str(path) for path in sorted(JAVA_CASES.rglob("*.java"))]
    subprocess.run(["javac", "--release", "17", "-d", classes, *sources], check=True, capture_output=True)
    library = tmp_path / "layer" / "java" / "lib"
    library.mkdir(parents=True)
    subprocess.run(["jar", "cf", library / "cases.jar", "-C", classes, "."], check=True, capture_output=True)

    async def scene(on_stage: Stage) -> None:
        members = {"runtime": "java17", "handler": "cases.Cases$Methods::upper", "memory_mb": 512}
        assert await invoke(on_stage, {"x": ""}, (tmp_path / "layer",), **members) == "EVENT"

    play(scene)


def test_a_bootstrap_may_come_in_a_layer(play: Play) -> None:
    script = (
        "#!/usr/bin/python3\nimport json, os, urllib.request as u\n"
        "api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n"
        "while True:\n    event = u.urlopen(api + 'next')\n"
        "    name = event.headers['Lambda-Runtime-Aws-Request-Id']\n"
        "    u.urlopen(u.Request(api + name + '/response', b'\"from a layer\"')).close()\n"
    )

    async def scene(on_stage: Stage) -> None:
        opt = layer(on_stage, {"bootstrap": script})
        assert await invoke(on_stage, {"x": ""}, (opt,), runtime="provided.al2023") == "from a layer"

    play(scene)


@pytest.mark.parametrize("runtime", ["python3.11", "python3.12", "nodejs22.x", "java17", "ruby3.3"])
def test_a_wrapper_script_starts_the_runtime(play: Play, runtime: str, tmp_path: Path) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)
    sources: dict[str, tuple[str, str | dict[str, str] | Path]] = {
        "python": ("app.handler", "import os\ndef handler(e, c):\n    return os.environ['WRAPPED']\n"),
        "nodejs": (
            "index.handler",
            {"index.js": "exports.handler = async () => process.env.WRAPPED;"},
        ),
        "ruby": ("app.handler", {"app.rb": "def handler(event:, context:)\n  ENV['WRAPPED']\nend"}),
        "java": ("cases.Cases$Methods::environment", tmp_path / "classes"),
    }
    handler, source = next(value for name, value in sources.items() if runtime.startswith(name))
    if runtime == "java17":
        paths = [str(path) for path in sorted(JAVA_CASES.rglob("*.java"))]
        subprocess.run(["javac", "--release", "17", "-d", source, *paths], check=True, capture_output=True)  # type: ignore[list-item]

    async def scene(on_stage: Stage) -> None:
        script = '#!/bin/sh\nexport WRAPPED="by $(basename "$1" | tr -d 0-9.)"\nexport event="$WRAPPED"\nexec "$@"\n'
        opt = layer(on_stage, {"wrap": script})
        members = {"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}, "memory_mb": 512}
        answer = await invoke(on_stage, source, (opt,), runtime=runtime, handler=handler, **members)
        wanted = {"python": "by python", "nodejs": "by node", "ruby": "by ruby", "java": "by java"}
        assert answer == next(value for name, value in wanted.items() if runtime.startswith(name))

    play(scene)


@pytest.mark.parametrize("runtime", ["python3.11", "python3.12"])
def test_a_wrapper_brings_a_sitecustomize_as_tracers_do(play: Play, runtime: str) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)
    tracer = "import builtins, inner\nbuiltins.traced = [inner.NAME, 'app' in __import__('sys').modules]\n"
    script = '#!/bin/sh\nhere=${0%/*}\nexport PYTHONPATH="$here/tracer:$here/libs:$PYTHONPATH"\nexec "$@"\n'

    async def scene(on_stage: Stage) -> None:
        files = {"wrap": script, "tracer/sitecustomize.py": tracer, "libs/inner.py": "NAME = 'seen'\n"}
        members: dict[str, Any] = {
            "environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"},
            "runtime": runtime,
        }
        source = "def handler(e, c):\n    return traced\n"
        assert await invoke(on_stage, source, (layer(on_stage, files),), **members) == ["seen", False]

    play(scene)


def test_a_sitecustomize_on_the_functions_own_path_may_fail_and_one_in_its_package_is_none(
    play: Play,
) -> None:
    tracer = "import builtins\nbuiltins.traced = True\nraise ValueError('no')\n"
    source = {
        "app.py": "def handler(e, c):\n    return traced\n",
        "sitecustomize.py": "raise SystemExit(1)\n",
    }

    async def scene(on_stage: Stage) -> None:
        opt = layer(on_stage, {"tracer/sitecustomize.py": tracer})
        # Without isolation nothing is mounted, and a path that the function names is one of the machine's.
        place = "/opt" if on_stage.environments.isolation.level != "process" else str(opt)
        members: dict[str, Any] = {"environment": {"PYTHONPATH": f"{place}/tracer"}}
        assert await invoke(on_stage, source, (opt,), **members) is True
        environment_id = max(on_stage.logs)
        assert "ValueError: no" in on_stage.logs[environment_id].decode()

    play(scene)


def test_a_wrapper_that_is_not_there_fails_the_init(play: Play) -> None:
    async def scene(on_stage: Stage) -> None:
        members: dict[str, Any] = {"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"}}
        environment_id = on_stage.start("def handler(e, c): pass", **members)
        await on_stage.ended(environment_id)
        assert on_stage.init_errors[-1]["error_type"] == "Runtime.InvalidEntrypoint"
        assert on_stage.init_errors[-1]["error"]["errorMessage"].endswith("/none]")

    play(scene)
