"""With ``--state``: a database that is there again after a restart."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.contract.conftest import Server
from tests.contract.postgres_stage import (
    CONNECTS,
    INSTANCE,
    NEEDS_POSTGRES,
    asked,
    place_of,
    postmaster,
    reach,
    until_connected,
)
from tests.contract.postgres_stage import shop as shop
from tests.contract.postgres_stage import start_server_of_module as start_server_of_module

pytestmark = NEEDS_POSTGRES


def _state_below(tmp_path: Path) -> Path:
    """Return a state folder to which PostgreSQL's own user finds the way."""
    for place in (tmp_path, *tmp_path.parents):
        if not place.stat().st_mode & 0o001 and os.geteuid() == 0:
            place.chmod(place.stat().st_mode | 0o011)
    return tmp_path / "state"


def test_a_state_folder_keeps_the_database_over_a_restart(tmp_path: Path) -> None:
    folder = _state_below(tmp_path)
    server = Server("--state", str(folder))
    try:
        server.client("rds").create_db_instance(**INSTANCE)
        first = place_of(server)
        asked(first, "CREATE TABLE jars AS SELECT 40 AS count")
        os.kill(postmaster(server), signal.SIGKILL)
        until_connected(first).close()
        server.deploy("early", CONNECTS)
    finally:
        server.stop()
    server = Server("--state", str(folder), neighbours_on_demand="0")
    try:
        end = time.monotonic() + 30
        while (said := reach(server, "early", first)) != "N" and time.monotonic() < end:
            time.sleep(0.1)
        assert said == "N", "functions reach it before anybody has asked RDS"
        assert place_of(server) == first
        assert asked(first, "SELECT count FROM jars") == [[40]]
        server.client("rds").delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
        assert not list(folder.glob("databases/*/*/shop"))
    finally:
        server.stop()


def test_a_kept_database_that_does_not_start_is_there_as_failed_with_its_data(tmp_path: Path) -> None:
    folder = _state_below(tmp_path)
    server = Server("--state", str(folder))
    try:
        server.client("rds").create_db_instance(**INSTANCE)
        asked(place_of(server), "CREATE TABLE jars AS SELECT 40 AS count")
    finally:
        server.stop()
    (configuration,) = folder.glob("databases/*/*/shop/data/postgresql.conf")
    good = configuration.read_text()
    configuration.write_text(good + "\nno such setting\n")
    server = Server("--state", str(folder))
    try:
        rds = server.client("rds")
        assert rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "failed"
        with pytest.raises(rds.exceptions.DBInstanceAlreadyExistsFault):
            rds.create_db_instance(**INSTANCE)
        configuration.write_text(good)
        rds.reboot_db_instance(DBInstanceIdentifier="shop")
        assert asked(place_of(server), "SELECT count FROM jars") == [[40]]
    finally:
        server.stop()
