"""What functions used of the services beside Lambda, call by call and in sum, with who caused it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lambda_sandbox.telemetry.logs import Written, bytes_of

OUTSIDE = "outside"  # the cause of what no function asked for: a notebook, a script, the command line
_UNMEASURED = 256
# POLICY: the bill names the last 20,000 requests to other services one by one; older ones are in the sums only.
_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose request it is: a function's, in one invocation (``request_id``) or between them; or nobody's in here.

    ``polls``: its event source mapping asks, not the function itself.
    """

    function_name: str = OUTSIDE
    request_id: str = ""
    polls: bool = False


# What costs without a request that tells how much is in no bill here: by the request that begins it.
_NOT_METERED = {
    ("rds", "CreateDBInstance"): "RDS instances cost by the hour, asked or not, and are not in this bill.",
    ("states", "StartExecution"): (
        "State machines cost by the state transition (a Standard one 25 USD per million) and are not in this bill; their functions are."
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a neighbour. ``used`` are quantities by meter; ``fault`` says which rule interfered."""

    at: float
    cause: Cause
    service: str
    operation: str
    resource: str
    status: int
    duration_ms: float
    used: Mapping[str, Decimal]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """The sum of one meter: ``day`` is a date (UTC)."""

    day: str
    function_name: str
    meter: str
    quantity: Decimal


class NeighbourUsage:
    """Belongs to one event loop. Sums are exact."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=_CALLS)
        self._sums: dict[tuple[int, str, str], Decimal] = {}
        self._log_bytes: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._unmeasured: list[tuple[float, str, Written]] = []
        self._roots: dict[str, None] = {}
        self.left_out: dict[str, None] = {}  # sentences

    def call(self, call: Call) -> None:
        """Remember a request and add what it used."""
        self.calls.append(call)
        sentence = _NOT_METERED.get((call.service, call.operation))
        if sentence and call.status < 300:
            self.left_out[sentence] = None
        for meter, quantity in call.used.items():
            self.add(call.at, call.cause.function_name, meter, quantity)

    def add(self, at: float, function_name: str, meter: str, quantity: Decimal | int) -> None:
        """Add to a meter what no request to a neighbour tells of, such as a request of API Gateway's."""
        if quantity:
            key = (int(at // 86_400), function_name, meter)
            self._sums[key] = self._sums.get(key, Decimal(0)) + quantity

    def logged(self, at: float, function_name: str, size: int) -> None:
        """Add bytes that a function's log took in."""
        self._log_bytes[int(at // 86_400), function_name] += size

    def logged_line(self, at: float, function_name: str, line: Written) -> None:
        """Add a line that the platform wrote: it is measured by the hundred or when somebody asks."""
        self._unmeasured.append((at, function_name, line))
        if len(self._unmeasured) >= _UNMEASURED:
            self._measure()

    def traced(self, at: float, function_name: str, root: str) -> None:
        """Add a trace that X-Ray records, once for all the invocations in it; the first one's function has caused it."""
        if root not in self._roots:
            self._roots[root] = None
            if len(self._roots) > _CALLS:
                del self._roots[next(iter(self._roots))]
            self.add(at, function_name, "xray.traces", 1)

    def _measure(self) -> None:
        lines, self._unmeasured = self._unmeasured, []
        sizes = self._log_bytes
        for at, function_name, line in lines:
            sizes[int(at // 86_400), function_name] += bytes_of(line)

    def sums(self) -> list[Used]:
        """Return every sum, by day, function and meter."""
        self._measure()
        logs = {(day, name, "logs.bytes"): Decimal(size) for (day, name), size in self._log_bytes.items()}
        return [
            Used(_date(day), name, meter, q)
            for (day, name, meter), q in sorted({**self._sums, **logs}.items())
        ]

    def of_request(self, request_id: str) -> list[Call]:
        return [call for call in self.calls if call.cause.request_id == request_id]

    def clear(self) -> None:
        self.calls.clear()
        self._sums.clear()
        self._log_bytes.clear()
        self._unmeasured.clear()
        self._roots.clear()
        self.left_out.clear()

    def restore(self, sums: list[Used]) -> None:
        """Take over the sums that an earlier life of the sandbox kept."""
        for used in sums:
            day = int(datetime.fromisoformat(f"{used.day}T00:00:00+00:00").timestamp() // 86_400)
            if used.meter == "logs.bytes":
                self.logged(day * 86_400, used.function_name, int(used.quantity))
            else:
                key = (day, used.function_name, used.meter)
                self._sums[key] = self._sums.get(key, Decimal(0)) + used.quantity


def call_row(call: Call) -> dict[str, Any]:
    """Return one call as JSON-ready values; quantities are decimal text."""
    row = asdict(call)
    row |= row.pop("cause")
    row["used"] = {meter: str(quantity) for meter, quantity in call.used.items()}
    return row


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"
