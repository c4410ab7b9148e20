"""The environment variables of a function: AWS's own, the function's, and nothing of the host's."""

from __future__ import annotations

from datetime import UTC, datetime

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.environments.runtimes.launch import Launch
from lambda_sandbox.resources import FunctionConfiguration

_SYSTEM = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "SHLVL": "0",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",  # the launcher puts the one that is listened on in its place
}
# Without a root folder of its own a function takes the host's libraries; AWS's paths would point nowhere.
_BARE = {
    name: _SYSTEM[name]
    for name in ("LANG", "TZ", "SHLVL", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS")
}
_ON_DEMAND = "on-demand"


def variables(
    function: FunctionConfiguration,
    log_stream: str,
    *,
    task: str = "/var/task",
    runtime: str = "/var/runtime",
    layers: str = "/opt",
    bare: bool = False,
    launch: Launch | None = None,
    initialization_type: str = _ON_DEMAND,
) -> dict[str, str]:
    """Return what the function finds in its environment. The launcher adds the two addresses.

    ``bare`` is for environments without isolation, where paths are the host's. ``launch`` brings the runtime's own
    variables. ``initialization_type`` is ``on-demand``, ``provisioned-concurrency`` or ``snap-start``.

    Source: AWS Lambda Developer Guide, "Defined runtime environment variables", read 2026-11.
    """
    values = _bare(task, layers) if bare else dict(_SYSTEM)
    launch = launch or Launch()
    values.update(_of_runtime(function, launch, runtime, layers, bare))
    if launch.libraries:
        values["LD_LIBRARY_PATH"] = f"{launch.libraries}:{values['LD_LIBRARY_PATH']}"
    values.update(function.environment)
    values.update(
        {
            "_HANDLER": function.handler,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            # DIFFERS: the credentials in a function's environment are dummies unless ``--enforce-iam`` is on: the access key is the account's
            # id, which is how the sandbox tells accounts apart, and they never expire.
            "AWS_ACCESS_KEY_ID": function.account_id,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_SESSION_TOKEN": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_TASK_ROOT": task,
            "LAMBDA_RUNTIME_DIR": runtime,
        }
    )
    if launch.import_path:
        own = [entry for entry in values.get("PYTHONPATH", "").split(":") if entry not in ("", runtime)]
        values["PYTHONPATH"] = ":".join([*own, *launch.import_path])
    if function.log_format.upper() == "JSON":
        values["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        values["AWS_LAMBDA_LOG_LEVEL"] = function.application_log_level or "INFO"
    return values


def starting(launch: Launch) -> dict[str, str]:
    """Return what a program has that starts before it is known for which function."""
    return {**_SYSTEM, **launch.variables}


def _bare(task: str, layers: str) -> dict[str, str]:
    """Return AWS's paths as far as they exist on the host: the layers' programs and libraries, and the code's."""
    return _BARE | {
        "PATH": f"/usr/local/bin:/usr/bin:/bin:{layers}/bin",
        "LD_LIBRARY_PATH": f"{task}:{task}/lib:{layers}/lib",
    }


def _of_runtime(
    function: FunctionConfiguration, launch: Launch, runtime: str, layers: str, bare: bool
) -> dict[str, str]:
    values = dict(launch.variables)
    identifier = runtime_identifiers.find(function.runtime)
    if identifier is None or not identifier.os_only:
        values["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"  # AWS: not set in OS-only runtimes
    if function.runtime.startswith("python"):
        if not launch.import_path:
            values["LAMBDA_SANDBOX_LAYERS"] = layers
        if not bare:
            values["PYTHONPATH"] = runtime
    return values


def default_log_stream(function: FunctionConfiguration, environment_id: str) -> str:
    """Return AWS's name of a log stream: the day, the version, the environment."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{environment_id}"
