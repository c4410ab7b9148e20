"""The control plane: dispatch by operation name, and the questions that the rest of the sandbox asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane import account_settings, event_source_mappings, functions, tags
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.coverage import SEE, Coverage
from lambda_sandbox.control_plane.functions import FetchObject
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import NotImplementedException
from lambda_sandbox.resources import Caller, EventSourceMapping, FunctionConfiguration

COVERAGE: dict[str, Coverage] = {
    **functions.COVERAGE,
    **tags.COVERAGE,
    **event_source_mappings.COVERAGE,
    **account_settings.COVERAGE,
}


def _nothing() -> None:
    pass


class ControlPlane:
    """What exists. ``call`` may block on the disk and on ``fetch_object``; ``resolve`` and ``mappings`` never do."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        store: Store,
        code: CodeStore,
        fetch_object: FetchObject,
        on_change: Callable[[str], None],
        base_url: Callable[[], str],
        on_mappings_change: Callable[[], None] = _nothing,
        last_processing_result: Callable[[str], str] | None = None,
    ) -> None:
        """Take over ``store`` and ``code``, and remove packages that no function uses.

        ``fetch_object(bucket, key, version)`` reads from S3. ``on_change`` hears the unqualified ARN of a function
        after it was updated or deleted, ``on_mappings_change`` that mappings changed. ``last_processing_result(uuid)`` is the poller's word. ``base_url()`` is the endpoint's
        address, for download links.
        """
        self.store = store
        self.code = code
        self._lock = RLock()
        self._functions = functions.Functions(clock, store, code, fetch_object, on_change, base_url)
        self._operations: dict[str, Callable[[Mapping[str, Any], Caller], dict[str, Any]]] = {
            **self._functions.operations,
            **tags.Tags(store).operations,
            **event_source_mappings.EventSourceMappings(
                clock, store, self.resolve, on_mappings_change, last_processing_result
            ).operations,
            **account_settings.AccountSettings(config, store).operations,
        }
        code.sweep({function.code_sha256 for function in store.all_functions()})

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
