"""The control plane: dispatch by operation name, and the questions that the rest of the sandbox asks."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any

from lambda_sandbox.control_plane import account_settings, event_source_mappings, functions, tags
from lambda_sandbox.control_plane.context import Context, Operations
from lambda_sandbox.control_plane.coverage import SEE, Coverage
from lambda_sandbox.errors import NotImplementedException
from lambda_sandbox.resources import Caller, EventSourceMapping, FunctionConfiguration

# One class a resource: ``operations`` by name, and in its module the ``COVERAGE`` that requests are held to.
_RESOURCES = (
    (functions, functions.Functions),
    (tags, tags.Tags),
    (event_source_mappings, event_source_mappings.EventSourceMappings),
    (account_settings, account_settings.AccountSettings),
)
COVERAGE: dict[str, Coverage] = {
    operation: coverage for module, _ in _RESOURCES for operation, coverage in module.COVERAGE.items()
}


class ControlPlane:
    """What exists. ``call`` may block on the disk and on ``fetch_object``; ``resolve`` and ``mappings`` never do."""

    def __init__(self, context: Context) -> None:
        """Take over the context's store and code, and remove packages that no function uses."""
        self.store = context.store
        self.code = context.code
        self._lock = RLock()
        rooms = [resource(context) for _, resource in _RESOURCES]
        self._functions = next(room for room in rooms if isinstance(room, functions.Functions))
        self._operations: Operations = {
            name: operation for room in rooms for name, operation in room.operations.items()
        }
        self.code.sweep({function.code_sha256 for function in self.store.all_functions()})

    def call(self, operation: str, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out an operation; ``params`` and the answer have AWS's casing. Raises ``ApiError``.

        Every write is on disk when this returns.
        """
        perform = self._operations.get(operation)
        if perform is None:
            raise NotImplementedException(f"{operation} is not emulated by this sandbox yet; {SEE}.")
        COVERAGE[operation].refuse_others(operation, params)
        with self._lock:
            return perform(params, caller)

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration:
        """Return the version that a name, ARN or partial ARN means. Raises ``ResourceNotFoundException``."""
        return self._functions.resolve(function_name, qualifier, caller)

    def mappings(self) -> list[EventSourceMapping]:
        """Return every mapping of every account and Region; its function may have been deleted since."""
        return self.store.mappings()

    def code_zip(self, token: str) -> bytes | None:
        """Return the package behind ``/_sandbox/code/<token>``, or ``None`` for an unknown or expired token."""
        return self._functions.code_zip(token)

    def reset(self) -> None:
        """Forget every function, mapping, tag and queued event, and all code."""
        with self._lock:
            self.store.clear()
            self.code.sweep(())

    def close(self) -> None:
        self.store.close()
        self.code.close()
