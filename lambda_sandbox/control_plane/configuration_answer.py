"""A version of a function, written as AWS's ``FunctionConfiguration``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from lambda_sandbox.control_plane.snapshot_states import PENDING, READY, SnapshotStatus
from lambda_sandbox.resources import LATEST, FunctionConfiguration

_PENDING = {
    "State": "Pending",
    "StateReasonCode": "Creating",
    "StateReason": "The function is being created.",
}
_UPDATING = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReasonCode": "Creating",
    "LastUpdateStatusReason": "The function is being created.",
}


def to_wire(
    function: FunctionConfiguration,
    now: float,
    qualifier: str | None = None,
    snapshot: SnapshotStatus = READY,
) -> dict[str, Any]:
    """Return AWS's ``FunctionConfiguration`` at ``now``; with ``qualifier``, under the ARN that ends in it."""
    return _alone(function, qualifier, snapshot) | _states(function, now, snapshot)


def while_creating(function: FunctionConfiguration, qualifier: str | None = None) -> dict[str, Any]:
    """Return the answer of CreateFunction: AWS shows the function as pending, however soon it is ready."""
    return _alone(function, qualifier, PENDING) | _PENDING


def while_updating(
    function: FunctionConfiguration, qualifier: str | None = None, snapshot: SnapshotStatus = READY
) -> dict[str, Any]:
    """Return the answer of an update, which AWS shows as in progress; of a version that it publishes, as pending."""
    if snapshot == PENDING:
        return while_creating(function, qualifier)
    return _alone(function, qualifier, snapshot) | {"State": function.state} | _UPDATING


def in_list(
    function: FunctionConfiguration, qualifier: str | None = None, snapshot: SnapshotStatus = READY
) -> dict[str, Any]:
    """Return AWS's ``FunctionConfiguration`` without the states and the runtime's version, which lists leave out."""
    wire: dict[str, Any] = {
        "FunctionName": function.function_name,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "Role": function.role,
        "CodeSize": function.code_size,
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mb,
        "LastModified": function.last_modified,
        "CodeSha256": function.code_sha256,
        "Version": function.version,
        "TracingConfig": {"Mode": function.tracing_mode},
        "RevisionId": function.revision_id,
        "PackageType": function.package_type,
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
        "SnapStart": _snap_start(function, snapshot),
        "LoggingConfig": _logging(function),
    }
    wire.update(_optional(function))
    return wire


def _alone(
    function: FunctionConfiguration, qualifier: str | None, snapshot: SnapshotStatus
) -> dict[str, Any]:
    wire = in_list(function, qualifier, snapshot)
    if function.runtime:
        wire["RuntimeVersionConfig"] = {"RuntimeVersionArn": runtime_version_arn(function)}
    return wire


def runtime_version_arn(function: FunctionConfiguration) -> str:
    """Return the ARN of the runtime version that a zip function runs on; empty for an image.

    DIFFERS: ``RuntimeVersionArn`` is the same for ever here: one made-up ARN for each runtime. On AWS each patch of a runtime has its
    own.
    """
    if not function.runtime:
        return ""
    if function.runtime_version_arn:
        return function.runtime_version_arn
    digest = hashlib.sha256(function.runtime.encode()).hexdigest()
    return f"arn:aws:lambda:{function.region}::runtime:{digest}"


def _optional(function: FunctionConfiguration) -> Iterator[tuple[str, Any]]:
    """Yield what AWS leaves out where it was never set."""
    if function.runtime:
        yield "Runtime", function.runtime
        yield "Handler", function.handler
    if function.environment:
        yield "Environment", {"Variables": dict(function.environment)}
    if function.subnet_ids:
        yield "VpcConfig", _vpc(function)
    if function.dead_letter_target_arn:
        yield "DeadLetterConfig", {"TargetArn": function.dead_letter_target_arn}
    if function.layers:
        yield "Layers", [_without_empty(_layer(each)) for each in function.layers]
    if function.file_systems:
        yield "FileSystemConfigs", [_file_system(each) for each in function.file_systems]
    if function.image_config is not None:
        yield "ImageConfigResponse", {"ImageConfig": _image(function)}
    yield from _rare(function)


def _rare(function: FunctionConfiguration) -> Iterator[tuple[str, Any]]:
    if function.signing_job_arn:
        yield "SigningProfileVersionArn", function.signing_profile_version_arn
        yield "SigningJobArn", function.signing_job_arn
    if function.tenant_isolation:
        yield "TenancyConfig", {"TenantIsolationMode": "PER_TENANT"}
    if function.capacity_provider is not None:
        yield "CapacityProviderConfig", _capacity(function)
    if function.accelerator_memory_gb is not None:
        yield "AcceleratorConfig", {"AcceleratorMemorySize": function.accelerator_memory_gb}
    if function.durable_timeout_s is not None:
        yield (
            "DurableConfig",
            _without_empty(
                {
                    "ExecutionTimeout": function.durable_timeout_s,
                    "RetentionPeriodInDays": function.durable_retention_days,
                    "KMSKeyArn": function.durable_kms_key_arn,
                }
            ),
        )


def _states(function: FunctionConfiguration, now: float, snapshot: SnapshotStatus) -> dict[str, Any]:
    """AWS shows no update status while a function is being created, or the snapshot of a version is."""
    if now < function.pending_until or snapshot == PENDING:
        return _PENDING
    if snapshot.state == "Failed":
        return _failed(snapshot)
    if now < function.updating_until:
        return {"State": function.state, **_UPDATING}
    return {"State": function.state, "LastUpdateStatus": function.last_update_status}


def _failed(snapshot: SnapshotStatus) -> dict[str, Any]:
    """DIFFERS: the ``StateReason`` of a version whose SnapStart init failed names the error in brackets, behind AWS's sentence."""
    code = "FunctionError.InitTimeout" if snapshot.reason == "timeout" else "FunctionError"
    reason = f"An error occurred during function initialization. ({snapshot.reason})"
    return {
        "State": "Failed",
        "StateReasonCode": code,
        "StateReason": reason,
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReasonCode": code,
        "LastUpdateStatusReason": reason,
    }


def _snap_start(function: FunctionConfiguration, snapshot: SnapshotStatus) -> dict[str, str]:
    """AWS: only a published version is ever optimised, once its snapshot is there."""
    optimised = function.snap_start != "None" and function.version != LATEST and snapshot == READY
    return {"ApplyOn": function.snap_start, "OptimizationStatus": "On" if optimised else "Off"}


def _logging(function: FunctionConfiguration) -> dict[str, str]:
    return _without_empty(
        {
            "LogFormat": function.log_format,
            "ApplicationLogLevel": function.application_log_level,
            "SystemLogLevel": function.system_log_level,
            "LogGroup": function.log_group_name,
        }
    )


def _vpc(function: FunctionConfiguration) -> dict[str, Any]:
    """DIFFERS: ``VpcConfig`` in answers has no ``VpcId``: the sandbox does not know which VPC a subnet belongs to."""
    return {
        "SubnetIds": list(function.subnet_ids),
        "SecurityGroupIds": list(function.security_group_ids),
        "Ipv6AllowedForDualStack": function.vpc_ipv6,
    }


def _layer(layer: Any) -> dict[str, Any]:
    return {
        "Arn": layer.arn,
        "CodeSize": layer.code_size,
        "SigningProfileVersionArn": layer.signing_profile_version_arn,
        "SigningJobArn": layer.signing_job_arn,
    }


def _file_system(system: Any) -> dict[str, Any]:
    wire: dict[str, Any] = {"Arn": system.arn, "LocalMountPath": system.local_mount_path}
    return wire | (
        {"S3FilesConfig": {"DirectS3Read": system.direct_s3_read}} if system.direct_s3_read else {}
    )


def _image(function: FunctionConfiguration) -> dict[str, Any]:
    config = function.image_config
    assert config is not None
    return _without_empty(
        {
            "EntryPoint": list(config.entry_point),
            "Command": list(config.command),
            "WorkingDirectory": config.working_directory,
        }
    )


def _capacity(function: FunctionConfiguration) -> dict[str, Any]:
    use = function.capacity_provider
    assert use is not None
    managed = {
        "CapacityProviderArn": use.arn,
        "PerExecutionEnvironmentMaxConcurrency": use.concurrency,
        "ExecutionEnvironmentMemoryGiBPerVCpu": use.memory_gib_per_vcpu,
    }
    return {"LambdaManagedInstancesCapacityProviderConfig": _without_empty(managed)}


def _without_empty(wire: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wire.items() if value not in (None, "", [])}
