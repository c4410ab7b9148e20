"""A function's configuration: read from a request, held to the quotas, and written in AWS's casing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from lambda_sandbox import quotas, runtime_identifiers
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    ValidationException,
)
from lambda_sandbox.resources import FunctionConfiguration

# What the sandbox starts. The model knows more; those are refused by name.
RUNTIMES = runtime_identifiers.NAMES
_ENVIRONMENT_FAULT = "Lambda was unable to configure your environment variables because the environment variables you have provided"


def changes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a create or update request sets, checked. Absent members change nothing.

    Raises ``InvalidParameterValueException`` with AWS's texts.
    """
    return {
        field: read(params[member])
        for member, (field, read) in _READERS.items()
        if params.get(member) is not None
    } | _logging(params.get("LoggingConfig") or {})


def check_name(name: str) -> None:
    """Refuse a function name over 64 characters; the model's limit of 140 is the ARN's."""
    if len(name) > quotas.FUNCTION_NAME_CHARS:
        raise ValidationException(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {quotas.FUNCTION_NAME_CHARS}"
        )


def iso_time(seconds: float) -> str:
    """Return AWS's text for ``LastModified``.

    >>> iso_time(1700000000.25)
    '2023-11-14T22:13:20.250+0000'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def to_wire(function: FunctionConfiguration, qualified: bool = False, states: bool = True) -> dict[str, Any]:
    """Return AWS's ``FunctionConfiguration``. Lists leave the states out, so ``states`` is False there."""
    wire: dict[str, Any] = {
        "FunctionName": function.function_name,
        "FunctionArn": function.qualified_arn if qualified else function.arn,
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size,
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mb,
        "LastModified": function.last_modified,
        "CodeSha256": function.code_sha256,
        "Version": function.version,
        "TracingConfig": {"Mode": function.tracing_mode},
        "RevisionId": function.revision_id,
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": function.log_format, "LogGroup": function.log_group_name},
    }
    if function.environment:
        wire["Environment"] = {"Variables": dict(function.environment)}
    if states:
        wire |= {"State": function.state, "LastUpdateStatus": function.last_update_status}
    return wire


def while_creating(function: FunctionConfiguration) -> dict[str, Any]:
    """Return the answer of CreateFunction: AWS shows the function as pending, whatever comes next."""
    wire = to_wire(function)
    del wire["LastUpdateStatus"]
    pending = {
        "State": "Pending",
        "StateReasonCode": "Creating",
        "StateReason": "The function is being created.",
    }
    return wire | pending


def while_updating(function: FunctionConfiguration) -> dict[str, Any]:
    """Return the answer of an update, which AWS shows as in progress."""
    return to_wire(function) | {
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReasonCode": "Creating",
        "LastUpdateStatusReason": "The function is being created.",
    }


def _at_most(member: str, limit: int) -> Callable[[int], int]:
    """AWS: the model's maximum is that of Managed Instances; the service holds functions to the lower quota."""

    def read(value: int) -> int:
        if value > limit:
            raise InvalidParameterValueException(
                f"'{member}' value failed to satisfy constraint: Member must have value less than or equal to {limit}"
            )
        return value

    return read


def _environment(given: Mapping[str, Any]) -> Mapping[str, str]:
    variables: dict[str, str] = dict(given.get("Variables") or {})
    reserved = sorted(quotas.RESERVED_ENVIRONMENT_VARIABLES.intersection(variables))
    if reserved:
        raise InvalidParameterValueException(
            f"{_ENVIRONMENT_FAULT} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > quotas.ENVIRONMENT_VARIABLES_BYTES:
        raise InvalidParameterValueException(
            f"{_ENVIRONMENT_FAULT} exceeded the 4KB limit. String measured: {text}"
        )
    if any("\0" in value for value in variables.values()):
        # POLICY: no process can be given such a value; refuse it here, where the caller sees it.
        raise InvalidParameterValueException(f"{_ENVIRONMENT_FAULT} contains a NUL character.")
    return MappingProxyType(variables)


def _logging(given: Mapping[str, Any]) -> dict[str, Any]:
    members = {"LogFormat": "log_format", "LogGroup": "log_group"}
    return {field: given[member] for member, field in members.items() if given.get(member) is not None}


def _storage(given: Mapping[str, Any]) -> int:
    return _at_most("EphemeralStorage", quotas.EPHEMERAL_STORAGE_MB_MAX)(given["Size"])


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Runtime": ("runtime", str),
    "Handler": ("handler", str),
    "Role": ("role", str),
    "Description": ("description", str),
    "Timeout": ("timeout_s", _at_most("Timeout", quotas.TIMEOUT_S_MAX)),
    "MemorySize": ("memory_mb", _at_most("MemorySize", quotas.MEMORY_MB_MAX)),
    "Environment": ("environment", _environment),
    "EphemeralStorage": ("ephemeral_storage_mb", _storage),
    "Architectures": ("architecture", lambda names: names[0]),
    "TracingConfig": ("tracing_mode", lambda given: given.get("Mode", "PassThrough")),
}
