"""Openings that come and go while environments run."""

from __future__ import annotations

import asyncio
import os
import socket

from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.late_openings import LateOpenings
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.openings import Opening
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.environments.tree_memory import TreeMeter


def make_environment() -> tuple[RunningEnvironment, socket.socket]:
    """An environment of which only the control socket is there, and the launcher's end of that."""
    ours, launchers = control_socket.make_pair()
    launchers.setblocking(False)
    environment = RunningEnvironment(
        "one",
        128,
        ours,
        os.open(os.devnull, os.O_RDONLY),
        None,
        TreeMeter(1),
        own_pids=True,
        tmp_key="one",
        tmp_mb=512,
        memory_bytes=1,
    )
    return environment, launchers


def test_a_running_environment_is_asked_joined_and_shut_out_again() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        database = await asyncio.start_server(_greet, "127.0.0.1", 0)
        port = database.sockets[0].getsockname()[1]
        opening = Opening("127.0.0.1", port, "127.0.0.1")
        late = LateOpenings(loop, OpenNetwork(frozenset), isolated=True)
        environment, launcher = make_environment()
        late.welcome(environment)

        opened = asyncio.ensure_future(late.replace([opening]))
        await asyncio.sleep(0)
        asked, _, _ = control_socket.receive(launcher)
        assert asked == {"op": "listen", "address": "127.0.0.1", "port": port}
        assert not opened.done(), "it waits for the environment"
        listener = socket.create_server(("127.0.0.1", 0))  # where the environment's own network would have it
        listener.setblocking(False)
        inside = listener.getsockname()
        answer = {"event": "opened", "address": "127.0.0.1", "port": port}
        late.heard(environment, answer, [listener.detach()])
        await opened
        reader, writer = await asyncio.open_connection(*inside)
        assert await reader.read(5) == b"hello"
        writer.close()

        assert late.places() == [("127.0.0.1", port)], "what starts from now on listens by itself"
        await late.replace([])
        assert late.places() == []
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection(*inside)
            except OSError:
                break
            writer.close()
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the listener is still there")
        late.ended(environment)
        environment.close()
        launcher.close()
        database.close()
        await database.wait_closed()

    asyncio.run(story())


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    await writer.drain()
    writer.close()


def test_an_environment_that_ends_is_waited_for_no_longer() -> None:
    async def story() -> None:
        late = LateOpenings(asyncio.get_running_loop(), OpenNetwork(frozenset), isolated=True)
        environment, launcher = make_environment()
        late.welcome(environment)
        opened = asyncio.ensure_future(late.replace([Opening("127.0.0.1", 5432, "127.0.0.1")]))
        await asyncio.sleep(0)
        late.ended(environment)
        await asyncio.wait_for(opened, 1)
        environment.close()
        launcher.close()

    asyncio.run(story())


def test_where_functions_have_the_machines_network_nothing_is_asked_for() -> None:
    async def story() -> None:
        late = LateOpenings(asyncio.get_running_loop(), OpenNetwork(frozenset), isolated=False)
        environment, launcher = make_environment()
        late.welcome(environment)
        await late.replace([Opening("127.0.0.1", 5432, "127.0.0.1")])
        assert late.places() == []
        try:
            asked = control_socket.receive(launcher)[0]
        except BlockingIOError:
            asked = {}
        assert asked == {}
        environment.close()
        launcher.close()

    asyncio.run(story())
