"""A function's configuration, read from a request: one reader a member, each holding its value to the quotas."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from lambda_sandbox import quotas, runtime_identifiers
from lambda_sandbox.errors import InvalidParameterValueException, NotImplementedException
from lambda_sandbox.resources import CapacityProviderUse, FileSystem, ImageConfig

_ENVIRONMENT_FAULT = "Lambda was unable to configure your environment variables because the environment variables you have provided"
# Identifiers that AWS takes for no new function any more. Source: AWS Lambda Developer Guide, "Lambda runtimes", table of
# deprecated runtimes, read 2026-11. The newer deprecated ones are blocked on 2027-02-01 only.
_BLOCKED = {
    "nodejs": ("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x"),
    "python": ("python2.7", "python3.6", "python3.7"),
    "ruby": ("ruby2.5", "ruby2.7"),
    "java": ("java8",),
    "dotnet": ("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1"),
    "provided": ("provided", "go1.x"),
}  # fmt: skip
_LANGUAGE_OF_BLOCKED = {name: language for language, names in _BLOCKED.items() for name in names}


def changes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a create or update request sets, checked. Absent members change nothing.

    ``Layers`` is left out: whoever calls looks them up. Raises ``InvalidParameterValueException`` with AWS's texts.
    """
    fields: dict[str, Any] = {}
    for member, read in _READERS.items():
        if params.get(member) is not None:
            fields |= read(params[member])
    return fields


def iso_time(seconds: float) -> str:
    """Return AWS's text for ``LastModified``.

    >>> iso_time(1700000000.25)
    '2023-11-14T22:13:20.250+0000'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


Reader = Callable[[Any], dict[str, Any]]


def _as(field: str) -> Reader:
    return lambda value: {field: value}


def _runtime(name: str) -> dict[str, Any]:
    if runtime_identifiers.find(name) is not None:
        return {"runtime": name}
    language = _LANGUAGE_OF_BLOCKED.get(name)
    if language is None:
        raise NotImplementedException(
            f"Runtime={name} is not emulated by this sandbox yet (it runs {', '.join(runtime_identifiers.NAMES)}); "
            "see the API parity page."
        )
    newest = [each.name for each in runtime_identifiers.RUNTIMES if each.language == language][-1]
    raise InvalidParameterValueException(
        f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions. We "
        f"recommend you use the new runtime ({newest}) while creating or updating functions."
    )


def _architectures(names: Sequence[str]) -> dict[str, Any]:
    return {"architecture": names[0]}


def _environment(given: Mapping[str, Any]) -> dict[str, Any]:
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
        # POLICY: an environment variable with a NUL character is refused when it is set, since no process can be given one.
        raise InvalidParameterValueException(f"{_ENVIRONMENT_FAULT} contains a NUL character.")
    return {"environment": MappingProxyType(variables)}


def _logging(given: Mapping[str, Any]) -> dict[str, Any]:
    """AWS: levels belong to JSON; turning to text forgets them, turning to JSON sets both to INFO."""
    members = {
        "LogFormat": "log_format",
        "LogGroup": "log_group",
        "ApplicationLogLevel": "application_log_level",
        "SystemLogLevel": "system_log_level",
    }
    fields = {field: given[member] for member, field in members.items() if given.get(member) is not None}
    if fields.get("log_format") == "Text":
        if fields.keys() & {"application_log_level", "system_log_level"}:
            raise log_level_without_json()
        fields |= {"application_log_level": None, "system_log_level": None}
    return fields


def log_level_without_json() -> InvalidParameterValueException:
    """The refusal of a log level where the format is text."""
    return InvalidParameterValueException(
        'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
        'LogFormat to "Json" and try again.'
    )


def _storage(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"ephemeral_storage_mb": given["Size"]}


def _vpc(given: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for member, field in (("SubnetIds", "subnet_ids"), ("SecurityGroupIds", "security_group_ids")):
        if given.get(member) is not None:
            fields[field] = tuple(given[member])
    if given.get("Ipv6AllowedForDualStack") is not None:
        fields["vpc_ipv6"] = given["Ipv6AllowedForDualStack"]
    return fields


def _dead_letter(given: Mapping[str, Any]) -> dict[str, Any]:
    """An empty target switches the queue off. Source: Developer Guide, "Adding a dead-letter queue": standard ones only."""
    arn = given.get("TargetArn") or ""
    parts = arn.split(":")
    if arn and (len(parts) < 6 or parts[2] not in ("sqs", "sns")):
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            f"The provided dead letter target {arn} is neither an SQS queue nor an SNS topic."
        )
    if arn.endswith(".fifo"):
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(f"FIFO queues and topics cannot be dead letter targets: {arn}")
    return {"dead_letter_target_arn": arn}


def _file_systems(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "file_systems": tuple(
            FileSystem(
                each["Arn"],
                each["LocalMountPath"],
                (each.get("S3FilesConfig") or {}).get("DirectS3Read") or "",
            )
            for each in given
        )
    }


def _image(given: Mapping[str, Any]) -> dict[str, Any]:
    config = ImageConfig(
        entry_point=tuple(given.get("EntryPoint") or ()),
        command=tuple(given.get("Command") or ()),
        working_directory=given.get("WorkingDirectory") or "",
    )
    return {"image_config": None if config == ImageConfig() else config}


def _snap_start(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"snap_start": given.get("ApplyOn") or "None"}


def _tracing(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"tracing_mode": given.get("Mode") or "PassThrough"}


def _tenancy(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"tenant_isolation": given["TenantIsolationMode"] == "PER_TENANT"}


def _capacity(given: Mapping[str, Any]) -> dict[str, Any]:
    managed = given["LambdaManagedInstancesCapacityProviderConfig"]
    return {
        "capacity_provider": CapacityProviderUse(
            managed["CapacityProviderArn"],
            managed.get("PerExecutionEnvironmentMaxConcurrency"),
            managed.get("ExecutionEnvironmentMemoryGiBPerVCpu"),
        )
    }


def _accelerator(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"accelerator_memory_gb": given["AcceleratorMemorySize"]}


def _durable(given: Mapping[str, Any]) -> dict[str, Any]:
    members = {
        "ExecutionTimeout": "durable_timeout_s",
        "RetentionPeriodInDays": "durable_retention_days",
        "KMSKeyArn": "durable_kms_key_arn",
    }
    return {field: given[member] for member, field in members.items() if given.get(member) is not None}


# In the order of AWS's own checks, as far as it is known: what is wrong first is named first.
_READERS: dict[str, Reader] = {
    "PackageType": _as("package_type"),
    "Runtime": _runtime,
    "Handler": _as("handler"),
    "Role": _as("role"),
    "Description": _as("description"),
    "Timeout": _as("timeout_s"),
    "MemorySize": _as("memory_mb"),
    "Environment": _environment,
    "EphemeralStorage": _storage,
    "Architectures": _architectures,
    "TracingConfig": _tracing,
    "VpcConfig": _vpc,
    "DeadLetterConfig": _dead_letter,
    "FileSystemConfigs": _file_systems,
    "ImageConfig": _image,
    "SnapStart": _snap_start,
    "LoggingConfig": _logging,
    "TenancyConfig": _tenancy,
    "CapacityProviderConfig": _capacity,
    "AcceleratorConfig": _accelerator,
    "DurableConfig": _durable,
}
