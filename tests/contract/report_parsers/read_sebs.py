"""Run by an interpreter that has SeBS: log events with REPORT in, what SeBS reads in them out."""

import json
import sys

from sebs.aws.aws import AWS
from sebs.faas.function import ExecutionResult


def read(event: str) -> dict[str, object]:
    result = ExecutionResult()
    request_id = AWS.parse_aws_report(event, result)
    return {
        "request_id": request_id,
        "duration_ms": result.provider_times.execution / 1000,
        "init_ms": result.provider_times.initialization / 1000,
        "billed_ms": result.billing.billed_time,
        "memory_mb": result.billing.memory,
        "max_memory_mb": result.stats.memory_used,
        "gb_seconds": result.billing.gb_seconds,
    }


print(json.dumps([read(event) for event in json.load(sys.stdin)]))
