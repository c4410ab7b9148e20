"""A sandbox a submission, forked from one server: what they share is replaced when it dies, and ends with it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from autograder.isolation import best_isolation
from autograder.processes import children
from autograder.sandbox_server import SandboxForkServer, SandboxServer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not best_isolation().has_namespaces, reason="needs namespaces of its own"),
]


@pytest.fixture
def fork_server() -> Iterator[SandboxForkServer]:
    server = SandboxForkServer()
    yield server
    server.close()


@contextlib.contextmanager
def started(fork_server: SandboxForkServer, folder: Path) -> Iterator[SandboxServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = fork_server.start(folder, listener)
        server.wait_ready()
        try:
            yield server
        finally:
            server.stop()


def level(server: SandboxServer) -> str:
    with urllib.request.urlopen(f"{server.url}/_sandbox/health", timeout=30) as answer:
        return str(json.load(answer)["isolation"]["level"])


def waiting_moto(fork_server: SandboxForkServer, server: SandboxServer) -> list[int]:
    """Return what of a sandbox's own children is a fork of it."""
    assert server._tree is not None
    command = Path(f"/proc/{fork_server.pid}/cmdline").read_bytes()
    return [pid for pid in children(server._tree.pid) if Path(f"/proc/{pid}/cmdline").read_bytes() == command]


def message_id(server: SandboxServer) -> str:
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox", "region_name": "us-east-1"}
    queues = boto3.client("sqs", endpoint_url=server.url, config=Config(proxies={}), **keys)
    queue = queues.create_queue(QueueName="orders")["QueueUrl"]
    return str(queues.send_message(QueueUrl=queue, MessageBody="one")["MessageId"])


def first_zygote(fork_server: SandboxForkServer) -> int:
    [pid] = [
        pid for pid in children(fork_server.pid) if b"zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def test_sandboxes_share_a_zygote_and_leave_nothing_of_theirs(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "a") as first, started(fork_server, tmp_path / "b") as second:
        assert first.url != second.url
        assert level(first) == level(second) == "namespaces"
        mother = first_zygote(fork_server)
        [behind] = children(mother)  # the first process of its pid namespace
        assert len(children(behind)) == 2
    with started(fork_server, tmp_path / "c"):
        assert first_zygote(fork_server) == mother
        assert children(mother) == [behind]
        assert len(children(behind)) == 1


def test_a_zygote_that_dies_is_replaced_for_the_next_sandbox(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "a"):
        mother = first_zygote(fork_server)
    handle = os.pidfd_open(mother)
    os.kill(mother, signal.SIGKILL)
    select.select([handle], [], [], 30.0)
    os.close(handle)
    with started(fork_server, tmp_path / "b") as server:
        assert level(server) == "namespaces"
        assert first_zygote(fork_server) != mother


def test_a_sandbox_whose_fork_server_dies_is_seen_to_have_ended(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "a") as server:
        assert server.alive()
        os.kill(fork_server.pid, signal.SIGKILL)
        assert server._tree is not None
        assert server._tree.ended(30.0)
        assert not server.alive()


def test_from_the_second_sandbox_on_the_neighbours_are_loaded_already(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "first") as first:
        assert waiting_moto(fork_server, first) == []
        ids = {message_id(first)}
    for name in ("second", "third", "fourth"):
        with started(fork_server, tmp_path / name) as server:
            [moto] = waiting_moto(fork_server, server)
            ids.add(message_id(server))
            assert waiting_moto(fork_server, server) == [moto]
            assert Path(f"/proc/{moto}/cwd").readlink().name.startswith("lambda-sandbox-moto-")
            assert (tmp_path / name / "server.log").read_text() == ""
        assert not Path(f"/proc/{moto}").exists()
    assert len(ids) == 4


def test_neighbours_that_nobody_needed_end_with_their_sandbox(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "first"), started(fork_server, tmp_path / "second") as server:
        [moto] = waiting_moto(fork_server, server)
    assert not Path(f"/proc/{moto}").exists()


def test_neighbours_that_ended_while_they_waited_are_started_anew(
    fork_server: SandboxForkServer, tmp_path: Path
) -> None:
    with started(fork_server, tmp_path / "first"), started(fork_server, tmp_path / "second") as server:
        [moto] = waiting_moto(fork_server, server)
        handle = os.pidfd_open(moto)
        os.kill(moto, signal.SIGKILL)
        select.select([handle], [], [], 30.0)
        os.close(handle)
        assert message_id(server)
        assert waiting_moto(fork_server, server) == []
        assert not Path(f"/proc/{moto}").exists()
