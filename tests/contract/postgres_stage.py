"""What the tests of RDS for PostgreSQL share: an instance, who connects to it, and the processes behind it."""

from __future__ import annotations

import gc
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.services.postgres import programs
from tests.contract.conftest import Server

pg8000 = pytest.importorskip("pg8000.native", reason="pg8000 is not installed")
NEEDS_POSTGRES = pytest.mark.skipif(programs.find() is None, reason="this machine has no PostgreSQL")

PASSWORD = "jam-and-tea-7"
_FOUND = programs.find()
FAMILY = f"postgres{_FOUND.version.partition('.')[0]}" if _FOUND is not None else ""
INSTANCE = {
    "DBInstanceIdentifier": "shop",
    "Engine": "postgres",
    "DBInstanceClass": "db.t4g.micro",
    "AllocatedStorage": 20,
    "DBName": "shop",
    "MasterUsername": "cloudberry",
    "MasterUserPassword": PASSWORD,
}
CONNECTS = """\
import socket

def handler(event, context):
    try:
        with socket.create_connection(tuple(event), 5) as connection:
            connection.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47]))  # may it be encrypted?
            return connection.recv(1).decode() or "closed"
    except OSError as error:
        return type(error).__name__
"""


def place_of(server: Server, name: str = "shop") -> tuple[str, int]:
    found = server.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    assert found["DBInstanceStatus"] == "available"
    return found["Endpoint"]["Address"], found["Endpoint"]["Port"]


def connect(place: tuple[str, int], password: str = PASSWORD, database: str = "shop") -> Any:
    return pg8000.Connection(
        "cloudberry", password=password, host=place[0], port=place[1], database=database, timeout=20
    )


def refusal(place: tuple[str, int], user: str = "cloudberry", password: str = PASSWORD) -> str:
    """Return what the server says to somebody whom it does not let in."""
    said = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pg8000 forgets the socket that it was refused on
        try:
            pg8000.Connection(user, password=password, host=place[0], port=place[1], database="shop").close()
        except pg8000.DatabaseError as error:
            said = error.args[0]["M"]
            error.__traceback__ = None
        gc.collect()
    return said


def asked(place: tuple[str, int], statement: str, password: str = PASSWORD) -> Any:
    connection = connect(place, password)
    try:
        return connection.run(statement)
    finally:
        connection.close()


def reach(server: Server, name: str, place: tuple[str, int]) -> str:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(place).encode())
    assert "FunctionError" not in answer
    found: str = json.load(answer["Payload"])
    return found


def databases(process_id: int) -> set[int]:
    """The servers that descend from a process."""
    children: dict[int, list[int]] = {}
    names = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        children.setdefault(int(rest.split()[1]), []).append(int(folder.name))
        names[int(folder.name)] = name
    found, waiting = set(), [process_id]
    while waiting:
        each = waiting.pop()
        waiting += children.get(each, [])
        if names.get(each) == "postgres":
            found.add(each)
    return found


def until_gone(processes: set[int], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while any(_runs(each) for each in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _runs(process: int) -> bool:
    try:
        _, name, rest = Path(f"/proc/{process}/stat").read_text().partition("(postgres) ")
    except OSError:
        return False
    return bool(name) and not rest.startswith("Z")  # one that ended may wait for whoever adopted it


@pytest.fixture(scope="module")
def shop(start_server_of_module: Callable[..., Server]) -> Server:
    """A sandbox in which an environment ran before there was a database."""
    server = start_server_of_module()
    server.deploy("early", CONNECTS)
    assert reach(server, "early", ("127.0.0.1", 5432)) == "ConnectionRefusedError"
    server.client("rds").create_db_instance(**INSTANCE)
    return server


@pytest.fixture(scope="module")
def start_server_of_module() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*arguments: str, **settings: str) -> Server:
        started.append(Server(*arguments, **settings))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def postmaster(server: Server) -> int:
    """The first process of the one database of a sandbox: the others are its children."""
    (found,) = [each for each in databases(server.process.pid) if b"\0-D\0" in command_of(each)]
    return found


def until_connected(place: tuple[str, int]) -> Any:
    end = time.monotonic() + 20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pg8000 forgets the sockets that it was refused on
        while True:
            try:
                return connect(place)
            except (OSError, pg8000.InterfaceError, pg8000.DatabaseError) as error:
                error.__traceback__ = None
            gc.collect()
            if time.monotonic() > end:
                raise AssertionError("nobody can connect")
            time.sleep(0.05)


@pytest.fixture
def crashing(start_server_of_module: Callable[..., Server]) -> Server:
    server = start_server_of_module()
    server.client("rds").create_db_instance(**INSTANCE)
    return server


def children_of(process_id: int) -> list[int]:
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(each) for each in text.split()]


def command_of(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


def data_of(postmaster: int) -> Path:
    """Return the folder that a server has its files in."""
    return Path(command_of(postmaster).split(b"\0-D\0")[1].split(b"\0")[0].decode())
