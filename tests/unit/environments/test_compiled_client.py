"""A client that is compiled once: in the cache, in an environment's reach, or why not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import compiled_client, wait_for_client
from lambda_sandbox.environments.runtimes.compiled_client import CompiledClient, Compiler

PATIENCE_S = 60.0


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompiledClient:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled_client, "_compilers", {})
    source = tmp_path / "Client.src"
    source.write_text("source")
    return CompiledClient("client", source, "8")


def python(program: str) -> Compiler:
    """A compiler that is told the folder as the program's argument."""
    return Compiler((sys.executable, "-c", program, "{draft}"), {"SAYS": "compiled"})


WRITES = "import os, sys; open(sys.argv[1] + '/Client', 'w').write(os.environ['SAYS'])"


def settled(target: Path) -> subprocess.Popen[bytes]:
    process = compiled_client._compilers[target]
    process.wait(timeout=PATIENCE_S)
    return process


def test_the_first_call_starts_a_compiler_and_does_not_wait(client: CompiledClient, tmp_path: Path) -> None:
    target = tmp_path / "client"
    slow = "import time; time.sleep(0.5); " + WRITES
    assert not client.is_at(target, lambda folder: python(slow))
    assert not target.exists()
    settled(target)
    assert client.is_at(target, lambda folder: pytest.fail("it is there"))
    assert (target / "Client").read_text() == "compiled"
    assert (client.cache_folder() / "Client").read_text() == "compiled"
    assert client.cache_folder().stat().st_mode & 0o777 == 0o755


def test_another_server_takes_what_is_in_the_cache(client: CompiledClient, tmp_path: Path) -> None:
    client.cache_folder().mkdir(parents=True)
    (client.cache_folder() / "Client").write_text("from before")
    target = tmp_path / "other"
    assert client.is_at(target, lambda folder: pytest.fail("it is in the cache"))
    assert (target / "Client").read_text() == "from before"
    assert [path.name for path in tmp_path.glob("other*")] == ["other"], "nothing half done is left"


def test_a_changed_source_and_another_variant_have_caches_of_their_own(client: CompiledClient) -> None:
    before = client.cache_folder()
    assert CompiledClient("client", client.source, "10").cache_folder() != before
    client.source.write_text("changed")
    assert client.cache_folder() != before


def test_what_the_compiler_says_is_kept_and_it_is_asked_once(client: CompiledClient, tmp_path: Path) -> None:
    target = tmp_path / "client"
    fails = python("import sys; print('line 1: no'); sys.exit(1)")
    assert not client.is_at(target, lambda folder: fails)
    first = settled(target)
    assert (tmp_path / "client.failed").read_text() == "line 1: no"
    assert not client.is_at(target, lambda folder: pytest.fail("it was asked already"))
    assert compiled_client._compilers[target] is first
    assert not client.cache_folder().exists()


def test_a_compiler_that_is_not_there_is_said_too(client: CompiledClient, tmp_path: Path) -> None:
    target = tmp_path / "client"
    client.is_at(target, lambda folder: Compiler(("/no/such/compiler",), {}))
    settled(target)
    assert "/no/such/compiler" in (tmp_path / "client.failed").read_text()


def test_without_a_place_for_a_cache_it_serves_this_server(
    client: CompiledClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    target = tmp_path / "client"
    client.is_at(target, lambda folder: python(WRITES))
    settled(target)
    assert (target / "Client").read_text() == "compiled"


def wait(target: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        wait_for_client.__file__,
        str(target),
        sys.executable,
        "-c",
        "print('the runtime')",
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_an_environment_waits_and_becomes_the_runtime(tmp_path: Path) -> None:
    target = tmp_path / "client"
    waiting = wait(target)
    assert waiting.stdout is not None
    assert "is being compiled, once on this machine" in waiting.stdout.readline()
    time.sleep(0.1)
    assert waiting.poll() is None
    target.mkdir()
    output, _ = waiting.communicate(timeout=PATIENCE_S)
    assert (output, waiting.returncode) == ("the runtime\n", 0)


def test_a_client_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    output, _ = wait(tmp_path).communicate(timeout=PATIENCE_S)
    assert output == "the runtime\n"
