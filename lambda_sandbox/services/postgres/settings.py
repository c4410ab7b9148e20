"""What an instance class and a parameter group mean for PostgreSQL. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

GIB = 1024**3
# Source: Amazon RDS User Guide, "Hardware specifications for DB instance classes", read 2026-11: GiB of the smallest sizes.
_BURSTABLE_GIB = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
_LARGE_GIB = {"m": 8, "r": 16}  # of ``large``; each xlarge has twice that
_CLASS = re.compile(r"db\.(?P<family>t3|t4g|[mr][5-8](?:g|gd|i|d)?)\.(?P<size>[a-z0-9]+)")
# Source: Amazon RDS User Guide, "Maximum number of database connections", read 2026-11.
_BYTES_PER_CONNECTION, _MOST_CONNECTIONS = 9_531_392, 5_000
_FEWEST_CONNECTIONS = 6
# Source: PostgreSQL 15, pg_settings.max_val is 262,143, of which a few are processes of its own: with more it does not start.
_MOST_ALLOWED = 262_000
# Source: PostgreSQL 15, pg_settings.min_val: with less it does not start. All others begin at 0.
_LOWEST = {
    "deadlock_timeout": 1,
    "log_min_duration_statement": -1,
    "maintenance_work_mem": 1024,
    "work_mem": 64,
    "max_connections": _FEWEST_CONNECTIONS,
}
_HIGHEST = 999_999_999  # nine digits; PostgreSQL takes a little more
STATIC = frozenset({"max_connections"})  # take effect when PostgreSQL starts
# Parameters that PostgreSQL itself carries out as RDS passes them on: a number, in the unit that PostgreSQL takes.
NUMBERS = frozenset(
    {
        "deadlock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "lock_timeout",
        "log_min_duration_statement",
        "maintenance_work_mem",
        "max_connections",
        "statement_timeout",
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "work_mem",
    }
)


def memory_bytes(instance_class: str) -> int:
    """Return the memory of a DB instance class; 0 for one that is not known here.

    >>> memory_bytes("db.t4g.micro") // GIB, memory_bytes("db.m6g.2xlarge") // GIB, memory_bytes("db.r5.large") // GIB
    (1, 32, 16)
    """
    found = _CLASS.fullmatch(instance_class)
    if found is None:
        return 0
    family, size = found["family"], found["size"]
    if family[0] == "t":
        return _BURSTABLE_GIB.get(size, 0) * GIB
    if size == "large":
        return _LARGE_GIB[family[0]] * GIB
    times = re.fullmatch(r"(\d*)xlarge", size)
    return _LARGE_GIB[family[0]] * 2 * int(times[1] or 1) * GIB if times else 0


def max_connections(instance_class: str, parameters: Mapping[str, str]) -> int:
    """Return how many connections the server takes: what the parameter group says, else what the class's memory gives.

    DIFFERS: ``max_connections`` of an RDS instance is counted from the whole memory of its class. AWS counts what the operating system
    and RDS leave over, and so gets a few less.

    >>> max_connections("db.t4g.micro", {}), max_connections("db.r5.4xlarge", {})
    (112, 5000)
    """
    if "max_connections" in parameters:
        return int(parameters["max_connections"])
    return min(memory_bytes(instance_class) // _BYTES_PER_CONNECTION, _MOST_CONNECTIONS)


def parameter_problem(name: str, value: str) -> str:
    """Return why a parameter group may not say this, empty when it may."""
    if name not in NUMBERS:
        return (
            f"The sandbox does not carry out the parameter {name}: leave it out. It knows "
            f"{', '.join(sorted(NUMBERS))}."
        )
    if re.fullmatch(r"-?\d{1,9}", value) is None:
        return f"Invalid parameter value: {value} for: {name}. The sandbox takes whole numbers here, and no formula."
    lowest, highest = _LOWEST.get(name, 0), _MOST_ALLOWED if name == "max_connections" else _HIGHEST
    if not lowest <= int(value) <= highest:
        return f"Invalid parameter value: {value} for: {name} allowed values are: {lowest}-{highest}"
    return ""
