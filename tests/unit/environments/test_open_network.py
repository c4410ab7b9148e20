"""Connections from inside are joined with the real host: both directions, both ends, and what is out of reach."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from lambda_sandbox.environments import open_network
from lambda_sandbox.environments.open_network import OpenNetwork, Resolve
from lambda_sandbox.environments.openings import Opening

WAIT_S = 20.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both loops that a server may have."""
    runner = uvloop.run if request.param == "uvloop" else asyncio.run

    def in_time(scene: Coroutine[Any, Any, None]) -> None:
        runner(asyncio.wait_for(scene, WAIT_S))

    return in_time


class Joint:
    """A server as the listener inside is, whose connections go through an ``OpenNetwork`` to ``opening``."""

    def __init__(self, network: OpenNetwork, opening: Opening) -> None:
        self.connections: set[asyncio.Transport] = set()
        self._network, self._opening = network, opening

    async def start(self) -> None:
        make = lambda: self._network.protocol(self._opening, self.connections)  # noqa: E731
        self._server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def until(self, count: int) -> None:
        """Wait until there are so many connections."""
        while len(self.connections) != count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._server.close()
        for transport in list(self.connections):
            open_network.reset(transport)


@contextlib.asynccontextmanager
async def joined(serve: Serve, own_ports: frozenset[int] = frozenset()) -> AsyncIterator[Joint]:
    """Give a joint with a real server on loopback, whose other name is ``db.example.com``."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    network = OpenNetwork(lambda: own_ports, answering(("127.0.0.1", port)))
    joint = Joint(network, Opening("db.example.com", 5432, "127.0.0.2"))
    await joint.start()
    try:
        yield joint
    finally:
        joint.stop()
        server.close()


def answering(*addresses: tuple[Any, ...]) -> Resolve:
    async def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        return list(addresses)

    return resolve


async def is_reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() != b"" and False
    except ConnectionResetError:
        return True


async def unreached(own_ports: frozenset[int], *addresses: tuple[Any, ...]) -> bool:
    """Whether a connection from inside is reset at once."""
    network = OpenNetwork(lambda: own_ports, answering(*addresses))
    joint = Joint(network, Opening("db.example.com", 5432, "127.0.0.2"))
    await joint.start()
    try:
        reader, writer = await joint.connect()
        found = await is_reset(reader)
        writer.close()
        return found
    finally:
        joint.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_bytes_go_through_in_both_directions(run: Run) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"greeting ")  # some servers speak first
        writer.write(await reader.readexactly(4))
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            reader, writer = await joint.connect()
            writer.write(b"\x00\xffab")
            assert await reader.read() == b"greeting \x00\xffab"
            writer.close()

    run(scene())


def test_the_function_may_be_done_writing_and_still_read(run: Run) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        writer.write(asked[::-1])
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            reader, writer = await joint.connect()
            writer.write(b"abc")
            writer.write_eof()
            assert await reader.read() == b"cba"
            writer.close()

    run(scene())


def test_the_host_may_be_done_writing_and_still_read(run: Run) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"all that there is")
        writer.write_eof()
        heard.put_nowait(await reader.read())
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            reader, writer = await joint.connect()
            assert await reader.read() == b"all that there is"
            writer.write(b"thanks")
            writer.write_eof()
            assert await heard.get() == b"thanks"
            writer.close()
            await joint.until(0)

    run(scene())


def test_who_reads_slowly_slows_the_other_down_and_loses_nothing(run: Run) -> None:
    may_read = asyncio.Event()
    total: asyncio.Queue[int] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        count = 0
        while chunk := await reader.read(1 << 20):
            count += len(chunk)
        total.put_nowait(count)
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            with socket.create_connection(("127.0.0.1", joint.port)) as inside:
                inside.setblocking(False)
                sent = await send_until_stuck(inside)
                assert sent < 64 << 20  # what the kernel's buffers hold, and not what a server's memory would
                may_read.set()
                inside.shutdown(socket.SHUT_WR)
                assert await total.get() == sent

    run(scene())


async def send_until_stuck(sock: socket.socket) -> int:
    """Return how many bytes are taken before nobody has taken any for a thousand turns of the loop."""
    sent, idle, chunk = 0, 0, bytes(1 << 16)
    while idle < 1000 and sent < 256 << 20:
        try:
            sent += sock.send(chunk)
            idle = 0
        except BlockingIOError:
            idle += 1
        await asyncio.sleep(0)
    return sent


def test_what_cannot_be_reached_is_a_reset_and_the_reason_is_logged_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()

    async def scene() -> None:
        network = OpenNetwork(frozenset, answering(("127.0.0.1", port)))
        joint = Joint(network, Opening("db.example.com", 5432, "127.0.0.2"))
        await joint.start()
        for _ in range(2):
            reader, writer = await joint.connect()
            writer.write(b"a password")
            assert await is_reset(reader)
            writer.close()
        joint.stop()

    with caplog.at_level(logging.DEBUG, open_network.__name__):
        run(scene())
    (sentence,) = [record.getMessage() for record in caplog.records if record.name == open_network.__name__]
    assert sentence.startswith("--allow-network db.example.com:5432: a function could not reach it: ")
    assert "password" not in caplog.text


def test_an_address_that_does_not_answer_leaves_the_next(run: Run) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        addresses = [("::1", free_port(), 0, 0), ("127.0.0.1", server.sockets[0].getsockname()[1])]
        joint = Joint(OpenNetwork(frozenset, answering(*addresses)), Opening("db", 1, "127.0.0.2"))
        await joint.start()
        reader, writer = await joint.connect()
        assert await reader.read() == b"here"
        writer.close()
        joint.stop()
        server.close()

    run(scene())


def test_a_name_without_an_address_is_a_reset(run: Run) -> None:
    async def scene() -> None:
        assert await unreached(frozenset())

    run(scene())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"], ids=str
)
def test_the_servers_own_ports_are_out_of_reach_whatever_the_name_resolves_to(run: Run, address: str) -> None:
    reached: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(address)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert await unreached(frozenset({port}), (address, port))
        # The second of two is as much out of reach as the first.
        assert await unreached(frozenset({port}), ("127.0.0.1", free_port()), (address, port))
        server.close()

    run(scene())
    assert reached == []


def test_another_machine_may_have_the_servers_port(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        network = OpenNetwork(lambda: {5432}, answering(("192.0.2.1", 5432)))
        assert not network._is_own(("192.0.2.1", 5432))
        assert network._is_own(("127.0.0.1", 5432))

    run(scene())


def test_the_end_of_an_environment_is_a_reset_for_the_host(run: Run) -> None:
    ended: asyncio.Queue[bool] = asyncio.Queue()
    begun = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        begun.set()
        ended.put_nowait(await is_reset(reader))
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            reader, writer = await joint.connect()
            writer.write(b"x")
            await begun.wait()
            (transport,) = joint.connections
            open_network.reset(transport)
            assert await ended.get()
            assert await is_reset(reader)
            assert not joint.connections
            writer.close()

    run(scene())


def test_an_environment_has_so_many_connections_and_no_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_network, "MOST_CONNECTIONS", 2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async def scene() -> None:
        async with joined(serve) as joint:
            held = [await joint.connect() for _ in range(2)]
            await joint.until(2)
            reader, writer = await joint.connect()
            assert await is_reset(reader)
            writer.close()
            for reader, writer in held:
                writer.write(b"mine")
                writer.write_eof()
                assert await reader.read() == b"mine"
                writer.close()

    run(scene())
