"""What CloudFront asks of a function before it takes it to the edge.

Sources: Amazon CloudFront Developer Guide, "Restrictions on Lambda@Edge", "Restrictions on all edge functions" and
"Quotas on Lambda@Edge", read 2026-11.

POLICY: of the limits of Lambda@Edge, which differ from page to page of AWS's guides, the newest hold: a timeout of 30 s and a package
of 50 MB at all four events, and 128 MB of memory at viewer events. The wording of a refusal is ours where AWS publishes none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_ARN = re.compile(r"arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([A-Za-z0-9_-]+)(?::(.+))?")
EVENTS = ("viewer-request", "origin-request", "origin-response", "viewer-response")
MEMORY_VIEWER_MB = 128
TIMEOUT_S = 30
PACKAGE_BYTES = 50 * 1024 * 1024
STORAGE_MB = 512
_FORBIDDEN: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("environment variables", lambda function: (function.get("Environment") or {}).get("Variables")),
    ("layers", lambda function: function.get("Layers")),
    ("a VPC configuration", lambda function: (function.get("VpcConfig") or {}).get("SubnetIds")),
    ("a dead-letter queue", lambda function: (function.get("DeadLetterConfig") or {}).get("TargetArn")),
    ("X-Ray tracing", lambda function: (function.get("TracingConfig") or {}).get("Mode") == "Active"),
    ("a container image", lambda function: function.get("PackageType") == "Image"),
    ("the arm64 architecture", lambda function: "arm64" in (function.get("Architectures") or [])),
    (
        f"more than {STORAGE_MB} MB of ephemeral storage",
        lambda function: (function.get("EphemeralStorage") or {}).get("Size", STORAGE_MB) > STORAGE_MB,
    ),
)

# ``look_up(function_name, version)`` returns the configuration, or ``None`` when there is no such version; the members
# ReservedConcurrentExecutions and AllocatedProvisionedConcurrentExecutions are added where they are set.
LookUp = Callable[[str, str], Mapping[str, Any] | None]


def refusal(association: Mapping[str, Any], account_id: str, look_up: LookUp) -> str:
    """Return AWS's reason against one ``LambdaFunctionAssociation``, empty when there is none."""
    arn, event = str(association.get("LambdaFunctionARN", "")), str(association.get("EventType", ""))
    if event not in EVENTS:
        return f"The event type {event!r} is none of {', '.join(EVENTS)}. ARN: {arn}"
    if _yes(association.get("IncludeBody")) and event.endswith("response"):
        return f"IncludeBody is for request events only, and this is {event}. ARN: {arn}"
    named = _ARN.fullmatch(arn)
    if named is None:
        return f"The function ARN is not valid. ARN: {arn}"
    region, owner, name, version = named.groups()
    if region != "us-east-1":
        return f"The function must be in region 'us-east-1'. ARN: {arn}"
    if version is None or not version.isdigit():
        return (
            "The function ARN must reference a specific function version. "
            f"(The ARN must end with the version number.) ARN: {arn}"
        )
    if owner != account_id:
        return f"The function must belong to the account of the distribution, {account_id}. ARN: {arn}"
    function = look_up(name, version)
    if function is None:
        return f"The function cannot be found. ARN: {arn}"
    return _of_function(function, event, arn)


def _of_function(function: Mapping[str, Any], event: str, arn: str) -> str:
    runtime = str(function.get("Runtime") or "")
    for what, has in _FORBIDDEN:
        if has(function):
            return f"The function cannot have {what}. Function: {arn}"
    for member, what in (
        ("ReservedConcurrentExecutions", "reserved"),
        ("AllocatedProvisionedConcurrentExecutions", "provisioned"),
    ):
        if function.get(member):
            return f"The function cannot have {what} concurrency. Function: {arn}"
    if not runtime.startswith(("nodejs", "python")):
        return f"The function runtime is not supported at the edge, only Node.js and Python are: {runtime}. Function: {arn}"
    memory, timeout = int(function["MemorySize"]), int(function["Timeout"])
    if event.startswith("viewer") and memory > MEMORY_VIEWER_MB:
        return _larger("memory size", memory, MEMORY_VIEWER_MB, arn)
    if timeout > TIMEOUT_S:
        return _larger("timeout", timeout, TIMEOUT_S, arn)
    if int(function.get("CodeSize", 0)) > PACKAGE_BYTES:
        return _larger("code size", int(function["CodeSize"]), PACKAGE_BYTES, arn)
    return ""


def refusal_of_combination(
    functions: Sequence[Mapping[str, Any]], lambdas: Sequence[Mapping[str, Any]]
) -> str:
    """Return why the functions of one cache behaviour cannot be together, empty when they can."""
    events = [str(each.get("EventType")) for each in (*functions, *lambdas)]
    twice = next((event for event in events if events.count(event) > 1), "")
    if twice:
        return f"A cache behavior can have one function for the event type {twice}."
    at_viewer = [
        str(each.get("EventType")) for each in lambdas if str(each.get("EventType")).startswith("viewer")
    ]
    if functions and at_viewer:
        return "A cache behavior cannot combine CloudFront Functions with Lambda@Edge in viewer events."
    return ""


def _larger(what: str, is_: int, allowed: int, arn: str) -> str:
    return (
        f"The function {what} is larger than the maximum allowed for functions that are triggered by a CloudFront event: "
        f"{is_} Max allowed: {allowed} Function: {arn}"
    )


def _yes(value: Any) -> bool:
    return str(value).lower() == "true"
