"""History on disk: with ``--state`` the next life of the sandbox knows what happened in the last ones.

POLICY: with ``--state`` the history is written once a second and at the end. A ``kill -9`` of the sandbox loses the last second of
it, and never an asynchronous event that was accepted, which has a place of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.invocation.environment import WasIdle
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, InvocationType, Status
from lambda_sandbox.invocation.report import Report
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry.neighbour_usage import Used

# POLICY: with ``--state`` the last 20,000 invocations and 5,000 environments are kept on disk.
RECORDS = 20_000
ENVIRONMENTS = 5_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS functions (arn TEXT, revision TEXT, document BLOB, PRIMARY KEY (arn, revision));
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT, revision TEXT, document BLOB);
CREATE TABLE IF NOT EXISTS environments (environment_id TEXT PRIMARY KEY, document BLOB);
CREATE TABLE IF NOT EXISTS used (
    day TEXT, function_name TEXT, meter TEXT, quantity TEXT, PRIMARY KEY (day, function_name, meter));
"""


class _Kept(msgspec.Struct):
    """An attempt without its function, which many share."""

    invocation: dict[str, Any]
    record: dict[str, Any]
    report: Report | None
    idle: WasIdle | None


_OF_INVOCATION = (
    "request_id", "payload", "arrived_at", "trace_header", "attempt", "throttles", "invoked_arn", "tenant_id", "routed",
    "maximum_retry_attempts", "maximum_event_age_s",
)  # fmt: skip
_OF_RECORD = (
    "environment_id", "started_at", "ended_at", "error_type", "cold", "on_provisioned", "throttled_by", "then", "limit",
    "retry_at", "answered_at",
)  # fmt: skip


class HistoryFile:
    """``history.sqlite3`` in the folder of the state. One thread at a time may call."""

    def __init__(self, folder: Path) -> None:
        """Raises ``SandboxFault`` when the file cannot be opened."""
        self._folder = folder
        with self.readable():
            self._connection = sqlite3.connect(folder / "history.sqlite3", check_same_thread=False)
            self._connection.executescript(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}"
            )
            # On a full disk that waits for the next start.
            with suppress(sqlite3.OperationalError):
                self._prune()
        self._known: set[tuple[str, str]] = set()

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Say what to do about a file that is damaged, or whose records are another version's: ``SandboxFault``."""
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError, LookupError, ValueError, TypeError) as problem:
            raise SandboxFault(
                f"The history in {self._folder} cannot be read ({problem}): remove history.sqlite3 to begin a new one."
            ) from problem

    def records(self) -> Iterator[InvocationRecord]:
        """Yield the attempts that were kept, oldest first."""
        decode = msgspec.json.Decoder(FunctionConfiguration).decode
        rows = self._connection.execute("SELECT arn, revision, document FROM functions").fetchall()
        functions = {(arn, revision): decode(document) for arn, revision, document in rows}
        kept = msgspec.msgpack.Decoder(_Kept)
        for arn, revision, document in self._connection.execute(
            "SELECT arn, revision, document FROM records ORDER BY number"
        ):
            yield _restored(kept.decode(document), functions[arn, revision])

    def environments(self) -> list[dict[str, Any]]:
        """Return the rows of environments; none of them lives any more."""
        rows = [json.loads(text) for (text,) in self._connection.execute("SELECT document FROM environments")]
        for row in rows:
            if row["stopped_at"] is None:
                ends = [row["ready_at"] or row["started_at"], *(phase["end"] for phase in row["phases"])]
                row |= {"stopped_at": max(ends), "state": "stopped", "stop_reason": "the sandbox ended"}
        return sorted(rows, key=lambda row: float(row["started_at"]))

    def used(self) -> list[Used]:
        """Return the sums of what was used beside Lambda."""
        rows = self._connection.execute("SELECT day, function_name, meter, quantity FROM used")
        return [Used(day, name, meter, Decimal(quantity)) for day, name, meter, quantity in rows]

    def write(
        self,
        records: Iterable[InvocationRecord],
        environments: Iterable[dict[str, Any]],
        used: Iterable[Used],
    ) -> None:
        """Add ``records``, and replace what is known of environments and sums: all of it, or nothing where ``sqlite3.Error`` is
        raised. Blocks for the disk.
        """
        known = set(self._known)
        with self._connection:
            for record in records:
                self._add(record, known)
            self._connection.executemany(
                "INSERT OR REPLACE INTO environments VALUES (?, ?)",
                [(row["environment_id"], json.dumps(row)) for row in environments],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?)",
                [(each.day, each.function_name, each.meter, str(each.quantity)) for each in used],
            )
            self._connection.execute(
                "DELETE FROM records WHERE number <= (SELECT MAX(number) FROM records) - ?", (RECORDS,)
            )
        self._known = known

    def clear(self) -> None:
        """Forget everything."""
        with self._connection:
            for table in ("records", "functions", "environments", "used"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are the four above
        self._known.clear()

    def close(self) -> None:
        self._connection.close()

    def _prune(self) -> None:
        """Remove the environments that are too many, and functions that no record names any more."""
        with self._connection:
            self._connection.execute(
                "DELETE FROM environments WHERE rowid NOT IN (SELECT rowid FROM environments ORDER BY rowid DESC LIMIT ?)",
                (ENVIRONMENTS,),
            )
            self._connection.execute(
                "DELETE FROM functions WHERE (arn, revision) NOT IN (SELECT arn, revision FROM records)"
            )

    def _add(self, record: InvocationRecord, known: set[tuple[str, str]]) -> None:
        function = record.invocation.function
        key = function.qualified_arn, function.revision_id
        if key not in known:
            document = msgspec.json.encode(function, enc_hook=dict)
            self._connection.execute("INSERT OR REPLACE INTO functions VALUES (?, ?, ?)", (*key, document))
            known.add(key)
        self._connection.execute(
            "INSERT INTO records (arn, revision, document) VALUES (?, ?, ?)", (*key, _document(record))
        )


def _document(record: InvocationRecord) -> bytes:
    invocation = {name: getattr(record.invocation, name) for name in _OF_INVOCATION}
    invocation["invocation_type"] = record.invocation.invocation_type.value
    idle = record.because if isinstance(record.because, WasIdle) else None
    rest = {name: getattr(record, name) for name in _OF_RECORD}
    rest |= {"status": record.status.value, "because": "" if idle is not None else record.because}
    return msgspec.msgpack.encode(_Kept(invocation, rest, record.report, idle))


def _restored(kept: _Kept, function: FunctionConfiguration) -> InvocationRecord:
    kind = InvocationType(kept.invocation.pop("invocation_type"))
    invocation = Invocation(function=function, invocation_type=kind, **kept.invocation)
    status, because = Status(kept.record.pop("status")), kept.record.pop("because")
    return InvocationRecord(
        invocation=invocation,
        status=status,
        because=kept.idle or because,
        report=kept.report,
        **kept.record,
    )
