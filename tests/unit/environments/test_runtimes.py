"""Which toolchain runs what, what is said when another version stands in, and what when nothing does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.environments.runtimes import compiled_client, java, registry, toolchains
from lambda_sandbox.environments.runtimes.launch import Launch, Places
from lambda_sandbox.environments.runtimes.toolchains import Toolchain
from lambda_sandbox.resources import FunctionConfiguration

INSIDE = Places("/var/lang/bin/python3")


def function(runtime: str, **members: object) -> FunctionConfiguration:
    values: dict[str, object] = {"memory_mb": 512, **members}
    return FunctionConfiguration(
        "123456789012",
        "eu-west-1",
        "f",
        runtime,
        "app.handler",
        "",
        "",
        0,
        "",
        "",
        **values,  # type: ignore[arg-type]
    )


def tool(path: str, version: str) -> Toolchain:
    place = Path(path)
    return Toolchain(place, place.parent.parent, version)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[Toolchain]:
    """What the machine has of Node.js, for the test to say."""
    found: list[Toolchain] = []
    monkeypatch.setattr(toolchains, "find_node", lambda: tuple(found))
    return found


def launch(runtime: str, folder: Path = Path("/nowhere"), native: bool = False, **members: object) -> Launch:
    return registry.launch(function(runtime, **members), INSIDE, folder, native)


def test_the_hosts_own_version_is_forked_without_a_command() -> None:
    started = launch(f"python{toolchains.host_python().version}")
    assert (started.commands, started.missing) == ((), "")


def test_native_python_is_awslambdaric_with_the_layers_in_its_path() -> None:
    started = launch("python3.12", native=True)
    assert started.commands[0][-3:] == ("-m", "awslambdaric", "app.handler")
    assert started.import_path[:2] == ("/opt/python/lib/python3.12/site-packages", "/opt/python")


def test_the_version_asked_for_is_preferred(nodes: list[Toolchain]) -> None:
    nodes += [tool("/a/bin/node", "20"), tool("/b/bin/node", "22"), tool("/c/bin/node", "24")]
    started = launch("nodejs22.x")
    assert started.commands[0][0] == "/var/lang-node22/bin/node"
    assert registry.notice("nodejs22.x") == ""


def test_a_newer_version_stands_in_before_an_older_one_and_it_is_said(nodes: list[Toolchain]) -> None:
    nodes += [tool("/a/bin/node", "20"), tool("/c/bin/node", "24")]
    started = launch("nodejs22.x")
    assert started.commands[0][0] == "/var/lang-node24/bin/node"
    assert registry.notice("nodejs22.x") == "nodejs22.x runs on Node.js 24: this machine has no Node.js 22."


def test_the_newest_stands_in_when_all_are_older(nodes: list[Toolchain]) -> None:
    nodes += [tool("/a/bin/node", "20"), tool("/b/bin/node", "18")]
    assert launch("nodejs24.x").commands[0][0] == "/var/lang-node20/bin/node"


def test_a_missing_toolchain_is_one_sentence_with_the_package_to_install(nodes: list[Toolchain]) -> None:
    started = launch("nodejs24.x")
    assert started.commands == ()
    assert "install the package 'nodejs'" in started.missing
    found = {runtime.name: runtime for runtime in registry.available()}
    assert not found["nodejs24.x"].available
    assert found["nodejs24.x"].detail in started.missing


def test_every_runtime_that_may_be_chosen_is_in_the_table() -> None:
    assert [runtime.name for runtime in registry.available()] == list(runtime_identifiers.NAMES)
    assert all(runtime.detail for runtime in registry.available())


def test_a_runtime_that_nobody_knows_is_missing() -> None:
    assert "go1.x" in launch("go1.x").missing


def test_bootstrap_is_looked_for_in_the_code_then_in_the_layers() -> None:
    assert launch("provided.al2023").commands == (("/var/task/bootstrap",), ("/opt/bootstrap",))


def test_the_wrapper_script_is_put_in_front_but_not_for_os_only_runtimes(nodes: list[Toolchain]) -> None:
    nodes.append(tool("/usr/bin/node", "22"))
    wrapped: dict[str, Any] = {"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}}
    assert launch("nodejs22.x", **wrapped).commands[0][:2] == ("/opt/wrap", "/usr/bin/node")
    host = f"python{toolchains.host_python().version}"
    assert launch(host, **wrapped).commands[0][:2] == ("/opt/wrap", "/var/lang/bin/python3")
    assert launch("provided.al2023", **wrapped).commands[0] == ("/var/task/bootstrap",)


def test_the_wrapper_is_found_where_the_layers_are_without_isolation() -> None:
    bare = Places(sys.executable, "/r", "/t", "/l", bare=True)
    started = registry.launch(
        function("python3.12", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}), bare, Path("/r")
    )
    assert started.commands[0][0] == "/l/wrap"


def test_a_shim_is_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "shims" / "python3.99"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexec nothing\n")
    shim.chmod(0o755)
    home = tmp_path / "uv" / "cpython-3.99.1-linux"
    (home / "lib" / "python3.99").mkdir(parents=True)
    (home / "bin").mkdir()
    program = home / "bin" / "python3.99"
    program.write_bytes(Path(os.path.realpath(sys.executable)).read_bytes()[:64])
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    found = toolchains.find_python.__wrapped__("3.99")
    assert found == Toolchain(program, home, "3.99")


def test_folders_outside_usr_are_shown_inside_under_a_name_of_their_own(
    nodes: list[Toolchain],
) -> None:
    nodes += [tool("/usr/bin/node", "20"), tool("/home/me/.nvm/versions/node/v22.1.0/bin/node", "22")]
    shown = registry.folders()
    assert shown["/var/lang-node22"] == "/home/me/.nvm/versions/node/v22.1.0"
    assert not any(place == "/usr" for place in shown.values())


@pytest.mark.skipif(not toolchains.find_java(), reason="no JDK of version 17 or newer")
def test_javas_client_is_compiled_once_beside_the_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled_client, "_compilers", {})
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    first = launch("java17", runtime)
    assert first.commands[0][-1] == "/var/runtime/JavaClient.java"
    (compiler,) = compiled_client._compilers.values()
    assert compiler.wait(timeout=60) == 0
    second = launch("java17", runtime)
    assert second.commands[0][-3:] == ("-cp", "/var/runtime/java", "JavaClient")
    assert (runtime / "java" / "JavaClient.class").is_file()
    assert list(java.CLIENT.cache_folder().glob("*.class"))


@pytest.mark.skipif(not toolchains.find_node(), reason="Node.js is not installed")
def test_the_node_client_is_valid_javascript() -> None:
    node = toolchains.find_node()[0].executable
    client = Path(java.__file__).parent / "node_client.mjs"
    assert subprocess.run([node, "--check", client], capture_output=True, check=False).returncode == 0


def test_a_python_of_another_version_may_be_forked_but_not_behind_a_wrapper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tool("/opt/py/bin/python3.99", "3.12" if toolchains.host_python().version != "3.12" else "3.13")
    monkeypatch.setattr(toolchains, "find_python", lambda version: other)
    runtime = f"python{other.version}"
    started = launch(runtime)
    assert started.fork == f"/var/lang-python{other.version}/bin/python3.99"
    assert started.commands[0][0] == started.fork
    assert started.libraries == f"/var/lang-python{other.version}/lib"
    assert launch(runtime, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}).fork == ""


def test_a_deprecated_runtime_still_runs_and_it_is_said() -> None:
    found = {runtime.name: runtime for runtime in registry.available()}
    assert found["python3.10"].available
    assert "deprecated" in found["python3.10"].detail
