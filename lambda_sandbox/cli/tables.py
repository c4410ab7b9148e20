"""Tables for the terminal, from the sandbox's JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lambda_sandbox.fault_rules import banner
from lambda_sandbox.telemetry.explanation import Explanation
from lambda_sandbox.telemetry.views import Bill, clock_time, short, usd

if TYPE_CHECKING:
    from lambda_sandbox.parity import Operation

Json = Mapping[str, Any]

_WIDTH_OF_A_FILE = 200  # output that goes to a file or a pipe is not folded at 80 columns
_STATUS_STYLES = {
    "success": "green",
    "error": "red",
    "timeout": "yellow",
    "throttle": "magenta",
    "refused": "red",
    "unknown": "magenta",
}


def logs(answer: Json) -> None:
    """Print one line an event: time, environment, message. Control characters of the message are shown, not obeyed."""
    if not answer["events"]:
        print("no log yet", file=sys.stderr)
    for event in answer["events"]:
        message = visible(event["message"].rstrip("\n").replace("\r", "\n    "))
        print(f"{clock_time(event['timestamp_ms'] / 1000)} {short(event['stream'])}  {message}")


def bill(answer: Json) -> None:
    rows = [
        (
            row["function_name"],
            f"{row['memory_mb']} MB",
            f"{row['duration_ms']:.2f} ms",
            "" if row["init_duration_ms"] is None else f"{row['init_duration_ms']:.2f} ms",
            f"{row['billed_ms']} ms",
            f"{row['gb_seconds']:.6f}",
            f"{row['total_usd']:.10f}",
        )
        for row in answer["rows"]
    ]
    total = (
        "total",
        "",
        "",
        "",
        f"{answer['requests']} requests",
        f"{answer['gb_seconds']:.6f}",
        f"{answer['total_usd']:.10f}",
    )
    print_table(("function", "memory", "duration", "init", "billed", "GB-s", "USD"), [*rows, total], right=1)
    for heading, kind in (("function", "functions"), ("day", "days")):
        if len(answer[kind]) > 1:
            print_table(
                (heading, "requests", "GB-s", "USD"), [_sum_cells(row) for row in answer[kind]], right=1
            )
    _durable(answer)
    _beside(answer)
    _console().print(Text(Bill(answer).note))


def _durable(answer: Json) -> None:
    """What durable executions cost beside their invocations."""
    rows = [
        (
            row["function_name"],
            str(row["executions"]),
            str(row["operations"]),
            f"{row['written_gb']:.9f}",
            f"{row['gb_months']:.9f}",
            usd(row["total_usd"]),
        )
        for row in answer["durable"]["rows"]
    ]
    if rows:
        names = ("function", "durable executions", "operations", "GB written", "GB-months kept", "USD")
        print_table(names, rows, right=1)


def _beside(answer: Json) -> None:
    """What ran beside Lambda, line by line; then both together, by function and by day."""
    rows = [
        (row["function_name"], row["service"], row["quantity"], row["unit"], usd(row["usd"]))
        for row in answer["neighbours"]["rows"]
    ]
    if not rows:
        return
    total = ("total", "", "", "", usd(answer["neighbours"]["total_usd"]))
    print_table(("caused by", "service", "quantity", "unit", "USD"), [*rows, total])
    for heading, kind in (("function", "functions"), ("day", "days")):
        sums = [
            (row["name"], usd(row["lambda_usd"]), usd(row["neighbours_usd"]), usd(row["total_usd"]))
            for row in answer["all"][kind]
        ]
        print_table((heading, "Lambda USD", "beside it USD", "together USD"), sums, right=1)


def explanation(answer: Json) -> None:
    """Print the steps of one invocation in order, and its price."""
    told = Explanation(answer)
    # Above the table: as a heading it would make its column as wide as itself, and leave the steps no room.
    _console().print(
        Text(visible(f"{told.summary}\nrequest {told.request_id}"), style="bold"), soft_wrap=True
    )
    print_table(("", "", ""), told.lines(), head=False)


def faults(answer: Json) -> None:
    """Print the fault rules."""
    if not answer["faults"]:
        _console().print(Text("no faults: nothing goes wrong on request"))
        return
    rows = [
        (
            rule["id"],
            rule["says"],
            f"{rule['probability']:.0%}",
            "without end" if rule["count"] is None else str(rule["count"]),
            str(rule["seed"]),
            f"{rule['struck']} of {rule['met']}",
        )
        for rule in answer["faults"]
    ]
    print_table(("id", "fault", "probability", "at most", "seed", "struck"), rows)


def _sum_cells(row: Json) -> tuple[str, ...]:
    return (row["name"], str(row["requests"]), f"{row['gb_seconds']:.6f}", f"{row['total_usd']:.10f}")


def history(answer: Json) -> None:
    rows = [
        (
            clock_time(row["started_at"]),
            row["function_name"],
            row["invocation_type"],
            str(row["attempt"]),
            row["status"],
            f"{row['duration_ms']:.2f} ms",
            short(row["environment_id"]),
            row["why"],
        )
        for row in answer["invocations"]
    ]
    if not rows:
        print("no invocation yet, or none that was asked for", file=sys.stderr)
    print_table(
        ("time (UTC)", "function", "type", "attempt", "status", "duration", "environment", "why"), rows
    )
    on = banner(answer.get("faults_on") or [])
    if on:
        _console().print(Text(on))


def parity(operations: Iterable[Operation], summary: str) -> None:
    """Print one line an operation with how many tests prove it, and one line each of its members."""
    rows: list[tuple[str, str, str, str]] = []
    for row in operations:
        proofs = f"{len(row.proofs)} test{'' if len(row.proofs) == 1 else 's'}" if row.proofs else ""
        rows.append((row.name, "", row.status, row.note or proofs))
        rows += [("", member.path, member.status, member.note) for member in row.members]
    print_table(("operation", "member", "status", "note"), rows)
    _console().print(Text(summary))


def health(answer: Json, endpoint: str) -> None:
    isolation = answer["isolation"]
    rows = [
        ("endpoint", endpoint),
        ("status", answer["status"]),
        ("version", answer["version"]),
        ("isolation", isolation["level"]),
        ("enforced", ", ".join(isolation["enforced"]) or "nothing"),
        ("not enforced", ", ".join(isolation["missing"]) or "nothing is missing"),
        ("functions reach", isolation["network"]),
        ("neighbours", str(answer.get("neighbours"))),
        *(("faults", text) for text in [banner(answer.get("faults") or [])] if text),
    ]
    print_table(("", ""), rows, head=False)


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[str]], *, right: int | None = None, head: bool = True
) -> None:
    table = Table(show_header=head, box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        table.add_column(
            name, justify="right" if right is not None and number >= right else "left", overflow="fold"
        )
    for row in rows:
        # Text, not markup: a name in square brackets must not become a style.
        table.add_row(*(Text(visible(cell), style=_STATUS_STYLES.get(cell, "")) for cell in row))
    _console().print(table)


def terminal() -> Console:
    """Return where to print."""
    return _console()


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH_OF_A_FILE)


def visible(text: str) -> str:
    """Replace control characters: what a function logs must not drive the reader's terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t\xa0" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
