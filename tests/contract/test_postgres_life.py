"""A database that ends, by itself or with its sandbox, and one that is started again."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.postgres_stage import (
    CONNECTS,
    INSTANCE,
    NEEDS_POSTGRES,
    asked,
    children_of,
    command_of,
    connect,
    data_of,
    databases,
    pg8000,
    place_of,
    postmaster,
    reach,
    until_connected,
    until_gone,
)
from tests.contract.postgres_stage import crashing as crashing
from tests.contract.postgres_stage import start_server_of_module as start_server_of_module

pytestmark = NEEDS_POSTGRES


def test_reset_ends_the_database(start_server_of_module: Callable[..., Server]) -> None:
    server = start_server_of_module()
    server.client("rds").create_db_instance(**INSTANCE)
    running = databases(server.process.pid)
    assert running
    request = urllib.request.Request(f"{server.endpoint}/_sandbox/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    assert until_gone(running)
    assert server.client("rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["is stopped", "is killed"])
def test_nothing_is_left_when_the_sandbox(number: signal.Signals) -> None:
    folders = set(Path("/tmp").glob("lambda-sandbox-postgres-*"))
    server = Server()
    server.client("rds").create_db_instance(**INSTANCE)
    running = databases(server.process.pid)
    assert running
    own = set(Path("/tmp").glob("lambda-sandbox-postgres-*")) - folders
    server.process.send_signal(number)
    server.process.communicate(timeout=30)
    assert until_gone(running)
    end = time.monotonic() + 10
    while any(folder.exists() for folder in own) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(folder.exists() for folder in own if _mine(folder, server))


def test_the_way_in_is_closed_when_the_neighbours_crash(
    start_server_of_module: Callable[..., Server],
) -> None:
    server = start_server_of_module()
    server.deploy("early", CONNECTS)
    server.client("rds").create_db_instance(**INSTANCE)
    place, running = place_of(server), databases(server.process.pid)
    assert reach(server, "early", place) == "N"
    (moto,) = [each for each in children_of(server.process.pid) if b"moto_process" in command_of(each)]
    os.kill(moto, signal.SIGKILL)
    assert until_gone(running)
    end = time.monotonic() + 10
    while (said := reach(server, "early", place)) != "ConnectionRefusedError" and time.monotonic() < end:
        time.sleep(0.05)
    assert said == "ConnectionRefusedError"


def test_a_server_that_is_killed_is_started_again_with_what_was_committed(crashing: Server) -> None:
    place = place_of(crashing)
    asked(place, "CREATE TABLE jars AS SELECT 40 AS count")
    busy, open_one = connect(place), connect(place)
    open_one.run("BEGIN")
    open_one.run("INSERT INTO jars VALUES (41)")
    statement = threading.Thread(target=_count_in_vain, args=(busy,))
    statement.start()
    first = databases(crashing.process.pid)
    os.kill(postmaster(crashing), signal.SIGKILL)
    connection = until_connected(place)
    assert connection.run("SELECT count FROM jars") == [[40]], "what was not committed is not there"
    connection.close()
    assert until_gone(first), "not even a busy connection's process is left"
    statement.join(10)
    for each in (busy, open_one):
        with contextlib.suppress(OSError, pg8000.InterfaceError):
            each.close()
    assert place_of(crashing) == place
    crashing.deploy("early", CONNECTS)
    assert reach(crashing, "early", place) == "N"
    running = databases(crashing.process.pid)
    crashing.kill()
    assert until_gone(running)


def _count_in_vain(connection: Any) -> None:
    """A statement during which a process asks neither for its client nor for its server."""
    with contextlib.suppress(Exception):
        connection.run("SELECT count(*) FROM generate_series(1, 10000000000)")


def test_a_server_that_cannot_be_started_again_has_failed_and_a_reboot_tries_again(crashing: Server) -> None:
    rds, place = crashing.client("rds"), place_of(crashing)
    first = postmaster(crashing)
    configuration = data_of(first) / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text(good + "\nno such setting\n")
    os.kill(first, signal.SIGKILL)
    seen = []
    end = time.monotonic() + 30
    while "failed" not in seen and time.monotonic() < end:
        seen.append(rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"])
        time.sleep(0.05)
    assert set(seen) <= {"available", "rebooting", "failed"}
    assert seen[-1] == "failed"
    assert databases(crashing.process.pid) == set()
    for call in (rds.stop_db_instance, rds.start_db_instance):
        with pytest.raises(rds.exceptions.InvalidDBInstanceStateFault):
            call(DBInstanceIdentifier="shop")
    with pytest.raises(ClientError, match=r"contains errors|syntax error"):
        rds.reboot_db_instance(DBInstanceIdentifier="shop")
    configuration.write_text(good)
    rds.reboot_db_instance(DBInstanceIdentifier="shop")
    assert asked(place_of(crashing), "SELECT 1") == [[1]]
    assert place_of(crashing) == place


def test_a_keeper_that_is_killed_is_replaced_and_its_database_comes_back(crashing: Server) -> None:
    place = place_of(crashing)
    asked(place, "CREATE TABLE jars AS SELECT 40 AS count")
    first = postmaster(crashing)
    (keeper,) = _parents(first)
    time.sleep(1.1)  # one that lives for less than a second is not replaced
    os.kill(keeper, signal.SIGKILL)
    assert until_gone({first})
    connection = until_connected(place)
    assert connection.run("SELECT count FROM jars") == [[40]]
    connection.close()
    assert _parents(postmaster(crashing)) != [keeper]
    assert place_of(crashing) == place
    running = databases(crashing.process.pid)
    assert running
    crashing.kill()
    assert until_gone(running), "the new keeper ends with the sandbox too"


def test_what_postgresql_does_not_do_is_a_failure_of_the_servers(crashing: Server) -> None:
    rds = crashing.client("rds")
    first = postmaster(crashing)
    configuration = data_of(first) / "postgresql.conf"
    configuration.write_text(configuration.read_text() + "\nno such setting\n")
    with pytest.raises(ClientError) as refused:
        rds.reboot_db_instance(DBInstanceIdentifier="shop")
    answer = refused.value.response
    assert answer["Error"]["Code"] == "InternalFailure"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert answer["Error"]["Message"].startswith("PostgreSQL did not do it: ")


def test_a_database_whose_storage_is_full_stops_until_it_has_more(crashing: Server) -> None:
    rds, place = crashing.client("rds"), place_of(crashing)
    asked(place, "CREATE TABLE jars AS SELECT 40 AS count")
    # A file without content that is as long as the storage is large.
    with (data_of(postmaster(crashing)) / "filler").open("wb") as file:
        file.truncate(20 * 1024**3)
    end = time.monotonic() + 30
    while (shown := _shown(rds))["DBInstanceStatus"] != "storage-full":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert databases(crashing.process.pid) == set(), "nobody writes"
    with pytest.raises(ClientError, match="not in available state"):
        rds.reboot_db_instance(DBInstanceIdentifier="shop")
    with pytest.raises(ClientError, match="cannot be reduced"):
        rds.modify_db_instance(DBInstanceIdentifier="shop", AllocatedStorage=19, ApplyImmediately=True)
    rds.modify_db_instance(DBInstanceIdentifier="shop", AllocatedStorage=21, ApplyImmediately=True)
    shown = _shown(rds)
    assert (shown["DBInstanceStatus"], shown["AllocatedStorage"]) == ("available", 22)
    assert asked(place, "SELECT count FROM jars") == [[40]]


def _shown(rds: Any) -> Any:
    return rds.describe_db_instances()["DBInstances"][0]


def _parents(process_id: int) -> list[int]:
    stat = Path(f"/proc/{process_id}/stat").read_text()
    return [int(stat.rpartition(")")[2].split()[1])]


def test_a_sandbox_that_is_killed_while_it_creates_leaves_nothing() -> None:
    before = set(Path("/tmp").glob("lambda-sandbox-postgres-*"))
    server = Server()
    asking = threading.Thread(target=_create_in_vain, args=(server,))
    asking.start()
    end = time.monotonic() + 30
    while not any((folder / "data").exists() for folder in set(_folders()) - before):
        assert time.monotonic() < end
        time.sleep(0.005)
    running = databases(server.process.pid)
    server.process.send_signal(signal.SIGKILL)
    server.process.communicate(timeout=30)
    asking.join(30)
    assert until_gone(running)
    end = time.monotonic() + 20
    while (
        left := [each for each in set(_folders()) - before if _mine(each, server)]
    ) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


def _folders() -> Iterator[Path]:
    return Path("/tmp").glob("lambda-sandbox-postgres-*")


def _create_in_vain(server: Server) -> None:
    with contextlib.suppress(Exception):
        server.client("rds").create_db_instance(**INSTANCE)


def _mine(folder: Path, server: Server) -> bool:
    """Whether nobody else's server, of another test that runs now, uses the folder."""
    return folder.exists() and not any(
        str(folder) in (each / "cmdline").read_text("latin-1", "replace")
        for each in Path("/proc").glob("[0-9]*")
        if each.exists() and os.access(each / "cmdline", os.R_OK)
    )
