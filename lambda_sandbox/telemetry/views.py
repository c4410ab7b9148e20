"""What a notebook shows of the log, the bill and the history: text first, HTML where it can be rendered.

The HTML is self-contained: inline styles only, no script, no request, every value escaped. Text takes the page's own
colour, and the other colours are chosen to be readable on white and on near-black.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

Json = Mapping[str, Any]

# Told apart by lightness as well as by hue; each has a contrast of at least 3:1 on white and on #111.
LANE_COLOURS = ("#2f7fc1", "#b8660c", "#3f8f3f", "#9a5fc0", "#c04f6a", "#5f7f8f", "#8f7a1f", "#17878f")
STATUS_COLOURS = {"success": "#3f8f3f", "error": "#cf4444", "timeout": "#b8660c", "throttle": "#9a5fc0"}

_TABLE = "border-collapse:collapse;font-size:13px;color:inherit;background:transparent"
_CELL = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);text-align:{align};white-space:nowrap"
_BOX = "overflow:auto;max-height:28em"
_LONG = 40  # characters; what is longer, such as a reason, may take several lines
_NOTE = "font-size:12px;opacity:.85;margin:.4em 0 0"


class Logs:
    """A function's log: one line an event, in order, each with the stream of its execution environment."""

    def __init__(self, answer: Json, name: str | None = None) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = list(answer["events"])

    def __iter__(self) -> Iterator[str]:
        return (event["message"].rstrip("\n") for event in self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __str__(self) -> str:
        return "\n".join(self)

    def __repr__(self) -> str:
        if not self.events:
            return f"no log yet{_of(self.name)}"
        return "\n".join(
            f"{clock_time(event['timestamp_ms'] / 1000)} {short(event['stream'])}  {line}"
            for event, line in zip(self.events, self, strict=True)
        )

    def _repr_html_(self) -> str:
        if not self.events:
            return f"<p>no log yet{escape(_of(self.name))}</p>"
        colours = colours_of([event["stream"] for event in self.events])
        rows = "".join(
            _log_row(event, line, colours[event["stream"]])
            for event, line in zip(self.events, self, strict=True)
        )
        return (
            f'<div style="{_BOX}"><table style="{_TABLE};font-family:monospace" aria-label="log{escape(_of(self.name))}">'
            f"{_head(('time (UTC)', 'environment', 'message'), right=0)}<tbody>{rows}</tbody></table></div>"
        )


def _log_row(event: Json, line: str, colour: str) -> str:
    left = _CELL.format(align="left")
    stream = str(event["stream"])
    # AWS parts the lines of one traceback by carriage returns: one event, several lines on the screen.
    shown = escape(line.replace("\r", "\n"))
    return (
        f'<tr><td style="{left};vertical-align:top">{clock_time(event["timestamp_ms"] / 1000)}</td>'
        f'<td style="{left};vertical-align:top;border-left:4px solid {colour}" title="{escape(stream)}">'
        f"{escape(short(stream))}</td>"
        f'<td style="{left};white-space:pre-wrap">{shown}</td></tr>'
    )


class Bill:
    """What the invocations so far would cost on AWS, in US dollars, before any free tier."""

    def __init__(self, answer: Json) -> None:
        self._answer = answer
        self.rows: list[dict[str, Any]] = list(answer["rows"])
        self.total_usd: float = answer["total_usd"]
        self.requests: int = answer["requests"]
        self.gb_seconds: float = answer["gb_seconds"]
        self.prices: dict[str, Any] = dict(answer["prices"])
        self.free_tier: dict[str, Any] = dict(answer.get("free_tier") or {})
        self.month_usd: float | None = answer.get("month_usd")

    def __getitem__(self, name: str) -> Any:
        return self._answer[name]

    def __repr__(self) -> str:
        lines = [f"{'function':<24} {'memory':>8} {'duration':>12} {'billed':>10} {'GB-s':>12} {'USD':>14}"]
        lines += [
            f"{row['function_name'][:24]:<24} {row['memory_mb']:>5} MB {row['duration_ms']:>9.2f} ms "
            f"{row['billed_ms']:>7} ms {row['gb_seconds']:>12.6f} {row['total_usd']:>14.10f}"
            for row in self.rows
        ]
        total = f"total: {self.requests} requests, {self.gb_seconds:.6f} GB-s, {self.total_usd:.10f} USD"
        return "\n".join([*lines, total, self.note])

    @property
    def note(self) -> str:
        """Sentences: which prices, of which day, what the free tier would take off, and a month at this rate."""
        text = (
            f"Prices of {self.prices['region']}, checked on {self.prices['as_of']} ({self.prices['source']})."
        )
        if self.free_tier:
            text += (
                f" AWS's free tier covers {self.free_tier['requests']:,} requests and "
                f"{self.free_tier['gb_seconds']:,.0f} GB-s a month; it is not taken off here."
            )
        if self.month_usd is not None:
            text += f" A month at this rate would cost {self.month_usd:,.2f} USD."
        return text + self._durable() + self._beside() + self._left_out() + self._faulty()

    def _durable(self) -> str:
        """A sentence on what durable executions cost beside their invocations."""
        durable = self._answer.get("durable")
        if durable is None or not durable["rows"]:
            return ""
        operations = sum(row["operations"] for row in durable["rows"])
        return (
            f" Durable executions cost {usd(durable['total_usd'])} USD more, "
            f"for {operations} operations and the data they wrote and keep."
        )

    def _beside(self) -> str:
        """Sentences on what ran beside Lambda."""
        both = self._answer.get("all")
        if both is None or both["neighbours_usd"] == "0":
            return ""
        services = self._answer["neighbours"]["services"]
        parts = ", ".join(f"{each['name']} {usd(each['total_usd'])}" for each in services)
        text = f" Beside Lambda: {usd(both['neighbours_usd'])} USD ({parts}); both together: {usd(both['total_usd'])} USD"
        if both["month_usd"] is not None:
            text += f", a month at this rate {both['month_usd']:,.2f} USD"
        meters = self._answer["neighbours"]["prices"]["meters"]
        unread = [name for name, price in meters.items() if not price["confirmed"]]
        doubt = f" Prices not confirmed by a source: {', '.join(unread)}." if unread else ""
        return f"{text}.{doubt}"

    def _left_out(self) -> str:
        """Sentences on what ran and is not in the bill."""
        sentences = self._answer.get("neighbours", {}).get("left_out", ())
        return "".join(f" {sentence}" for sentence in sentences)

    def _faulty(self) -> str:
        rules = self._answer.get("faults") or ()
        said = "; ".join(str(rule["says"]) for rule in rules)
        return f" Faults on request are on: {said}." if said else ""

    def _repr_html_(self) -> str:
        names = (
            "function",
            "memory",
            "duration",
            "init",
            "billed",
            "GB-s",
            "request USD",
            "duration USD",
            "USD",
        )
        body = "".join(_cells(_bill_cells(row)) for row in self.rows)
        total = ("total", "", "", "", "", f"{self.gb_seconds:.6f}", f"{self.requests} requests", "")
        foot = _cells((*total, f"{self.total_usd:.10f}"), bold=True)
        return (
            f'<div style="{_BOX}"><table style="{_TABLE}" aria-label="bill">{_head(names)}<tbody>{body}</tbody>'
            f'<tfoot>{foot}</tfoot></table></div><p style="{_NOTE}">{escape(self.note)}</p>'
        )


def _bill_cells(row: Json) -> tuple[str, ...]:
    init_ms = row["init_duration_ms"]
    return (
        str(row["function_name"]),
        f"{row['memory_mb']} MB",
        f"{row['duration_ms']:.2f} ms",
        "" if init_ms is None else f"{init_ms:.2f} ms",
        f"{row['billed_ms']} ms",
        f"{row['gb_seconds']:.6f}",
        f"{row['request_usd']:.10f}",
        f"{row['duration_usd']:.10f}",
        f"{row['total_usd']:.10f}",
    )


class History:
    """Every attempt and every execution environment, with the reason for each decision."""

    def __init__(self, answer: Json) -> None:
        self._answer = answer
        self.invocations: list[dict[str, Any]] = list(answer["invocations"])
        self.environments: list[dict[str, Any]] = list(answer["environments"])

    def __getitem__(self, name: str) -> Any:
        return self._answer[name]

    def __repr__(self) -> str:
        if not self.invocations:
            return "nothing was invoked yet"
        return "\n".join(
            f"{clock_time(row['started_at'])} {row['function_name']} {row['status']} "
            f"{row['duration_ms']:.2f} ms [{short(row['environment_id'])}] {row['why']}"
            for row in self.invocations
        )

    def _repr_html_(self) -> str:
        if not self.invocations:
            return "<p>nothing was invoked yet</p>"
        names = ("time (UTC)", "function", "type", "attempt", "status", "duration", "environment", "why")
        body = "".join(_cells(_history_cells(row), right=0) for row in self.invocations)
        return (
            f'<div style="{_BOX}"><table style="{_TABLE}" aria-label="history">{_head(names, right=0)}'
            f"<tbody>{body}</tbody></table></div>"
        )


def _history_cells(row: Json) -> tuple[str, ...]:
    return (
        clock_time(row["started_at"]),
        str(row["function_name"]),
        str(row["invocation_type"]),
        str(row["attempt"]),
        str(row["status"]),
        f"{row['duration_ms']:.2f} ms",
        short(row["environment_id"]) or "none",
        str(row["why"]),
    )


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each distinct name, in the order of first appearance."""
    distinct = list(dict.fromkeys(names))
    return {name: LANE_COLOURS[number % len(LANE_COLOURS)] for number, name in enumerate(distinct)}


def short(identity: str) -> str:
    """Return the first eight characters of an environment's id, also from the name of its log stream.

    >>> short("2026/11/21/[$LATEST]0123456789abcdef")
    '01234567'
    """
    return identity.rpartition("]")[2][:8]


def usd(exact: str) -> str:
    """Return a sum of money with ten digits behind the point, rounded; the sandbox's JSON has it exactly.

    >>> usd("0.00000082654878497")
    '0.0000008265'
    """
    return f"{Decimal(exact):.10f}"


def clock_time(moment: float) -> str:
    """Return the UTC time of day of ``moment`` (seconds since the epoch), with milliseconds.

    >>> clock_time(3661.5)
    '01:01:01.500'
    """
    whole, milliseconds = divmod(round(moment * 1000), 1000)
    hours, rest = divmod(whole % 86_400, 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{milliseconds:03d}"


def _head(names: Sequence[str], right: int = 1) -> str:
    """``right`` is the first column that is aligned to the right; 0 aligns none."""
    return f"<thead>{_cells(names, bold=True, right=right, tag='th')}</thead>"


def _cells(values: Sequence[str], *, bold: bool = False, right: int = 1, tag: str = "td") -> str:
    weight = ";font-weight:600" if bold else ""
    columns = "".join(
        f'<{tag} style="{_CELL.format(align="right" if right and number >= right else "left")}{weight}{_wrap(value)}">'
        f"{escape(value)}</{tag}>"
        for number, value in enumerate(values)
    )
    return f"<tr>{columns}</tr>"


def _wrap(value: str) -> str:
    return ";white-space:normal" if len(value) > _LONG else ""


def _of(name: str | None) -> str:
    return f" of {name}" if name else ""
