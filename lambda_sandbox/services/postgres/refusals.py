"""What RDS can do and the sandbox cannot: refused with a sentence, never accepted and ignored. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.postgres import settings

ONLY_POSTGRES = (
    "The sandbox runs RDS for PostgreSQL, a real server, and no other engine: pass Engine='postgres', not"
)
_SNAPSHOTS = (
    "The sandbox takes no snapshots and no backups of databases: leave them out, and keep what you need with"
)
_SNAPSHOTS += " --state or with pg_dump."
_CLUSTERS = "The sandbox runs single PostgreSQL servers and no clusters: use create_db_instance with Engine='postgres'."
_REPLICAS = "The sandbox has no read replicas: read from the instance itself."
_PROXIES = (
    "The sandbox has no RDS Proxy: nothing here pools connections. Bound them with reserved concurrency, as the page "
    "about PostgreSQL behind Lambda shows."
)
_DEPLOYMENTS = "The sandbox has no blue/green deployments of databases."
_EVENTS = "The sandbox sends no events of RDS: ask describe_db_instances."
_EXPORTS = "The sandbox exports no snapshots."
_GROUPS = "RDS for PostgreSQL here has no option groups: leave them out."
_ROLES = "PostgreSQL here calls no other services of AWS: leave the role out."
_LOGS = "The sandbox shows no log files of a database: what it refuses, it says to the client."
_CLASSES = "The sandbox has no list of instance classes: it takes db.t3, db.t4g and the db.m and db.r families from 5 to 8."
STACKS = "The sandbox makes no DB instances by stacks: call create_db_instance, and hand its endpoint to the stack as a parameter."
DATA_API = "The sandbox has no Data API: connect to the instance at its endpoint, with a client library of PostgreSQL."
# By the method of moto's backend.
OPERATIONS = {
    **dict.fromkeys(
        (
            "create_db_snapshot", "copy_db_snapshot", "restore_db_instance_from_db_snapshot",
            "restore_db_instance_to_point_in_time", "create_db_cluster_snapshot", "copy_db_cluster_snapshot",
            "restore_db_cluster_from_snapshot", "restore_db_cluster_to_point_in_time", "modify_db_snapshot_attribute",
        ),
        _SNAPSHOTS,
    ),
    **dict.fromkeys(("create_db_cluster", "create_global_cluster", "create_db_shard_group"), _CLUSTERS),
    **dict.fromkeys(("create_db_instance_read_replica", "promote_read_replica"), _REPLICAS),
    **dict.fromkeys(("create_db_proxy",), _PROXIES),
    **dict.fromkeys(("create_blue_green_deployment",), _DEPLOYMENTS),
    **dict.fromkeys(("create_event_subscription",), _EVENTS),
    **dict.fromkeys(("start_export_task",), _EXPORTS),
    **dict.fromkeys(("create_option_group",), _GROUPS),
    "describe_db_log_files": _LOGS,
    "describe_orderable_db_instance_options": _CLASSES,
    **dict.fromkeys(("add_role_to_db_instance", "add_role_to_db_cluster"), _ROLES),
}  # fmt: skip
# Arguments whose value changes nothing here but what describe_db_instances tells; the fidelity page says so.
_TOLD_ONLY = frozenset(
    {
        "auto_minor_version_upgrade", "availability_zone", "ca_certificate_identifier",
        "copy_tags_to_snapshot", "db_subnet_group_name", "license_model", "preferred_backup_window",
        "preferred_maintenance_window", "publicly_accessible", "storage_type", "tags", "vpc_security_group_ids",
    }
)  # fmt: skip
_CARRIED_OUT = frozenset(
    {
        "allocated_storage", "db_instance_identifier", "db_instance_class", "db_name", "db_parameter_group_name",
        "deletion_protection", "engine", "engine_version", "manage_master_user_password", "master_user_password", "master_username", "port",
    }
)  # fmt: skip
_WHY = {
    "db_cluster_identifier": _CLUSTERS,
    "multi_az": "The sandbox has one server for each instance and no standby: leave MultiAZ out.",
    "storage_encrypted": "The sandbox does not encrypt the files of a database: leave StorageEncrypted out.",
    "enable_iam_database_authentication": (
        "The sandbox has no IAM authentication of databases: use the master user's password, from Secrets Manager."
    ),
    "backup_retention_period": _SNAPSHOTS,
    "option_group_name": _GROUPS,
}
_MODIFIED = frozenset(
    {
        "allocated_storage", "db_instance_identifier", "apply_immediately", "master_user_password", "db_instance_class",
        "db_parameter_group_name", "deletion_protection", "preferred_maintenance_window", "preferred_backup_window",
        "auto_minor_version_upgrade", "copy_tags_to_snapshot",
    }
)  # fmt: skip
_LOWEST_PORT, _HIGHEST_PORT = 1150, 65_535  # Source: RDS API Reference, CreateDBInstance, read 2026-11
_PASSWORD_MIN, _PASSWORD_MAX = 8, 128
_RESERVED_USERS = ("admin", "none", "public", "rdsadmin", "rds_superuser")
_RESERVED_DATABASES = ("rdsadmin", "template0", "template1")
# Source: Amazon RDS User Guide, "Amazon RDS DB instance storage", read 2026-11: GiB, by storage type.
_STORAGE_GIB = {"gp2": (20, 65_536), "gp3": (20, 65_536), "standard": (5, 3_072)}

Refusal = tuple[str, str]  # AWS's code, and the sentence


def family(version: str) -> str:
    """Return the family of parameter groups that a version takes.

    >>> family("15.18")
    'postgres15'
    """
    return f"postgres{version.partition('.')[0]}"


def of_creation(asked: Mapping[str, Any], version: str) -> Refusal | None:
    """Return why an instance is not created. ``version`` is that of the PostgreSQL here; keys are in snake_case."""
    engine = asked.get("engine")
    if engine != "postgres":
        return "InvalidParameterValue", f"{ONLY_POSTGRES} {engine!r}."
    for name, value in asked.items():
        if value and name not in _TOLD_ONLY | _CARRIED_OUT:
            return "InvalidParameterCombination", _WHY.get(name) or _not_done(name)
    return (
        _of_class(asked.get("db_instance_class"))
        or _of_version(asked.get("engine_version"), version)
        or _of_user(asked)
        or _of_password(asked)
        or _of_name_and_port(asked)
        or _of_storage(asked)
    )


def of_change(asked: Mapping[str, Any]) -> Refusal | None:
    """Return why an instance is not modified."""
    for name, value in asked.items():
        if value and name not in _MODIFIED:
            return "InvalidParameterCombination", _WHY.get(name) or _not_done(name)
    at_once = ("db_instance_class", "allocated_storage")
    if any(asked.get(name) for name in at_once) and not asked.get("apply_immediately"):
        why = "The sandbox has no maintenance window, in which AWS would change this: pass ApplyImmediately=True."
        return "InvalidParameterCombination", why
    if asked.get("db_instance_class"):
        return _of_class(asked["db_instance_class"])
    password = asked.get("master_user_password")
    return _of_password(asked) if password else None


def of_group(name: str, of_family: str | None, version: str) -> Refusal | None:
    """Return why an instance does not take a parameter group; ``of_family`` is ``None`` for one that is not there."""
    fits = family(version)
    if name.lower().startswith("default."):
        of_family = name.lower().removeprefix("default.")
    if of_family is None or of_family == fits:
        return None  # moto says what is not there
    return "InvalidParameterCombination", (
        f"The Parameter Group {name} with DBParameterGroupFamily {of_family} can't be used for this instance. Please use a "
        f"Parameter Group with DBParameterGroupFamily {fits}"
    )


def of_parameters(parameters: list[Mapping[str, Any]]) -> Refusal | None:
    """Return why a parameter group does not take these."""
    for each in parameters:
        name, value = str(each.get("ParameterName") or ""), str(each.get("ParameterValue") or "")
        problem = settings.parameter_problem(name, value)
        if problem:
            return "InvalidParameterValue", problem
        if name in settings.STATIC and each.get("ApplyMethod") == "immediate":
            return "InvalidParameterCombination", "cannot use immediate apply method for static parameter"
    return None


def of_growth(allocated_gib: int, wanted_gib: int, storage_type: str) -> Refusal | None:
    """Return why an instance with so much storage does not get as much as is wanted."""
    if wanted_gib < allocated_gib:
        return "InvalidParameterCombination", (  # UNCONFIRMED: wording
            f"Storage cannot be reduced: the instance has {allocated_gib} GiB, and {wanted_gib} were asked for."
        )
    return _of_storage({"storage_type": storage_type, "allocated_storage": wanted_gib})


def _not_done(name: str) -> str:
    wire = "".join(part.capitalize() for part in name.split("_"))
    return f"The sandbox does not carry out {wire} of a DB instance: leave it out."


def _of_class(instance_class: Any) -> Refusal | None:
    if settings.memory_bytes(str(instance_class or "")):
        return None
    known = "db.t3, db.t4g and the db.m and db.r families from 5 to 8"
    return (
        "InvalidParameterValue",
        f"Invalid DB Instance class: {instance_class}. The sandbox knows {known}.",
    )


def _of_version(wanted: Any, version: str) -> Refusal | None:
    major = version.partition(".")[0]
    if not wanted or str(wanted) in (major, version):
        return None
    return (
        "InvalidParameterCombination",
        f"Cannot find version {wanted} for postgres: this machine has PostgreSQL {version}. Leave EngineVersion out, or "
        f"pass '{major}'.",
    )


def _of_user(asked: Mapping[str, Any]) -> Refusal | None:
    user = str(asked.get("master_username") or "")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", user):
        return "InvalidParameterValue", (
            "The parameter MasterUsername must begin with a letter and have 1 to 63 letters, digits or underscores."
        )
    if user.lower() in _RESERVED_USERS or user.lower().startswith("pg_"):
        why = f"MasterUsername {user} cannot be used as it is a reserved word used by the engine"
        return "InvalidParameterValue", why
    return None


def _of_password(asked: Mapping[str, Any]) -> Refusal | None:
    password = asked.get("master_user_password")
    if asked.get("manage_master_user_password"):
        if password:
            why = "You can't specify MasterUserPassword while ManageMasterUserPassword is set to true."
            return "InvalidParameterCombination", why
        return None
    if not password:
        return (
            "InvalidParameterValue",
            "The parameter MasterUserPassword must be provided and must not be blank.",
        )
    if not _PASSWORD_MIN <= len(password) <= _PASSWORD_MAX:
        rule = f"it must have from {_PASSWORD_MIN} to {_PASSWORD_MAX} characters"
    elif re.search(r'[/@" ]|[^\x20-\x7e]', password):
        rule = "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used"
    else:
        return None
    return "InvalidParameterValue", f"The parameter MasterUserPassword is not a valid password. {rule}."


def _of_name_and_port(asked: Mapping[str, Any]) -> Refusal | None:
    name, port = str(asked.get("db_name") or ""), asked.get("port")
    if name and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        return (
            "InvalidParameterValue",
            "DBName must begin with a letter and contain only alphanumeric characters.",
        )
    if name.lower() in _RESERVED_DATABASES:
        return (
            "InvalidParameterValue",
            f"DBName {name} cannot be used as it is a reserved word used by the engine",
        )
    if port is not None and not _LOWEST_PORT <= int(port) <= _HIGHEST_PORT:
        return (
            "InvalidParameterValue",
            f"Port {port} is not a number from {_LOWEST_PORT} to {_HIGHEST_PORT}.",
        )
    return None


def _of_storage(asked: Mapping[str, Any]) -> Refusal | None:
    kind, size = str(asked.get("storage_type") or "gp2"), asked.get("allocated_storage")
    if kind not in _STORAGE_GIB:
        known = ", ".join(sorted(_STORAGE_GIB))
        return "InvalidParameterValue", f"Invalid storage type: {kind}. The sandbox knows {known}."
    lowest, highest = _STORAGE_GIB[kind]
    if size is not None and not lowest <= int(size) <= highest:
        return "InvalidParameterValue", (
            f"Invalid storage size for engine name postgres and storage type {kind}: {size}. It is from {lowest} to "
            f"{highest} GiB."
        )
    return None
