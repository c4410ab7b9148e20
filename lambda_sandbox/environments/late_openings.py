"""Openings that come and go while environments run: what a database listens on that was made a moment ago.

Like those of ``--allow-network`` they are listeners inside, joined with one host and port outside, and nothing else has a
route. An environment that starts is told of them in its specification; one that is there already, a blank one too, is asked
by its launcher's control socket, and answers when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.openings import Opening
from lambda_sandbox.environments.running import RunningEnvironment

_PATIENCE_S = 2.0  # for environments that are just ending
_Place = tuple[str, int]


class LateOpenings:
    """``isolated`` False: functions have the machine's own network, and there is nothing to open."""

    def __init__(self, loop: asyncio.AbstractEventLoop, network: OpenNetwork, *, isolated: bool) -> None:
        self._loop = loop
        self._network = network
        self._isolated = isolated
        self._wanted: dict[_Place, Opening] = {}
        self._there: dict[RunningEnvironment, dict[_Place, asyncio.Future[None]]] = {}
        self._servers: dict[tuple[RunningEnvironment, _Place], asyncio.Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def places(self) -> list[_Place]:
        """Return what an environment that starts now is to listen on, for its specification."""
        return list(self._wanted) if self._isolated else []

    def expect(self, environment: RunningEnvironment, places: Iterable[_Place]) -> None:
        """The environment makes these listeners by itself, before its runtime starts."""
        asked = self._there.setdefault(environment, {})
        for place in places:
            asked[place] = self._loop.create_future()

    def welcome(self, environment: RunningEnvironment) -> None:
        """Ask an environment that waits for its function."""
        if self._isolated:
            self._there.setdefault(environment, {})
            self._ask(environment)

    async def replace(self, openings: Sequence[Opening]) -> None:
        """Open these, close all others, and return when every environment has done so."""
        self._wanted = {(each.address, each.port): each for each in openings}
        if not self._isolated:
            return
        waiting = [future for environment in list(self._there) for future in self._ask(environment)]
        self._close_others()
        if waiting:
            await asyncio.wait(waiting, timeout=_PATIENCE_S)

    def heard(self, environment: RunningEnvironment, message: dict[str, Any], fds: list[int]) -> None:
        """An environment listens, or cannot, where ``--allow-network`` has the same place."""
        place = message["address"], message["port"]
        opening = self._wanted.get(place)
        answer = self._there.get(environment, {}).get(place)
        if answer is not None and not answer.done():
            answer.set_result(None)
        for fd in fds:
            listener = socket.socket(fileno=fd)
            if opening is None or environment.stopped:
                listener.close()
            else:
                task = self._loop.create_task(self._serve(environment, opening, listener))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def ended(self, environment: RunningEnvironment) -> None:
        """The environment's last process is gone."""
        for answer in self._there.pop(environment, {}).values():
            answer.cancel()
        for key in [key for key in self._servers if key[0] is environment]:
            self._servers.pop(key).close()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _ask(self, environment: RunningEnvironment) -> list[asyncio.Future[None]]:
        there = self._there[environment]
        asked = []
        for place in [place for place in self._wanted if place not in there]:
            there[place] = self._loop.create_future()
            asked.append(there[place])
            message = {"op": "listen", "address": place[0], "port": place[1]}
            with contextlib.suppress(OSError):  # its end is heard by itself
                control_socket.send_with_fds(environment.control, message, [])
        return asked

    def _close_others(self) -> None:
        for (environment, place), server in list(self._servers.items()):
            if place not in self._wanted:
                server.close()
                del self._servers[environment, place]
        for there in self._there.values():
            for place in [place for place in there if place not in self._wanted]:
                del there[place]

    async def _serve(
        self, environment: RunningEnvironment, opening: Opening, listener: socket.socket
    ) -> None:
        server = await self._loop.create_server(
            lambda: self._network.protocol(opening, environment.opened), sock=listener
        )
        place = opening.address, opening.port
        if environment.stopped or place not in self._wanted:
            server.close()
        else:
            self._servers[environment, place] = server
