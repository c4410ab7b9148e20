"""Run by an interpreter that has lambda-bench: log events with REPORT in, what it reads in them out."""

import json
import sys

from lambdabench.parser import parse_report


def read(event: str) -> dict[str, object]:
    found = parse_report(event)
    assert found is not None, event
    return {
        "request_id": found.request_id,
        "duration_ms": found.duration_ms,
        "init_ms": found.init_duration_ms or 0.0,
        "billed_ms": found.billed_duration_ms,
        "memory_mb": found.memory_size_mb,
        "max_memory_mb": found.max_memory_used_mb,
    }


print(json.dumps([read(event) for event in json.load(sys.stdin)]))
