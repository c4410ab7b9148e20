"""What is refused of RDS, and what passes."""

from typing import Any

import pytest

from lambda_sandbox.services.postgres import refusals

GOOD = {
    "db_instance_identifier": "shop",
    "engine": "postgres",
    "db_instance_class": "db.t4g.micro",
    "allocated_storage": 20,
    "master_username": "cloudberry",
    "master_user_password": "from-the-vault",
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"engine_version": "15"},
        {"engine_version": "15.18", "port": 1150, "db_name": "shop", "tags": [{"Key": "a", "Value": "b"}]},
        {"multi_az": False, "storage_encrypted": False, "backup_retention_period": 0},
        {"master_user_password": None, "manage_master_user_password": True},
        {"master_username": "postgres"},
        {"storage_type": "standard", "allocated_storage": 5, "db_name": "postgres"},
    ],
)
def test_what_is_carried_out_passes(more: dict[str, Any]) -> None:
    assert refusals.of_creation(GOOD | more, "15.18") is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"engine": "aurora-postgresql"}, "no other engine"),
        ({"engine": None}, "no other engine"),
        ({"iops": 3000}, "does not carry out Iops"),
        ({"monitoring_interval": 60}, "does not carry out MonitoringInterval"),
        ({"option_group_name": "o"}, "no option groups"),
        ({"master_user_password": None}, "must be provided"),
        ({"master_user_password": "short"}, "from 8 to 128"),
        ({"master_user_password": "ümlaute-überall"}, "Only printable ASCII"),
        ({"manage_master_user_password": True}, "can't specify MasterUserPassword"),
        ({"master_username": 'a"; DROP'}, "must begin with a letter"),
        ({"master_username": "pg_me"}, "reserved word"),
        ({"db_name": "1st"}, "must begin with a letter"),
        ({"port": 70000}, "Port 70000"),
        ({"port": 0}, "Port 0"),
        ({"master_username": "public"}, "reserved word"),
        ({"db_name": "template1"}, "reserved word"),
        ({"storage_type": "floppy"}, "Invalid storage type: floppy"),
        ({"allocated_storage": 19}, "from 20 to 65536 GiB"),
        ({"engine_version": "16"}, "this machine has PostgreSQL 15.18"),
        ({"engine_version": "15.4"}, "Cannot find version 15.4"),
        ({"engine_version": "15.99"}, "pass '15'"),
    ],
)
def test_what_is_not_carried_out_is_refused(more: dict[str, Any], said: str) -> None:
    refused = refusals.of_creation(GOOD | more, "15.18")
    assert refused is not None
    assert said in refused[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"db_instance_class": "db.t4g.small"}, "pass ApplyImmediately=True"),
        ({"db_instance_class": "db.x.small", "apply_immediately": True}, "Invalid DB Instance class"),
        ({"new_db_instance_identifier": "other"}, "does not carry out NewDbInstanceIdentifier"),
        ({"multi_az": True}, "no standby"),
        ({"allocated_storage": 40}, "pass ApplyImmediately=True"),
        ({"master_user_password": "short"}, "from 8 to 128"),
    ],
)
def test_a_change_that_is_not_carried_out_is_refused(asked: dict[str, Any], said: str) -> None:
    refused = refusals.of_change({"db_instance_identifier": "shop"} | asked)
    assert refused is not None
    assert said in refused[1]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(19, "cannot be reduced"), (70_000, "from 20 to 65536 GiB"), (20, None), (40, None)],
)
def test_storage_grows_only(wanted: int, said: str | None) -> None:
    refused = refusals.of_growth(20, wanted, "gp2")
    assert (refused is None) if said is None else (refused is not None and said in refused[1])


def test_a_static_parameter_is_not_immediate() -> None:
    parameter = {"ParameterName": "max_connections", "ParameterValue": "9", "ApplyMethod": "immediate"}
    refused = refusals.of_parameters([parameter])
    assert refused is not None
    assert "static parameter" in refused[1]
    assert refusals.of_parameters([parameter | {"ApplyMethod": "pending-reboot"}]) is None


@pytest.mark.parametrize(
    ("name", "family", "refused"),
    [
        ("mine", "postgres15", False),
        ("mine", "postgres16", True),
        ("mine", None, False),
        ("default.postgres15", None, False),
        ("default.postgres9", None, True),
    ],
    ids=["of its own family", "of another", "that is not there", "the default one", "another's default one"],
)
def test_an_instance_takes_a_parameter_group(name: str, family: str | None, refused: bool) -> None:
    assert (refusals.of_group(name, family, "15.18") is not None) is refused


def test_every_refused_operation_is_one_of_motos() -> None:
    """A name that moto does not have would refuse nothing."""
    from moto.rds.models import RDSBackend

    assert [name for name in refusals.OPERATIONS if not hasattr(RDSBackend, name)] == []
