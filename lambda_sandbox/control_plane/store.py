"""What exists, on disk. Every write is committed before its method returns, so a ``kill -9`` loses nothing answered.

Reads come from dictionaries that mirror the tables: ``resolve`` is on the path of every invoke, and a dictionary
costs it a tenth of a microsecond where SQLite costs twenty.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any, Protocol

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import LATEST, EventSourceMapping, FunctionConfiguration, QueuedEvent

SCHEMA_VERSION = 1
_FILE = "lambda.sqlite3"
_SCHEMA = """
CREATE TABLE functions (
    account_id TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (account_id, region, name, version)) WITHOUT ROWID;
CREATE TABLE tags (
    resource_arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (resource_arn, key)) WITHOUT ROWID;
CREATE TABLE event_source_mappings (uuid TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, function_arn TEXT NOT NULL,
    payload BLOB NOT NULL, arrived_at REAL NOT NULL, due_at REAL NOT NULL, attempt INTEGER NOT NULL,
    throttles INTEGER NOT NULL, client_context TEXT NOT NULL, trace_header TEXT NOT NULL);
"""
_PUT_EVENT = """
INSERT INTO events (request_id, function_arn, payload, arrived_at, due_at, attempt, throttles, client_context,
    trace_header) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (request_id) DO UPDATE SET
    due_at = excluded.due_at, attempt = excluded.attempt, throttles = excluded.throttles
"""
_EVENT_COLUMNS = (
    "request_id, function_arn, payload, arrived_at, due_at, attempt, throttles, client_context, trace_header"
)


class PendingEvent(Protocol):
    """What the store keeps of an asynchronous invocation."""

    request_id: str
    function: FunctionConfiguration
    payload: bytes
    arrived_at: float
    due_at: float
    attempt: int
    throttles: int
    client_context: str
    trace_header: str


class Store:
    """Functions, tags, mappings and queued events. Writes take a lock, reads none; any thread may call."""

    def __init__(self, folder: Path | None = None) -> None:
        """Open the state in ``folder``, made when missing, or in memory.

        Raises ``SandboxFault`` when another sandbox holds the folder, or when the file is damaged or newer than this.
        """
        self._lock = RLock()
        self._functions: dict[tuple[str, str], dict[tuple[str, str], FunctionConfiguration]] = {}
        self._mappings: dict[str, EventSourceMapping] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._database = _open(folder)
        self._read()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def clear(self) -> None:
        """Forget everything."""
        with self._transaction():
            for table in ("functions", "tags", "event_source_mappings", "events"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are the four above
        self._functions, self._mappings, self._tags = {}, {}, {}

    # --- functions ---------------------------------------------------------------------------------------

    def function(
        self, account_id: str, region: str, name: str, version: str = LATEST
    ) -> FunctionConfiguration | None:
        owned = self._functions.get((account_id, region))
        return owned.get((name, version)) if owned is not None else None

    def functions(self, account_id: str, region: str) -> list[FunctionConfiguration]:
        """Return all versions of all functions of an account in a Region, by name and version."""
        owned = dict(self._functions.get((account_id, region), {}))
        return [owned[key] for key in sorted(owned)]

    def all_functions(self) -> list[FunctionConfiguration]:
        """Return every version of every function, of all accounts and Regions."""
        return [function for owned in list(self._functions.values()) for function in list(owned.values())]

    def put_function(self, function: FunctionConfiguration, tags: Mapping[str, str] | None = None) -> None:
        """Store a version, replacing it if it exists; with ``tags``, those of a new function in the same step."""
        key = (function.account_id, function.region, function.function_name, function.version)
        with self._transaction():
            self._execute(
                "INSERT OR REPLACE INTO functions VALUES (?, ?, ?, ?, ?)", *key, _document(function)
            )
            self._write_tags(function.arn, tags or {})
        if tags:
            self._mirror_tags(function.arn, tags)
        self._functions.setdefault(key[:2], {})[key[2:]] = function

    def delete_function(self, function: FunctionConfiguration) -> None:
        """Delete all versions of the function, and its tags. Mappings stay, as on AWS."""
        owner = (function.account_id, function.region)
        with self._transaction():
            self._execute(
                "DELETE FROM functions WHERE account_id = ? AND region = ? AND name = ?",
                *owner,
                function.function_name,
            )
            self._execute("DELETE FROM tags WHERE resource_arn = ?", function.arn)
        owned = self._functions.get(owner, {})
        for key in [key for key in owned if key[0] == function.function_name]:
            del owned[key]
        self._tags.pop(function.arn, None)

    # --- tags --------------------------------------------------------------------------------------------

    def tags(self, resource_arn: str) -> dict[str, str]:
        return dict(self._tags.get(resource_arn, {}))

    def put_tags(self, resource_arn: str, tags: Mapping[str, str]) -> None:
        with self._transaction():
            self._write_tags(resource_arn, tags)
        self._mirror_tags(resource_arn, tags)

    def delete_tags(self, resource_arn: str, keys: list[str]) -> None:
        with self._transaction():
            for key in keys:
                self._execute("DELETE FROM tags WHERE resource_arn = ? AND key = ?", resource_arn, key)
        kept = {key: value for key, value in self.tags(resource_arn).items() if key not in keys}
        self._tags[resource_arn] = kept

    # --- event source mappings ---------------------------------------------------------------------------

    def mapping(self, uuid: str) -> EventSourceMapping | None:
        return self._mappings.get(uuid)

    def mappings(self) -> list[EventSourceMapping]:
        """Return the mappings of all accounts and Regions, by UUID."""
        return [mapping for _, mapping in sorted(dict(self._mappings).items())]

    def put_mapping(
        self, mapping: EventSourceMapping, arn: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        """Store a mapping, replacing it if it exists; with ``arn`` and ``tags``, its tags in the same step."""
        with self._transaction():
            self._execute(
                "INSERT OR REPLACE INTO event_source_mappings VALUES (?, ?)", mapping.uuid, _document(mapping)
            )
            self._write_tags(arn, tags or {})
        if tags:
            self._mirror_tags(arn, tags)
        self._mappings[mapping.uuid] = mapping

    def delete_mapping(self, uuid: str, arn: str) -> None:
        """Delete the mapping and the tags of its ``arn``."""
        with self._transaction():
            self._execute("DELETE FROM event_source_mappings WHERE uuid = ?", uuid)
            self._execute("DELETE FROM tags WHERE resource_arn = ?", arn)
        self._mappings.pop(uuid, None)
        self._tags.pop(arn, None)

    # --- queued events -----------------------------------------------------------------------------------

    def put_event(self, event: PendingEvent) -> None:
        """Keep an accepted event, or write down the next attempt of one that is kept."""
        with self._transaction():
            self._execute(
                _PUT_EVENT,
                event.request_id,
                event.function.arn,
                event.payload,
                event.arrived_at,
                event.due_at,
                event.attempt,
                event.throttles,
                event.client_context,
                event.trace_header,
            )

    def forget_event(self, request_id: str) -> None:
        with self._transaction():
            self._execute("DELETE FROM events WHERE request_id = ?", request_id)

    def events(self) -> list[QueuedEvent]:
        """Return the kept events in the order in which they were accepted."""
        with self._lock:
            rows = self._database.execute(f"SELECT {_EVENT_COLUMNS} FROM events ORDER BY number")  # noqa: S608
            return [QueuedEvent(*row) for row in rows]

    # --- inside ------------------------------------------------------------------------------------------

    def _execute(self, statement: str, *values: Any) -> None:
        self._database.execute(statement, values)

    def _write_tags(self, resource_arn: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", resource_arn, key, value)

    def _mirror_tags(self, resource_arn: str, tags: Mapping[str, str]) -> None:
        self._tags[resource_arn] = {**self._tags.get(resource_arn, {}), **tags}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise SandboxFault(f"The state could not be written ({error}); is the disk full?") from error

    def _read(self) -> None:
        for (document,) in self._database.execute("SELECT document FROM functions"):
            function = _function(json.loads(document))
            owned = self._functions.setdefault((function.account_id, function.region), {})
            owned[function.function_name, function.version] = function
        for (document,) in self._database.execute("SELECT document FROM event_source_mappings"):
            mapping = EventSourceMapping(**json.loads(document))
            self._mappings[mapping.uuid] = mapping
        for arn, key, value in self._database.execute("SELECT resource_arn, key, value FROM tags"):
            self._tags.setdefault(arn, {})[key] = value


def _open(folder: Path | None) -> sqlite3.Connection:
    if folder is None:
        place = ":memory:"
    else:
        folder.mkdir(parents=True, exist_ok=True)
        place = str(folder / _FILE)
    database = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        # The mirror in memory is right only while nobody else writes: hold the file until the process ends.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        # A write is in the operating system's hands when COMMIT returns: that survives the process, and a power cut
        # loses the newest writes but never damages the file.
        database.execute("PRAGMA synchronous = NORMAL")
        _prepare(database)
    except sqlite3.Error as error:
        database.close()
        raise _fault(place, error) from error
    except SandboxFault:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SandboxFault(
            f"The state was written by a newer sandbox (schema {version}, this one knows {SCHEMA_VERSION}): "
            "update the sandbox or pass another --state folder."
        )
    database.execute("BEGIN EXCLUSIVE")
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def _fault(place: str, error: sqlite3.Error) -> SandboxFault:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return SandboxFault(f"Another sandbox uses {place}: stop it or pass another --state folder.")
    return SandboxFault(
        f"The state in {place} cannot be read ({error}): move the file away or pass another --state folder."
    )


def _document(resource: FunctionConfiguration | EventSourceMapping) -> str:
    if isinstance(resource, FunctionConfiguration):
        values = {name: getattr(resource, name) for name in resource.__dataclass_fields__}
        values["environment"] = dict(resource.environment)
        return json.dumps(values)
    return json.dumps(asdict(resource))


def _function(document: dict[str, Any]) -> FunctionConfiguration:
    document["environment"] = MappingProxyType(document["environment"])
    return FunctionConfiguration(**document)
