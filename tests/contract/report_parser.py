"""Run by an interpreter that has SeBS (``report-parser-requirements.txt``): REPORT lines in, what SeBS reads in them out."""

import json
import sys

from sebs.aws.aws import AWS
from sebs.faas.function import ExecutionResult


def read(line: str) -> dict[str, object]:
    result = ExecutionResult()
    request_id = AWS.parse_aws_report(line, result)
    return {
        "request_id": request_id,
        "duration_us": result.provider_times.execution,
        "init_us": result.provider_times.initialization,
        "billed_ms": result.billing.billed_time,
        "memory_mb": result.billing.memory,
        "max_memory_mb": result.stats.memory_used,
        "gb_seconds": result.billing.gb_seconds,
    }


print(json.dumps([read(line) for line in json.load(sys.stdin)]))
