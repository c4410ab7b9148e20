"""Why an attempt ran where it did: which environment was free, why none was, or which limit said no."""

from __future__ import annotations

from lambda_sandbox import quotas
from lambda_sandbox.invocation.environment import WasIdle
from lambda_sandbox.invocation.messages import InvocationRecord
from lambda_sandbox.telemetry.history import History

_PER_S = quotas.REQUESTS_PER_S_PER_CONCURRENCY


def choice(record: InvocationRecord, history: History) -> str:
    """Return one or two sentences about the environment that an attempt ran in."""
    name = record.environment_id[:8]
    if isinstance(record.because, WasIdle):
        kind = "Provisioned concurrency" if record.because.provisioned else "Warm"
        return (
            f"{kind}: environment {name} was free, the one used last; it had been idle for "
            f"{record.because.idle_s:.3f} s."
        )
    if not record.cold:
        return f"Warm: environment {name}: {str(record.because).removeprefix('warm: ')}."
    how = "Restored from the snapshot" if record.report and record.report.restore_duration_ms else "Cold"
    said = str(record.because).partition(": ")[2] or str(record.because)
    return f"{how}: environment {name}: {said}. {_none_free(record, history)}"


def _none_free(record: InvocationRecord, history: History) -> str:
    """Say what the function's other environments did at the moment when a new one was needed."""
    arn, mine = record.invocation.function.qualified_arn, record.environment_id
    report = record.report
    took_ms = ((report.init_duration_ms or 0.0) + (report.restore_duration_ms or 0.0)) if report else 0.0
    at = record.started_at - took_ms / 1000.0
    others = [
        each
        for each in history.environments()
        if each["function_arn"] == arn and each["environment_id"] != mine and each["started_at"] <= at
    ]
    alive = [each for each in others if each["stopped_at"] is None or each["stopped_at"] > at]
    if alive:
        many = "s were" if len(alive) > 1 else " was"
        return f"This version's {len(alive)} other environment{many} busy or still starting."
    gone = max(others, key=lambda each: float(each["stopped_at"]), default=None)
    if gone is None:
        return "It is the first environment of this version."
    return (
        f"This version had none any more: the last one stopped {at - gone['stopped_at']:.1f} s before "
        f"({gone['stop_reason']})."
    )


def limit_of(record: InvocationRecord, account_limit: int) -> str:
    """Return the limit that throttled an attempt, with its figure."""
    if record.limit:
        return record.limit
    reserved = record.invocation.function.reserved_concurrency
    account = f"the account's concurrency of {account_limit:,} in the Region, less what functions reserved"
    return {
        "ReservedFunctionConcurrentInvocationLimitExceeded": f"the function's reserved concurrency of {reserved}",
        "ConcurrentInvocationLimitExceeded": account,
        "ReservedFunctionInvocationRateLimitExceeded": (
            f"the function's request rate: {_PER_S} a second for each of its {reserved} reserved executions"
        ),
        "FunctionInvocationRateLimitExceeded": (
            f"the request rate of the unreserved pool: {_PER_S} a second for each unit of concurrency"
        ),
        "CallerRateLimitExceeded": f"the account's request rate: {_PER_S * account_limit:,} a second",
    }.get(record.throttled_by, record.throttled_by)
