"""What exists: one collection a kind of resource, the tags, and the asynchronous events that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from lambda_sandbox.control_plane.database import Collection, Database, Key, Resource
from lambda_sandbox.resources import (
    LATEST,
    Alias,
    EventInvokeConfig,
    EventSourceMapping,
    FunctionConfiguration,
    FunctionUrl,
    ProvisionedConcurrency,
    QueuedEvent,
)

_PUT_EVENT = """
INSERT INTO events (request_id, function_arn, payload, arrived_at, due_at, attempt, throttles, client_context,
    trace_header, tenant_id, cognito_identity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (request_id) DO UPDATE SET
    due_at = excluded.due_at, attempt = excluded.attempt, throttles = excluded.throttles
"""
_EVENT_COLUMNS = (
    "request_id, function_arn, payload, arrived_at, due_at, attempt, throttles, client_context, trace_header, "
    "tenant_id, cognito_identity"
)


class PendingEvent(Protocol):
    """What the store keeps of an asynchronous invocation."""

    request_id: str
    function: FunctionConfiguration
    invoked_arn: str
    payload: bytes
    arrived_at: float
    due_at: float
    attempt: int
    throttles: int
    client_context: str
    trace_header: str
    tenant_id: str
    cognito_identity: str


class Store:
    """All collections over one database. Writes take a lock, reads none; any thread may call."""

    def __init__(self, folder: Path | None = None) -> None:
        """Open the state in ``folder`` or in memory; raises ``SandboxFault`` as ``Database`` does."""
        self.database = Database(folder)
        self._tags: dict[str, dict[str, str]] = {}
        self.database.mirror(self._read_tags)
        self._collections: dict[str, Collection[Any]] = {}
        self._of_functions: list[Collection[Any]] = []
        self.versions = self.of_functions(
            "function",
            FunctionConfiguration,
            lambda each: (each.function_name, each.version),
            # AWS counts the zip of every version, and none that it only refers to.
            weigh=lambda each: 0 if each.s3_object else each.code_size,
        )
        self.aliases = self.of_functions("alias", Alias, lambda each: (each.function_name, each.name))
        self.function_urls = self.of_functions(
            "function-url", FunctionUrl, lambda each: (each.function_name, each.qualifier)
        )
        self.event_invoke_configs = self.of_functions(
            "event-invoke-config", EventInvokeConfig, lambda each: (each.function_name, each.qualifier)
        )
        self.provisioned = self.of_functions(
            "provisioned-concurrency",
            ProvisionedConcurrency,
            lambda each: (each.function_name, each.qualifier),
        )
        self._mappings = Collection(
            self.database, "event-source-mapping", EventSourceMapping, lambda each: (each.uuid,)
        )

    def collection(
        self,
        kind: str,
        resource: type[Resource],
        key: Callable[[Resource], Key],
        weigh: Callable[[Resource], int] = lambda each: 0,
    ) -> Collection[Resource]:
        """Return the collection of ``kind``: one for the store, so that all rooms see the same mirror."""
        found = self._collections.get(kind)
        if found is None:
            found = self._collections[kind] = Collection(self.database, kind, resource, key, weigh)
        return found

    def of_functions(
        self,
        kind: str,
        resource: type[Resource],
        key: Callable[[Resource], Key],
        weigh: Callable[[Resource], int] = lambda each: 0,
    ) -> Collection[Resource]:
        """Return a collection whose resources go when their function goes; the function's name begins their ``key``."""
        collection = self.collection(kind, resource, key, weigh)
        if collection not in self._of_functions:
            self._of_functions.append(collection)
        return collection

    def close(self) -> None:
        self.database.close()

    def clear(self) -> None:
        """Forget everything."""
        self.database.clear()

    # --- functions ---------------------------------------------------------------------------------------

    def function(
        self, account_id: str, region: str, name: str, version: str = LATEST
    ) -> FunctionConfiguration | None:
        return self.versions.get(account_id, region, name, version)

    def functions(self, account_id: str, region: str) -> list[FunctionConfiguration]:
        """Return all versions of all functions of an account in a Region, by name and version."""
        return self.versions.owned(account_id, region)

    def all_functions(self) -> list[FunctionConfiguration]:
        """Return every version of every function, of all accounts and Regions."""
        return self.versions.all()

    def put_function(self, function: FunctionConfiguration, tags: Mapping[str, str] | None = None) -> None:
        """Store a version, replacing it if it exists; with ``tags``, those of a new function in the same step."""
        with self.database.transaction():
            self.versions.put(function)
            self.put_tags(function.arn, tags or {})

    def snapshot_failed(self, version: FunctionConfiguration, reason: str) -> None:
        """Keep why a version's snapshot could not be made, unless the version is gone by now."""
        with self.database.transaction():
            kept = self.function(version.account_id, version.region, version.function_name, version.version)
            # Another function may have its name and number by now.
            if kept is not None and kept.last_modified == version.last_modified:
                self.versions.put(replace(kept, snapshot_failure=reason))

    def delete_function(self, function: FunctionConfiguration) -> None:
        """Delete all versions of the function, its tags and all that belongs to it. Mappings stay, as on AWS."""
        with self.database.transaction():
            for collection in self._of_functions:
                collection.delete_under(function.account_id, function.region, function.function_name)
            self.forget_tags(function.arn)

    def delete_qualifier(self, function: FunctionConfiguration, qualifier: str) -> None:
        """Delete a version or an alias of ``function`` and all that belongs to it."""
        with self.database.transaction():
            for collection in self._of_functions:
                collection.delete_under(
                    function.account_id, function.region, function.function_name, qualifier
                )

    # --- tags --------------------------------------------------------------------------------------------

    def tags(self, resource_arn: str) -> dict[str, str]:
        return dict(self._tags.get(resource_arn, {}))

    def put_tags(self, resource_arn: str, tags: Mapping[str, str]) -> None:
        if not tags:
            return
        with self.database.transaction():
            for key, value in tags.items():
                self.database.write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", resource_arn, key, value)
            self._tags[resource_arn] = {**self._tags.get(resource_arn, {}), **tags}

    def delete_tags(self, resource_arn: str, keys: Iterable[str]) -> None:
        with self.database.transaction():
            for key in keys:
                self.database.write("DELETE FROM tags WHERE resource_arn = ? AND key = ?", resource_arn, key)
                self._tags.get(resource_arn, {}).pop(key, None)

    def forget_tags(self, resource_arn: str) -> None:
        """Delete all tags of a resource that is being deleted."""
        self.delete_tags(resource_arn, list(self.tags(resource_arn)))
        self._tags.pop(resource_arn, None)

    # --- event source mappings ---------------------------------------------------------------------------

    def mapping(self, uuid: str) -> EventSourceMapping | None:
        return next((each for each in self._mappings.all() if each.uuid == uuid), None)

    def mappings(self) -> list[EventSourceMapping]:
        """Return the mappings of all accounts and Regions, by UUID."""
        return sorted(self._mappings.all(), key=lambda each: each.uuid)

    def put_mapping(
        self, mapping: EventSourceMapping, arn: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        """Store a mapping, replacing it if it exists; with ``arn`` and ``tags``, its tags in the same step."""
        with self.database.transaction():
            self._mappings.put(mapping)
            self.put_tags(arn, tags or {})

    def delete_mapping(self, uuid: str, arn: str) -> None:
        """Delete the mapping and the tags of its ``arn``."""
        mapping = self.mapping(uuid)
        if mapping is not None:
            with self.database.transaction():
                self._mappings.delete(mapping)
                self.forget_tags(arn)

    # --- queued events -----------------------------------------------------------------------------------

    def put_event(self, event: PendingEvent) -> None:
        """Keep an accepted event, or write down the next attempt of one that is kept."""
        self.database.write(
            _PUT_EVENT,
            event.request_id,
            event.invoked_arn or event.function.arn,
            event.payload,
            event.arrived_at,
            event.due_at,
            event.attempt,
            event.throttles,
            event.client_context,
            event.trace_header,
            event.tenant_id,
            event.cognito_identity,
        )

    def forget_event(self, request_id: str) -> None:
        self.database.write("DELETE FROM events WHERE request_id = ?", request_id)

    def events(self) -> list[QueuedEvent]:
        """Return the kept events in the order in which they were accepted."""
        rows = self.database.rows(f"SELECT {_EVENT_COLUMNS} FROM events ORDER BY number")  # noqa: S608
        return [QueuedEvent(*row) for row in rows]

    # --- inside ------------------------------------------------------------------------------------------

    def _read_tags(self) -> None:
        self._tags = {}
        for arn, key, value in self.database.rows("SELECT resource_arn, key, value FROM tags"):
            self._tags.setdefault(arn, {})[key] = value
