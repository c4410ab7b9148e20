"""RDS for PostgreSQL: a real server, reached by real functions, and who may do what in it."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lambda_sandbox.services.postgres import administration
from tests.contract.conftest import Server
from tests.contract.postgres_stage import (
    CONNECTS,
    FAMILY,
    NEEDS_POSTGRES,
    PASSWORD,
    asked,
    connect,
    pg8000,
    place_of,
    reach,
    refusal,
)
from tests.contract.postgres_stage import shop as shop
from tests.contract.postgres_stage import start_server_of_module as start_server_of_module

pytestmark = NEEDS_POSTGRES


def test_a_function_reaches_the_database_at_its_endpoint(shop: Server) -> None:
    place = place_of(shop)
    assert place[1] == 5432
    shop.deploy("late", CONNECTS)
    assert [reach(shop, name, place) for name in ("early", "late")] == ["N", "N"]


def test_a_function_reaches_nothing_else_by_it(shop: Server) -> None:
    address, port = place_of(shop)
    own = int(shop.endpoint.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        another = listener.getsockname()[1]
        for other in ((address, port + 1), (address, own), ("127.0.0.1", another), ("127.99.99.99", port)):
            assert reach(shop, "early", other) == "ConnectionRefusedError"


def test_master_user_database_and_password_are_those_that_were_asked_for(shop: Server) -> None:
    place = place_of(shop)
    assert asked(place, "SELECT current_user, current_database()") == [["cloudberry", "shop"]]
    assert "password authentication failed" in refusal(place, password="another-one-8")
    rows = asked(
        place, "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert rows == [[False, True, True]], "AWS: the master user is no superuser"


def test_the_superuser_cannot_come_by_the_network(shop: Server) -> None:
    assert "rejects connection" in refusal(place_of(shop), user="rdsadmin")


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT pg_execute_server_program TO cloudberry",
        "GRANT pg_read_server_files TO cloudberry",
        "GRANT pg_write_server_files TO cloudberry",
        "CREATE ROLE helper IN ROLE pg_execute_server_program",
        "ALTER ROLE cloudberry SUPERUSER",
        "ALTER ROLE rdsadmin PASSWORD 'mine'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "CREATE EXTENSION file_fdw",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_import('/etc/passwd')",
    ],
)
def test_the_master_user_gets_at_nothing_of_the_machine(shop: Server, statement: str) -> None:
    place = place_of(shop)
    with pytest.raises(pg8000.DatabaseError, match="42501"):  # insufficient_privilege
        asked(place, statement)
    assert asked(place, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [[False]]


def test_what_the_master_user_puts_in_the_way_does_not_run_as_the_superuser(shop: Server) -> None:
    """The sandbox's own statements mean PostgreSQL's functions, and do not depend on the master user's databases."""
    place = place_of(shop)
    connection = connect(place, database="postgres")
    try:
        connection.run("CREATE SCHEMA mine")
        connection.run(
            "CREATE FUNCTION mine.pg_reload_conf() RETURNS boolean LANGUAGE plpgsql AS "
            "'BEGIN ALTER ROLE cloudberry SUPERUSER; RETURN true; END'"
        )
        connection.run("ALTER DATABASE postgres SET search_path = mine, pg_catalog")
    finally:
        connection.close()
    asked(place, "ALTER DATABASE postgres RENAME TO gone")
    try:
        rds = shop.client("rds")
        group = {"DBParameterGroupName": "reloaded"}
        rds.create_db_parameter_group(**group, DBParameterGroupFamily=FAMILY, Description="any")
        rds.modify_db_instance(DBInstanceIdentifier="shop", **group, ApplyImmediately=True)
        said = [{"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "immediate"}]
        rds.modify_db_parameter_group(**group, Parameters=said)
        rds.modify_db_instance(
            DBInstanceIdentifier="shop", MasterUserPassword=PASSWORD, ApplyImmediately=True
        )
        assert asked(place, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [[False]]
    finally:
        asked(place, "ALTER DATABASE gone RENAME TO postgres")
        asked(place, "ALTER DATABASE postgres RESET search_path")


def test_the_superuser_needs_a_password_on_its_own_socket_too(shop: Server) -> None:
    """Where functions are not isolated they may have PostgreSQL's own user, which can open that socket."""
    ((folder,),) = asked(place_of(shop), "SHOW unix_socket_directories")
    socket_path = Path(folder) / f".s.PGSQL.{place_of(shop)[1]}"
    for guess in ("", "rdsadmin", PASSWORD):
        with pytest.raises(administration.NotReady, match="password"):
            administration.run(socket_path, "SELECT 1", guess)


def test_a_connection_takes_a_part_of_the_machine_only(shop: Server) -> None:
    """Without limits a single query of somebody's homework would fill memory, or the disk."""
    connection = connect(place_of(shop))
    greedy = "SELECT array_length(array_agg(repeat(n::text, 300000)), 1) FROM generate_series(1, 20000) AS n"
    with pytest.raises(pg8000.DatabaseError, match="out of memory"):
        connection.run(greedy)
    assert connection.run("SHOW temp_file_limit") == [["1GB"]]  # and nobody but the superuser changes that
    with pytest.raises(pg8000.DatabaseError, match="permission denied to set parameter"):
        connection.run("SET temp_file_limit = -1")
    connection.close()


def test_only_the_neighbours_may_open(shop: Server) -> None:
    body = json.dumps({"places": [["127.0.0.1", 22]]}).encode()
    request = urllib.request.Request(f"{shop.endpoint}/_sandbox/trigger/open", body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 403
    refused.value.close()
    assert reach(shop, "early", place_of(shop)) == "N"
