"""The REPORT line: what one invocation took and is charged for."""

from __future__ import annotations

import math

from msgspec import Struct

# Of a sum with this number no double holds a fraction: to add it and take it away again is ``round`` at a third of its price.
_HOLDS_NO_FRACTION = 1.5 * 2.0**52


def hundredths(ms: float) -> float:
    """Round to what the REPORT line shows, ``round(ms, 2)``: asked for twice an invocation.

    >>> hundredths(1.0 / 3.0), hundredths(0.125), hundredths(0.375)
    (0.33, 0.12, 0.38)
    """
    return (ms * 100.0 + _HOLDS_NO_FRACTION - _HOLDS_NO_FRACTION) / 100.0


def billed_duration_ms(
    duration_ms: float,
    init_duration_ms: float = 0.0,
    *,
    step_ms: int = 1,
    most_ms: float | None = None,
) -> int:
    """Return the whole milliseconds that one invocation is charged for.

    Durations are wall-clock milliseconds; ``init_duration_ms`` is 0.0 on a warm start. The sum is rounded up to
    ``step_ms`` (100 before 2020-12-01). ``most_ms`` is the timeout of an invocation that timed out with its init repeated
    inside it: AWS then bills no more than that.

    >>> billed_duration_ms(133.61, init_duration_ms=80.00)
    214

    Source: AWS Compute Blog, "AWS Lambda standardizes billing for INIT phase", in force 2025-08-01.
    """
    # Hundredths are what the REPORT line shows: rounding to them first keeps float noise from billing a millisecond more.
    wall_ms = hundredths(duration_ms + init_duration_ms)
    if most_ms is not None:
        wall_ms = min(wall_ms, most_ms)
    return (math.ceil(wall_ms / step_ms) or 1) * step_ms


class Report(Struct, frozen=True, gc=False):
    """The figures of one invocation. Durations are milliseconds, rounded to hundredths as the REPORT line shows them, memory is
    MB as AWS counts it (1,024 KB each)."""

    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_duration_ms: float | None = None
    status: str = "success"
    error_type: str = ""
    restore_duration_ms: float | None = None
    billed_restore_duration_ms: float = 0.0  # without the time before the runtime runs again

    @property
    def billed_ms(self) -> int:
        before_ms = (self.init_duration_ms or 0.0) + self.billed_restore_duration_ms
        wall_ms = hundredths(self.duration_ms + before_ms) if before_ms else self.duration_ms
        return math.ceil(wall_ms) or 1

    def line_bytes(self) -> int:
        """Return the length of ``line()`` in UTF-8, mostly without making it.

        >>> plain = Report("id-1", 133.6, 128, 40)
        >>> plain.line_bytes() == len(plain.line())
        True
        """
        if self.init_duration_ms is None and self.restore_duration_ms is None and self.status == "success":
            digits = f"{int(self.duration_ms)}{self.billed_ms}{self.memory_mb}{self.max_memory_mb}"
            return _LINE_BYTES + len(self.request_id) + len(digits)
        return len(self.line().encode())

    def line(self) -> str:
        """Return the text REPORT line as CloudWatch Logs shows it: fields divided by tabs, in AWS's order."""
        text = (
            f"REPORT RequestId: {self.request_id}\tDuration: {self.duration_ms:.2f} ms\t"
            f"Billed Duration: {self.billed_ms} ms\tMemory Size: {self.memory_mb} MB\t"
            f"Max Memory Used: {self.max_memory_mb} MB\t"
        )
        if self.init_duration_ms is not None:
            text += f"Init Duration: {self.init_duration_ms:.2f} ms\t"
        if self.restore_duration_ms is not None:
            text += f"Restore Duration: {self.restore_duration_ms:.2f} ms\t"
            text += f"Billed Restore Duration: {math.ceil(self.billed_restore_duration_ms)} ms\t"
        if self.status != "success":
            text += f"Status: {self.status}"
            if self.error_type and self.status == "error":
                text += f"\tError Type: {self.error_type}"
        return text


_LINE_BYTES = len(Report("", 0.0, 0, 0).line()) - len("0100")  # without the numbers before the point


class LongReport(Struct, frozen=True):
    """The figures of an invocation whose REPORT has further lines, in the same log event.

    ``trace_header`` is that of one that X-Ray samples: the second line names the trace. ``notice`` is a sentence about the
    runtime where another version stands in for it: a line of the sandbox's own, last of all, so that whoever reads AWS's
    lines finds them unchanged. Either may be empty.

    Source: CloudWatch Logs' answers to FilterLogEvents as published in public repositories, 2022 to 2026, read 2026-11.
    """

    report: Report
    trace_header: str = ""
    notice: str = ""

    def line_bytes(self) -> int:
        return len(self.line().encode())

    def line(self) -> str:
        """Return all of its lines, without the last one's newline.

        >>> LongReport(Report("id-1", 1.5, 128, 40), notice="python3.14 runs on Python 3.11.").line().splitlines()[1]
        'SANDBOX Runtime: python3.14 runs on Python 3.11.\\t'
        """
        return "\n".join([self.report.line(), *self.further()])

    def further(self) -> list[str]:
        """Return the lines behind REPORT."""
        lines = []
        if self.trace_header:
            parts = dict(part.split("=", 1) for part in self.trace_header.split(";") if "=" in part)
            root, parent = parts.get("Root", ""), parts.get("Parent", "")
            lines.append(f"XRAY TraceId: {root}\tSegmentId: {parent}\tSampled: true\t")
        if self.notice:
            lines.append(f"SANDBOX Runtime: {self.notice}\t")
        return lines
