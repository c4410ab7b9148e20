"""How often a function came back to itself: the count travels in the trace header, as ``Lineage=1:HASH:COUNT``.

The SDKs send a function's own trace header along when it calls a service. Source: AWS Lambda Developer Guide, "Use Lambda
recursive loop detection to prevent infinite loops", and AWS Compute Blog, "Detecting and stopping recursive loops in AWS
Lambda functions", read 2026-11.

POLICY: recursive loop detection counts in the trace header's ``Lineage`` part, with hashes of our own: only its outer form is
documented. Pass the header on as it is.
"""

from __future__ import annotations

_KEY = "Lineage="
# POLICY: recursive loop detection remembers the last 16 functions of a chain; a loop through more of them is not noticed.
_FUNCTIONS = 16


def extended(trace_header: str, mark: str) -> tuple[str, int]:
    """Return the header as the function gets it, and how many invocations of the function came before in this chain.

    ``mark`` stands for the function: eight hexadecimal digits.
    """
    if _KEY not in trace_header:
        return f"{trace_header};{_KEY}1:{mark}:0", 0
    parts = trace_header.split(";")
    place = next(i for i, part in enumerate(parts) if part.strip().startswith(_KEY))
    counts = _counts(parts[place].strip()[len(_KEY) :])
    before = counts.pop(mark, -1) + 1
    counts[mark] = before
    recent = list(counts.items())[-_FUNCTIONS:]
    parts[place] = f"{_KEY}1:" + "|".join(f"{name}:{count}" for name, count in recent)
    return ";".join(parts), before


def _counts(text: str) -> dict[str, int]:
    counts = {}
    for entry in text.removeprefix("1:").split("|"):
        name, _, count = entry.partition(":")
        if name and count.isdecimal() and len(count) <= 5:
            counts[name] = int(count)
    return counts
