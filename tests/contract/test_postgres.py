"""RDS for PostgreSQL: a real server, reached by real functions, ended with its sandbox."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.services.postgres import administration, programs
from tests.contract.conftest import Server
from tests.contract.test_iam import allow, refused, root, user

pg8000 = pytest.importorskip("pg8000.native", reason="pg8000 is not installed")
pytestmark = pytest.mark.skipif(programs.find() is None, reason="this machine has no PostgreSQL")

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


def until_gone(processes: set[int], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while any(_runs(each) for each in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _runs(process: int) -> bool:
    try:
        return "(postgres)" in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


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


def test_a_function_reaches_the_database_at_its_endpoint(shop: Server) -> None:
    place = place_of(shop)
    assert place[1] == 5432
    shop.deploy("late", CONNECTS)
    assert [reach(shop, name, place) for name in ("early", "late")] == ["N", "N"]


def test_a_function_reaches_nothing_else_by_it(shop: Server) -> None:
    address, port = place_of(shop)
    own = int(shop.endpoint.rpartition(":")[2])
    for other in ((address, port + 1), (address, own), ("127.0.0.1", own), ("127.99.99.99", port)):
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


def test_the_class_says_how_many_connections_there_are(shop: Server) -> None:
    assert asked(place_of(shop), "SHOW max_connections") == [["112"]]


def test_two_instances_have_the_default_port_each(shop: Server) -> None:
    rds = shop.client("rds")
    rds.create_db_instance(**INSTANCE | {"DBInstanceIdentifier": "second", "DBName": "other"})
    first, second = place_of(shop), place_of(shop, "second")
    assert first != second
    assert [reach(shop, "early", place) for place in (first, second)] == ["N", "N"]
    rds.delete_db_instance(DBInstanceIdentifier="second", SkipFinalSnapshot=True)
    assert reach(shop, "early", second) == "ConnectionRefusedError"
    assert reach(shop, "early", first) == "N"
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier="second")


def test_parameter_group_counts_after_a_reboot_and_the_data_stay(shop: Server) -> None:
    rds, place = shop.client("rds"), place_of(shop)
    asked(place, "CREATE TABLE jars (count int)")
    rds.create_db_parameter_group(
        DBParameterGroupName="few", DBParameterGroupFamily=FAMILY, Description="few"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="few",
        Parameters=[
            {"ParameterName": "max_connections", "ParameterValue": "7", "ApplyMethod": "pending-reboot"}
        ],
    )
    rds.modify_db_instance(DBInstanceIdentifier="shop", DBParameterGroupName="few", ApplyImmediately=True)
    assert asked(place, "SHOW max_connections") == [["112"]]
    rds.reboot_db_instance(DBInstanceIdentifier="shop")
    assert asked(place, "SHOW max_connections") == [["7"]]
    assert asked(place, "SELECT count(*) FROM jars") == [[0]]
    rds.modify_db_parameter_group(
        DBParameterGroupName="few",
        Parameters=[
            {"ParameterName": "statement_timeout", "ParameterValue": "1234", "ApplyMethod": "immediate"}
        ],
    )
    assert asked(place, "SHOW statement_timeout") == [["1234ms"]]
    held = [connect(place) for _ in range(4)]
    assert "remaining connection slots are reserved" in refusal(place)
    for connection in held:
        connection.close()


def test_stop_start_and_a_new_password(shop: Server) -> None:
    rds, place = shop.client("rds"), place_of(shop)
    rds.stop_db_instance(DBInstanceIdentifier="shop")
    assert reach(shop, "early", place) in ("ConnectionResetError", "closed")
    rds.start_db_instance(DBInstanceIdentifier="shop")
    assert place_of(shop) == place
    rds.modify_db_instance(DBInstanceIdentifier="shop", MasterUserPassword="another-one-8")
    assert asked(place, "SELECT 1", "another-one-8") == [[1]]
    rds.modify_db_instance(DBInstanceIdentifier="shop", MasterUserPassword=PASSWORD)


def test_a_stopped_instance_is_neither_modified_nor_rebooted(shop: Server) -> None:
    rds = shop.client("rds")
    rds.stop_db_instance(DBInstanceIdentifier="shop")
    try:
        change = {"DBInstanceIdentifier": "shop", "MasterUserPassword": "another-one-8"}
        for call, arguments in (
            (rds.modify_db_instance, change),
            (rds.reboot_db_instance, {"DBInstanceIdentifier": "shop"}),
        ):
            with pytest.raises(rds.exceptions.InvalidDBInstanceStateFault, match="not in available state"):
                call(**arguments)
    finally:
        rds.start_db_instance(DBInstanceIdentifier="shop")
    assert asked(place_of(shop), "SELECT 1") == [[1]], "the password is what it was"


def test_a_parameter_group_that_is_used_is_not_deleted(shop: Server) -> None:
    rds = shop.client("rds")
    group = {"DBParameterGroupName": "used"}
    rds.create_db_parameter_group(**group, DBParameterGroupFamily=FAMILY, Description="used")
    rds.create_db_instance(**INSTANCE | {"DBInstanceIdentifier": "user"} | group)
    with pytest.raises(rds.exceptions.InvalidDBParameterGroupStateFault, match="still members"):
        rds.delete_db_parameter_group(**group)
    rds.delete_db_instance(DBInstanceIdentifier="user", SkipFinalSnapshot=True)
    rds.delete_db_parameter_group(**group)
    assert rds.describe_db_instances()["DBInstances"]


def test_the_version_that_there_is_is_told(shop: Server) -> None:
    rds = shop.client("rds")
    (version,) = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
    assert version["DBParameterGroupFamily"] == FAMILY
    (instance,) = rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"]
    assert instance["EngineVersion"] == version["EngineVersion"]
    assert rds.describe_db_engine_versions(Engine="mysql")["DBEngineVersions"] == []


def test_a_managed_password_is_in_secrets_manager(shop: Server) -> None:
    rds = shop.client("rds")
    rest = {name: value for name, value in INSTANCE.items() if name != "MasterUserPassword"}
    rds.create_db_instance(**rest | {"DBInstanceIdentifier": "managed"}, ManageMasterUserPassword=True)
    found = rds.describe_db_instances(DBInstanceIdentifier="managed")["DBInstances"][0]
    text = shop.client("secretsmanager").get_secret_value(SecretId=found["MasterUserSecret"]["SecretArn"])
    secret = json.loads(text["SecretString"])
    assert secret["username"] == "cloudberry"
    assert asked(place_of(shop, "managed"), "SELECT 1", secret["password"]) == [[1]]
    rds.delete_db_instance(DBInstanceIdentifier="managed", SkipFinalSnapshot=True)


@pytest.mark.parametrize(
    ("asked_for", "said"),
    [
        ({"Engine": "mysql"}, "and no other engine: pass Engine='postgres', not 'mysql'"),
        ({"EngineVersion": "9.6"}, "Cannot find version 9.6 for postgres"),
        ({"DBInstanceClass": "db.z9.nano"}, "Invalid DB Instance class: db.z9.nano"),
        ({"MasterUserPassword": "a b@c/d-long"}, "not a valid password"),
        ({"MasterUsername": "rdsadmin"}, "reserved word"),
        ({"MultiAZ": True}, "leave MultiAZ out"),
        ({"StorageEncrypted": True}, "leave StorageEncrypted out"),
        ({"BackupRetentionPeriod": 7}, "takes no snapshots and no backups"),
        ({"EnableIAMDatabaseAuthentication": True}, "no IAM authentication of databases"),
        ({"EnablePerformanceInsights": True}, "does not carry out EnablePerformanceInsights"),
        ({"Port": 80}, "Port 80 is not a number from 1150"),
        ({"Port": 0}, "Port 0 is not a number from 1150"),
        ({"DBName": "rdsadmin"}, "reserved word"),
        ({"StorageType": "floppy"}, "Invalid storage type: floppy"),
        ({"DBParameterGroupName": "default.postgres9"}, "can't be used for this instance"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_done_is_refused(shop: Server, asked_for: dict[str, Any], said: str) -> None:
    rds = shop.client("rds")
    with pytest.raises(ClientError) as refused:
        rds.create_db_instance(**INSTANCE | {"DBInstanceIdentifier": "refused"} | asked_for)
    assert said in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier="refused")


@pytest.mark.parametrize(
    ("operation", "arguments", "said"),
    [
        ("create_db_snapshot", {"DBSnapshotIdentifier": "s", "DBInstanceIdentifier": "shop"}, "no snapshots"),
        ("create_db_instance_read_replica", {"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": "shop"}, "no read replicas"),
        ("create_db_cluster", {"DBClusterIdentifier": "c", "Engine": "aurora-postgresql"}, "no clusters"),
        (
            "create_db_proxy",
            {"DBProxyName": "p", "EngineFamily": "POSTGRESQL", "RoleArn": "arn:aws:iam::000000000000:role/demo", "VpcSubnetIds": ["subnet-1"]},
            "no RDS Proxy",
        ),
        ("modify_db_instance", {"DBInstanceIdentifier": "shop", "DBPortNumber": 6000}, "does not carry out DbPortNumber"),
        ("reboot_db_instance", {"DBInstanceIdentifier": "shop", "ForceFailover": True}, "no standby"),
        ("delete_db_instance", {"DBInstanceIdentifier": "shop"}, "pass SkipFinalSnapshot=True"),
        ("describe_db_log_files", {"DBInstanceIdentifier": "shop"}, "shows no log files"),
        ("reset_db_parameter_group", {"DBParameterGroupName": "g"}, "does not carry out ResetDBParameterGroup"),
        ("list_tags_for_resource", {"ResourceName": "arn:aws:rds:us-east-1:000000000000:db:ghost"}, "DBInstance ghost not found"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.count("_") else "",
)  # fmt: skip
def test_operations_that_are_not_done_are_refused(
    shop: Server, operation: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(shop.client("rds"), operation)(**arguments)
    assert said in refused.value.response["Error"]["Message"]
    assert reach(shop, "early", place_of(shop)) == "N"


def test_the_data_api_is_refused(shop: Server) -> None:
    with pytest.raises(ClientError, match="has no Data API"):
        shop.client("rds-data").execute_statement(resourceArn="a" * 11, secretArn="b" * 11, sql="SELECT 1")


def test_a_stack_makes_no_instance(shop: Server) -> None:
    properties = {name: value for name, value in INSTANCE.items() if name != "DBInstanceIdentifier"}
    template = {"Resources": {"Shop": {"Type": "AWS::RDS::DBInstance", "Properties": properties}}}
    before = shop.client("rds").describe_db_instances()["DBInstances"]
    stacks = shop.client("cloudformation")
    with contextlib.suppress(ClientError):
        stacks.create_stack(StackName="shop", TemplateBody=json.dumps(template))
    found = [
        each["StackStatus"] for each in stacks.describe_stacks()["Stacks"] if each["StackName"] == "shop"
    ]
    assert "CREATE_COMPLETE" not in found
    after = shop.client("rds").describe_db_instances()["DBInstances"]
    assert [each["DBInstanceIdentifier"] for each in after] == [
        each["DBInstanceIdentifier"] for each in before
    ]


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
    (moto,) = [each for each in _children(server.process.pid) if b"moto_process" in _command(each)]
    os.kill(moto, signal.SIGKILL)
    assert until_gone(running)
    end = time.monotonic() + 10
    while (said := reach(server, "early", place)) != "ConnectionRefusedError" and time.monotonic() < end:
        time.sleep(0.05)
    assert said == "ConnectionRefusedError"


def postmaster(server: Server) -> int:
    """The first process of the one database of a sandbox: the others are its children."""
    (found,) = [each for each in databases(server.process.pid) if b"\0-D\0" in _command(each)]
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
    configuration = Path(_command(first).split(b"\0-D\0")[1].split(b"\0")[0].decode()) / "postgresql.conf"
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


def test_where_iam_is_enforced_databases_are_for_those_who_may(
    start_server_of_module: Callable[..., Server],
) -> None:
    server = start_server_of_module("--enforce-iam")
    arn = "arn:aws:rds:us-east-1:000000000000:db:shop"
    keys = user(server, "ana", allow(["rds:CreateDBInstance", "rds:DescribeDBInstances"], arn))
    rds, name = server.client("rds", **keys), {"DBInstanceIdentifier": "shop"}
    code, status, said = refused(rds.create_db_instance, **INSTANCE | {"DBInstanceIdentifier": "other"})
    assert (code, status) == ("AccessDenied", 403)
    assert "ana is not authorized to perform: rds:CreateDBInstance on resource: " in said
    _, _, said = refused(rds.create_db_instance, **INSTANCE, Tags=[{"Key": "team", "Value": "jam"}])
    assert f"rds:AddTagsToResource on resource: {arn}" in said
    rds.create_db_instance(**INSTANCE)
    assert rds.describe_db_instances(**name)["DBInstances"][0]["DBInstanceArn"] == arn
    _, _, said = refused(rds.describe_db_instances)
    assert "rds:DescribeDBInstances on resource: arn:aws:rds:us-east-1:000000000000:db:*" in said
    for call, action in (
        (rds.modify_db_instance, "ModifyDBInstance"),
        (rds.stop_db_instance, "StopDBInstance"),
        (rds.start_db_instance, "StartDBInstance"),
        (rds.reboot_db_instance, "RebootDBInstance"),
        (rds.delete_db_instance, "DeleteDBInstance"),
    ):
        _, _, said = refused(call, **name)
        assert f"rds:{action} on resource: {arn}" in said
    _, _, said = refused(rds.list_tags_for_resource, ResourceName=arn)
    assert f"rds:ListTagsForResource on resource: {arn}" in said
    root(server, "rds").delete_db_instance(**name, SkipFinalSnapshot=True)


def test_only_the_neighbours_may_open(shop: Server) -> None:
    body = json.dumps({"places": [["127.0.0.1", 22]]}).encode()
    request = urllib.request.Request(f"{shop.endpoint}/_sandbox/trigger/open", body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 403
    refused.value.close()
    assert reach(shop, "early", place_of(shop)) == "N"


def _children(process_id: int) -> list[int]:
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(each) for each in text.split()]


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


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
    server = Server("--state", str(folder))
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
