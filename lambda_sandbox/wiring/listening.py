"""Where the sandbox listens: its own port, a socket that it inherited, and one inside each environment."""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
from collections.abc import Iterable

from lambda_sandbox.drivers.endpoint import Endpoint
from lambda_sandbox.drivers.endpoint_connection import EndpointConnection
from lambda_sandbox.drivers.environment_connection import EnvironmentConnection
from lambda_sandbox.errors import SandboxFault


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises ``SandboxFault`` with what to do when the port is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as reason:
        listening.close()
        if reason.errno == errno.EADDRINUSE:
            raise SandboxFault(
                f"port {port} is in use; choose another with --port, or --port 0 for a free one"
            ) from None
        raise SandboxFault(
            f"cannot listen on {host}:{port} ({reason.strerror}); choose another --port or --host"
        ) from None
    listening.listen(1024)
    listening.setblocking(False)
    return listening


async def accept(
    endpoint: Endpoint, listening: socket.socket, inherited_fd: int | None
) -> list[asyncio.AbstractServer]:
    """Accept callers. ``inherited_fd`` is a socket in another network namespace: who calls there is inside."""
    loop = asyncio.get_running_loop()
    outer = functools.partial(EndpointConnection, endpoint)
    servers: list[asyncio.AbstractServer] = [await loop.create_server(outer, sock=listening)]
    if inherited_fd is not None:
        listening_inside = inherited(inherited_fd)
        listening_inside.setblocking(False)
        inner = functools.partial(EndpointConnection, endpoint, inner=True)
        servers.append(await loop.create_server(inner, sock=listening_inside))
    return servers


def inherited(fd: int) -> socket.socket:
    """Return the listening socket that whoever started this has opened. Raises ``SandboxFault`` where ``fd`` is none."""
    try:
        return socket.socket(fileno=fd)
    except OSError as reason:
        raise SandboxFault(
            f"{fd} is no socket that was inherited ({reason.strerror}); leave --listen-fd out, or open it before"
        ) from None


def ports(servers: Iterable[asyncio.AbstractServer]) -> set[int]:
    """Return where they listen."""
    names = [sock.getsockname() for server in servers for sock in getattr(server, "sockets", ())]
    return {name[1] for name in names if isinstance(name, tuple)}  # that of a Unix socket is a text


def inner_connection(endpoint: Endpoint, environment_id: str) -> EnvironmentConnection:
    """Return what answers a request from inside an environment: as its function's account."""
    environment = endpoint.driver.core.pool.environments.get(environment_id)
    account_id = environment.function.account_id if environment is not None else ""
    return EnvironmentConnection(endpoint, account_id, environment)
