"""What a request for the Lambda API needs permission for.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda", read 2026-11.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_RENAMED = {
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
    "GetLayerVersionByArn": "GetLayerVersion",
}
_FUNCTION = re.compile(
    r"(?:arn:[^:]+:lambda:)?(?:(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[^:]+)(?::(?P<qualifier>.+))?"
)
# Operations whose permissions name no resource.
_WHOLE_ACCOUNT = frozenset(
    {
        "ListFunctions",
        "ListLayers",
        "ListEventSourceMappings",
        "ListCodeSigningConfigs",
        "ListCapacityProviders",
        "GetAccountSettings",
        "CreateEventSourceMapping",
        "CreateCodeSigningConfig",
    }
)
_EMPTY: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """One permission that a request needs. ``context`` holds its condition keys in lower case."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)

    @property
    def account_id(self) -> str:
        """The account that the resource belongs to, empty where the ARN does not say."""
        parts = self.resource.split(":", 5)
        return parts[4] if len(parts) == 6 else ""


def asked(
    operation: str,
    labels: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes,
    account_id: str,
    region: str,
) -> Iterator[Asked]:
    """Yield every permission that an operation needs; ``labels`` are the decoded parts of its path."""
    members = _members(body) if operation in _BODIES else {}
    here = f"arn:aws:lambda:{region}:{account_id}"
    action = f"lambda:{_RENAMED.get(operation, operation)}"
    yield Asked(
        action, _resource(operation, {**members, **labels}, query, here), _context(operation, members, here)
    )
    role = members.get("Role")
    if isinstance(role, str):
        yield Asked("iam:PassRole", role, {"iam:passedtoservice": ("lambda.amazonaws.com",)})
    for layer in members.get("Layers") or ():
        yield Asked("lambda:GetLayerVersion", str(layer))


_BODIES = frozenset(
    {
        "CreateFunction",
        "UpdateFunctionConfiguration",
        "CreateEventSourceMapping",
        "UpdateEventSourceMapping",
        "AddPermission",
    }
)


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except ValueError:  # the gateway says so afterwards
        return {}
    return members if isinstance(members, dict) else {}


def _resource(operation: str, members: Mapping[str, Any], query: Mapping[str, str], here: str) -> str:
    if operation in _WHOLE_ACCOUNT:
        return "*"
    if operation == "GetLayerVersionByArn":
        return query.get("Arn", "*")
    for name in ("Resource", "ResourceArn", "CodeSigningConfigArn", "DurableExecutionArn"):
        if name in members:
            return str(members[name])
    if "CallbackId" in members:
        return _called_back(str(members["CallbackId"]))
    if "LayerName" in members:
        return _layer(members, here)
    if "UUID" in members:
        return f"{here}:event-source-mapping:{members['UUID']}"
    if "CapacityProviderName" in members:
        return f"{here}:capacity-provider:{str(members['CapacityProviderName']).rpartition(':')[2]}"
    if "FunctionName" in members:
        return function_arn(str(members["FunctionName"]), query.get("Qualifier", ""), here)
    return "*"


def _called_back(callback_id: str) -> str:
    """Return the ARN of the execution that a callback id belongs to: such an id begins with it."""
    try:
        arn = base64.b64decode(callback_id, validate=True).decode().partition("\0")[0]
    except ValueError:  # the operation says so afterwards
        return "*"
    return arn if arn.startswith("arn:") else "*"


def function_arn(name: str, qualifier: str, here: str) -> str:
    """Return the ARN that a function's name and a qualifier mean for a caller whose ARNs begin with ``here``."""
    found = _FUNCTION.fullmatch(name)
    if found is None:
        return f"{here}:function:{name}"
    _, _, _, region, account = here.split(":")
    arn = f"arn:aws:lambda:{found['region'] or region}:{found['account'] or account}:function:{found['name']}"
    wanted = qualifier or found["qualifier"]
    return f"{arn}:{wanted}" if wanted else arn


def _layer(members: Mapping[str, Any], here: str) -> str:
    name = str(members["LayerName"])
    arn = name if name.startswith("arn:") else f"{here}:layer:{name}"
    return f"{arn}:{members['VersionNumber']}" if "VersionNumber" in members else arn


def _context(operation: str, members: Mapping[str, Any], here: str) -> Mapping[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    if operation.endswith("EventSourceMapping") and "FunctionName" in members:
        context["lambda:functionarn"] = (function_arn(str(members["FunctionName"]), "", here),)
    if operation == "AddPermission" and "Principal" in members:
        context["lambda:principal"] = (str(members["Principal"]),)
    if isinstance(members.get("Layers"), list):
        context["lambda:layer"] = tuple(str(each) for each in members["Layers"])
    return context
