"""What members of a function's configuration demand of each other, checked on the whole before it is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_sandbox import quotas, runtime_identifiers
from lambda_sandbox.control_plane.function_configuration import log_level_without_json
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import FunctionConfiguration

_DURABLE_RETENTION_DAYS = 14  # Source: AWS Lambda API Reference, "DurableConfig", read 2026-11
# POLICY: a ``DurableConfig`` without an ``ExecutionTimeout`` gets one day; AWS documents no default.
_DURABLE_TIMEOUT_S = 86_400
# Source: AWS SAM Developer Guide, "AcceleratorConfig", read 2026-11
_ACCELERATOR_GB = (3, 6, 12, 16, 24, 48)
# Source: AWS Lambda Developer Guide, "Improving startup performance with Lambda SnapStart", read 2026-11.
_SNAP_START_SINCE = {"python": (3, 12), "java": (11,), "dotnet": (8,)}


def settled(function: FunctionConfiguration) -> FunctionConfiguration:
    """Return the configuration with the defaults that depend on other members, after all rules.

    Raises ``InvalidParameterValueException``.
    """
    for rule in (_package, _limits, _vpc, _file_systems, _snap_start, _logging, _accelerator):
        rule(function)
    return replace(function, **_defaults(function))


def _defaults(function: FunctionConfiguration) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if function.log_format == "JSON":
        fields["application_log_level"] = function.application_log_level or "INFO"
        fields["system_log_level"] = function.system_log_level or "INFO"
    if function.durable_timeout_s is not None or function.durable_retention_days is not None:
        fields["durable_timeout_s"] = function.durable_timeout_s or _DURABLE_TIMEOUT_S
        fields["durable_retention_days"] = function.durable_retention_days or _DURABLE_RETENTION_DAYS
    return fields


def _package(function: FunctionConfiguration) -> None:
    if function.package_type == "Image":
        if function.runtime or function.handler or function.layers:
            raise InvalidParameterValueException(
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            )
    elif not function.runtime or not function.handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    elif function.image_config is not None:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            "Please don't provide ImageConfig when the intended function PackageType is Zip."
        )


def _limits(function: FunctionConfiguration) -> None:
    """AWS: the model's maximum is that of Managed Instances; the service holds other functions to the lower quota."""
    if function.capacity_provider is not None:
        return
    for member, value, limit in (
        ("Timeout", function.timeout_s, quotas.TIMEOUT_S_MAX),
        ("MemorySize", function.memory_mb, quotas.MEMORY_MB_MAX),
        ("EphemeralStorage", function.ephemeral_storage_mb, quotas.EPHEMERAL_STORAGE_MB_MAX),
    ):
        if value > limit:
            raise InvalidParameterValueException(
                f"'{member}' value failed to satisfy constraint: Member must have value less than or equal to {limit}"
            )


def _vpc(function: FunctionConfiguration) -> None:
    if bool(function.subnet_ids) != bool(function.security_group_ids):
        raise InvalidParameterValueException("SubnetIds and SecurityIds must coexist or be both empty list.")


def _file_systems(function: FunctionConfiguration) -> None:
    if function.file_systems and not function.subnet_ids:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            "Function must be configured to execute in a VPC to reference access point "
            f"{function.file_systems[0].arn}."
        )


def _snap_start(function: FunctionConfiguration) -> None:
    if function.snap_start == "None":
        return
    if function.package_type == "Zip" and not _takes_snapshots(function.runtime):
        raise InvalidParameterValueException(
            f"{function.runtime} is not supported for SnapStart enabled functions."
        )
    if function.ephemeral_storage_mb > quotas.EPHEMERAL_STORAGE_MB_MIN:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException("SnapStart supports at most 512 MB of ephemeral storage.")
    if function.tenant_isolation:
        # UNCONFIRMED: wording. Source: AWS Lambda Developer Guide, "Tenant isolation", read 2026-11.
        raise InvalidParameterValueException(
            "SnapStart is not supported for functions with tenant isolation."
        )
    if function.file_systems:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException("SnapStart does not support file systems.")


def _takes_snapshots(runtime: str) -> bool:
    known = runtime_identifiers.find(runtime)
    since = _SNAP_START_SINCE.get(known.language) if known else None
    if known is None or since is None:
        return False
    return tuple(int(part) for part in known.version.split(".")) >= since


def _logging(function: FunctionConfiguration) -> None:
    if function.log_format == "Text" and (function.application_log_level or function.system_log_level):
        raise log_level_without_json()


def _accelerator(function: FunctionConfiguration) -> None:
    memory_gb = function.accelerator_memory_gb
    if memory_gb is None:
        return
    if memory_gb not in _ACCELERATOR_GB:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            f"AcceleratorMemorySize must be one of {', '.join(map(str, _ACCELERATOR_GB))}."
        )
    suits = function.package_type == "Image" and function.architecture == "x86_64"
    if function.capacity_provider is None or not suits:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            "AcceleratorConfig is supported only for x86_64 container images on a capacity provider."
        )
