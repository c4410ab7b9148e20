"""The environment variables of a function: AWS's own, the function's, and nothing of the host's."""

from __future__ import annotations

from datetime import UTC, datetime

from lambda_sandbox.resources import FunctionConfiguration

_SYSTEM = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PYTHONPATH": "/var/runtime",
    "SHLVL": "0",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
}
# Without a root folder of its own a function takes the host's libraries; AWS's paths would point nowhere.
_BARE = {
    name: _SYSTEM[name]
    for name in ("LANG", "TZ", "SHLVL", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS")
}
_BARE |= {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def variables(
    function: FunctionConfiguration,
    log_stream: str,
    *,
    task: str = "/var/task",
    runtime: str = "/var/runtime",
    layers: str = "/opt",
    bare: bool = False,
) -> dict[str, str]:
    """Return what the function finds in its environment. The launcher adds the two addresses.

    ``bare`` is for environments without isolation, where paths are the host's.

    Source: AWS Lambda Developer Guide, "Defined runtime environment variables", read 2026-11.
    """
    values = dict(_BARE if bare else _SYSTEM)
    values.update(function.environment)
    values.update(
        {
            "_HANDLER": function.handler,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            # DIFFERS: dummies. The access key is the account id, which is how the sandbox tells accounts apart.
            "AWS_ACCESS_KEY_ID": function.account_id,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_SESSION_TOKEN": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_TASK_ROOT": task,
            "LAMBDA_RUNTIME_DIR": runtime,
            "LAMBDA_SANDBOX_LAYERS": layers,
        }
    )
    if function.log_format.upper() == "JSON":
        values["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        values["AWS_LAMBDA_LOG_LEVEL"] = function.application_log_level or "INFO"
    return values


def default_log_stream(function: FunctionConfiguration, environment_id: str) -> str:
    """Return AWS's name of a log stream: the day, the version, the environment."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{environment_id}"
