"""What a request for Amazon RDS needs permission for.

DIFFERS: CreateDBInstance needs permission for what the request names. AWS also wants it for the default groups that an instance gets
where none is named (``pg:default…``, ``og:default…``, ``subgrp:default``), and with ManageMasterUserPassword for the secret.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS", and Amazon RDS User Guide,
"Grant permission to tag Amazon RDS resources during creation", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lambda_sandbox.iam.lambda_requests import Asked

# Members that name a resource, and its type as ARNs have it.
_TYPES = {
    "DBInstanceIdentifier": "db",
    "SourceDBInstanceIdentifier": "db",
    "DBClusterIdentifier": "cluster",
    "DBSnapshotIdentifier": "snapshot",
    "DBParameterGroupName": "pg",
    "DBSubnetGroupName": "subgrp",
    "DBSecurityGroupName": "secgrp",
    "OptionGroupName": "og",
}
# What these read where the request names none. AWS: a list is asked for as db:*, not as *.
_LISTS = {
    "DescribeDBInstances": "db",
    "DescribeDBClusters": "cluster",
    "DescribeDBSnapshots": "snapshot",
    "DescribeDBParameterGroups": "pg",
    "DescribeDBSubnetGroups": "subgrp",
    "DescribeDBSecurityGroups": "secgrp",
    "DescribeOptionGroups": "og",
}
_CONDITION_KEYS = {
    "Engine": "rds:databaseengine",
    "DBInstanceClass": "rds:databaseclass",
    "DBName": "rds:databasename",
}
_TAG = re.compile(r"(?:Tags\.(?:Tag|member)\.(\d+)\.Key|TagKeys\.member\.\d+)")


def asked(operation: str, members: Mapping[str, Any], here: str) -> Iterator[Asked]:
    """Yield the permissions that an operation needs; ``members`` are those of the form, ``here`` how an ARN begins."""
    tags = _tags(members)
    context = {key: (str(members[name]),) for name, key in _CONDITION_KEYS.items() if members.get(name)}
    resources = _resources(operation, members, here)
    for resource in resources:
        yield Asked(f"rds:{operation}", resource, {**context, **tags})
    if tags and operation.startswith("Create"):
        yield Asked("rds:AddTagsToResource", resources[0], tags)


def _resources(operation: str, members: Mapping[str, Any], here: str) -> list[str]:
    if members.get("ResourceName"):
        return [str(members["ResourceName"])]
    found = [_arn(str(members[name]), kind, here) for name, kind in _TYPES.items() if members.get(name)]
    if found:
        return found
    return [f"{here}:{_LISTS[operation]}:*" if operation in _LISTS else "*"]


def _arn(name: str, kind: str, here: str) -> str:
    return name if name.startswith("arn:") else f"{here}:{kind}:{name.lower()}"


def _tags(members: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that tell of the request's tags."""
    context: dict[str, tuple[str, ...]] = {}
    keys = []
    for name, value in members.items():
        found = _TAG.fullmatch(name)
        if found is None:
            continue
        keys.append(str(value))
        if found[1]:
            said = (str(members.get(name.removesuffix("Key") + "Value", "")),)
            context[f"aws:requesttag/{value}".lower()] = said
            context[f"rds:req-tag/{value}".lower()] = said
    if keys:
        context["aws:tagkeys"] = tuple(keys)
    return context
