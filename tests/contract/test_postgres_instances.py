"""What the operations of RDS do to an instance, and what they refuse."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.iam_stage import allow, root, user
from tests.contract.postgres_stage import (
    FAMILY,
    INSTANCE,
    NEEDS_POSTGRES,
    PASSWORD,
    asked,
    connect,
    place_of,
    reach,
    refusal,
)
from tests.contract.postgres_stage import shop as shop
from tests.contract.postgres_stage import start_server_of_module as start_server_of_module
from tests.refusals import refused

pytestmark = NEEDS_POSTGRES


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
        (
            {"EngineVersion": f"{FAMILY.removeprefix('postgres')}.99"},
            f"Cannot find version {FAMILY.removeprefix('postgres')}.99 for postgres",
        ),
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
