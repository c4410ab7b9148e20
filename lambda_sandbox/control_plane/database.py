"""The state on disk: one SQLite file, one transaction at a time, and dictionaries that mirror its documents.

Every write is committed before its method returns, so a ``kill -9`` loses nothing answered. Reads come from the
mirrors: a dictionary costs a tenth of a microsecond where SQLite costs twenty, and ``resolve`` is on the path of every
invoke.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from lambda_sandbox.errors import SandboxFault

SCHEMA_VERSION = 3
_FILE = "lambda.sqlite3"
_SCHEMA = """
CREATE TABLE resources (
    kind TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (kind, account_id, region, key)) WITHOUT ROWID;
CREATE TABLE tags (
    resource_arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (resource_arn, key)) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, function_arn TEXT NOT NULL,
    payload BLOB NOT NULL, arrived_at REAL NOT NULL, due_at REAL NOT NULL, attempt INTEGER NOT NULL,
    throttles INTEGER NOT NULL, client_context TEXT NOT NULL, trace_header TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT '', cognito_identity TEXT NOT NULL DEFAULT '')
"""


class Owned(Protocol):
    """A resource that belongs to an account in a Region."""

    @property
    def account_id(self) -> str: ...

    @property
    def region(self) -> str: ...


Resource = TypeVar("Resource", bound=Owned)
Owner = tuple[str, str]
Key = tuple[str, ...]


class Database:
    """The file, or memory. Writes take a lock, reads of mirrors none; any thread may call."""

    def __init__(self, folder: Path | None = None) -> None:
        """Open the state in ``folder``, made when missing, or in memory.

        Raises ``SandboxFault`` when another sandbox holds the folder, or when the file is damaged or newer than this.
        What is damaged further inside is found when a mirror reads it.
        """
        self._lock = RLock()
        self._depth = 0
        self._mirrors: list[Callable[[], None]] = []
        self._place = ":memory:" if folder is None else str(_made(folder) / _FILE)
        self._connection = _open(self._place)

    def mirror(self, read: Callable[[], None]) -> None:
        """Call ``read`` now, and again whenever a failed transaction left the mirror ahead of the file.

        Raises ``SandboxFault`` for a file that is damaged, or holds what this sandbox does not understand.
        """
        self._mirrors.append(read)
        try:
            read()
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise _fault(self._place, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside, or none; transactions nest. Raises ``SandboxFault`` when the disk refuses."""
        with self._lock:
            try:
                if not self._depth:
                    self._connection.execute("BEGIN IMMEDIATE")
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                if not self._depth:
                    self._connection.execute("COMMIT")
            except BaseException as error:
                if not self._depth and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                    for read in self._mirrors:
                        read()
                if isinstance(error, sqlite3.Error):
                    raise SandboxFault(
                        f"The state could not be written ({error}); is the disk full?"
                    ) from error
                raise

    def write(self, statement: str, *values: Any) -> None:
        with self.transaction():
            self._connection.execute(statement, values)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def has(self, kind: str, account_id: str, region: str, *key: str) -> bool:
        """Whether a resource of a kind exists, whichever collection keeps it."""
        found = self.rows(
            "SELECT 1 FROM resources WHERE kind = ? AND account_id = ? AND region = ? AND key = ?",
            kind,
            account_id,
            region,
            _text(key),
        )
        return bool(found)

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in ("resources", "tags", "events"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are the three above
        for read in self._mirrors:
            read()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Collection(Generic[Resource]):
    """One kind of resource: its documents in the file, and the same as frozen dataclasses in a dictionary.

    ``key`` names a resource within its account and Region. Where resources belong to a function, the function's name
    is the first part of the key, and ``delete_under`` removes them with it. ``weigh`` is what ``weight`` adds up.
    """

    def __init__(
        self,
        database: Database,
        kind: str,
        resource: type[Resource],
        key: Callable[[Resource], Key],
        weigh: Callable[[Resource], int] = lambda each: 0,
    ) -> None:
        self._weigh = weigh
        self._weights: dict[Owner, int] = {}
        self._database = database
        self._kind = kind
        self._key = key
        self._decoder = msgspec.json.Decoder(resource)
        self._items: dict[Owner, dict[Key, Resource]] = {}
        self._order: dict[Owner, list[Key]] = {}
        database.mirror(self._read)

    def get(self, account_id: str, region: str, *key: str) -> Resource | None:
        owned = self._items.get((account_id, region))
        return owned.get(key) if owned is not None else None

    def owned(self, account_id: str, region: str, *under: str) -> list[Resource]:
        """Return the resources of an account in a Region whose key begins with ``under``, in the keys' order."""
        owner = (account_id, region)
        order, owned = self._order.get(owner, []), self._items.get(owner, {})
        length = len(under)
        first = bisect_left(order, under)
        found = []
        for key in order[first:]:
            if key[:length] != under:
                break
            resource = owned.get(key)  # a writer may have deleted it meanwhile
            if resource is not None:
                found.append(resource)
        return found

    def following(self, account_id: str, region: str, after: Key = ()) -> Iterator[Resource]:
        """Yield the resources of an account in a Region whose key comes after ``after``, in the keys' order.

        For long lists of which a page is wanted. A writer must not come between: it would move what is next.
        """
        order, owned = self._order.get((account_id, region), []), self._items.get((account_id, region), {})
        for place in range(bisect_right(order, after), len(order)):
            yield owned[order[place]]

    def weight(self, account_id: str, region: str) -> int:
        """Return the sum of what the resources of an account in a Region weigh; it is kept, not counted."""
        return self._weights.get((account_id, region), 0)

    def values(self, account_id: str, region: str) -> list[Resource]:
        """Return the resources of an account in a Region, in no order."""
        return list(self._items.get((account_id, region), {}).values())

    def all(self) -> list[Resource]:
        """Return the resources of all accounts and Regions, in no order."""
        return [resource for owned in list(self._items.values()) for resource in list(owned.values())]

    def put(self, resource: Resource) -> None:
        """Store ``resource``, replacing the one with its key."""
        owner, key = (resource.account_id, resource.region), self._key(resource)
        document = msgspec.json.encode(resource, enc_hook=dict)
        with self._database.transaction():
            self._database.write(
                "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)",
                self._kind,
                *owner,
                _text(key),
                document,
            )
            owned = self._items.setdefault(owner, {})
            replaced = owned.get(key)
            if replaced is None:
                insort(self._order.setdefault(owner, []), key)
            owned[key] = resource
            self._add_weight(owner, resource, replaced)

    def delete(self, resource: Resource) -> None:
        """Delete the resource with the key of ``resource``, if it is there."""
        owner, key = (resource.account_id, resource.region), self._key(resource)
        with self._database.transaction():
            self._database.write(
                "DELETE FROM resources WHERE kind = ? AND account_id = ? AND region = ? AND key = ?",
                self._kind,
                *owner,
                _text(key),
            )
            deleted = self._items.get(owner, {}).pop(key, None)
            if deleted is not None:
                order = self._order[owner]
                del order[bisect_left(order, key)]
                self._add_weight(owner, None, deleted)

    def delete_under(self, account_id: str, region: str, *under: str) -> None:
        """Delete all resources whose key begins with ``under``."""
        with self._database.transaction():
            for resource in self.owned(account_id, region, *under):
                self.delete(resource)

    def _add_weight(self, owner: Owner, new: Resource | None, old: Resource | None) -> None:
        more = self._weigh(new) if new is not None else 0
        less = self._weigh(old) if old is not None else 0
        self._weights[owner] = self._weights.get(owner, 0) + more - less

    def _read(self) -> None:
        items: dict[Owner, dict[Key, Resource]] = {}
        rows = self._database.rows("SELECT document FROM resources WHERE kind = ?", self._kind)
        for (document,) in rows:
            resource = self._decoder.decode(document)
            items.setdefault((resource.account_id, resource.region), {})[self._key(resource)] = resource
        self._items = items
        self._order = {owner: sorted(owned) for owner, owned in items.items()}
        self._weights = {owner: sum(map(self._weigh, owned.values())) for owner, owned in items.items()}


def _text(key: Key) -> str:
    # No name in AWS's patterns holds a NUL, so the parts cannot run into each other.
    return "\0".join(key)


def _open(place: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _fault(place, error) from error
    try:
        # The mirror in memory is right only while nobody else writes: hold the file until the process ends.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # A write is in the operating system's hands when COMMIT returns: that survives the process, and a power cut
        # loses the newest writes but never damages the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        _prepare(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _fault(place, error) from error
    except SandboxFault:
        connection.close()
        raise
    return connection


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxFault(
            f"The state cannot be kept in {folder} ({error.strerror}): pass another --state folder, one that can be written."
        ) from error
    return folder


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SandboxFault(
            f"The state was written by a newer sandbox (schema {version}, this one knows {SCHEMA_VERSION}): "
            "update the sandbox or pass another --state folder."
        )
    connection.execute("BEGIN EXCLUSIVE")
    if version == 1:
        _from_version_1(connection)
    if version in (1, 2):
        _from_version_2(connection)
    elif version == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _from_version_1(connection: sqlite3.Connection) -> None:
    """Version 1 had a table for functions and one for mappings; the documents are the same."""
    connection.execute(_SCHEMA.split(";\n")[0])
    connection.execute(
        "INSERT INTO resources SELECT 'function', account_id, region, name || char(0) || version, document FROM functions"
    )
    connection.execute(
        "INSERT INTO resources SELECT 'event-source-mapping', document ->> 'account_id', document ->> 'region', uuid, "
        "document FROM event_source_mappings"
    )
    connection.execute("DROP TABLE functions")
    connection.execute("DROP TABLE event_source_mappings")


def _from_version_2(connection: sqlite3.Connection) -> None:
    """Version 2 forgot who an asynchronous event was for."""
    for column in ("tenant_id", "cognito_identity"):
        connection.execute(f"ALTER TABLE events ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")


def _fault(place: str, error: Exception) -> SandboxFault:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return SandboxFault(f"Another sandbox uses {place}: stop it or pass another --state folder.")
    return SandboxFault(
        f"The state in {place} cannot be read ({error}): move the file away or pass another --state folder."
    )
