"""The bridge between the control plane, which runs in a worker thread, and everything else, which lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from lambda_sandbox.control_plane.context import Answer, Context, Params, nothing
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.event_sources import inspection
from lambda_sandbox.invocation import snapshots
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.resources import Caller, EventSourceState
from lambda_sandbox.services.neighbours import Neighbours
from lambda_sandbox.wiring.ground import Ground

_PATIENCE_S = 60.0  # how long the worker thread waits for a neighbour


class PlaneBridge:
    """What is told crosses over and is called on the loop; what is asked blocks the worker thread until it is answered.

    ``function_changed(function_arn)``, ``mappings_changed()`` and ``provisioned_changed()`` are set once those who hear
    them exist, as are ``last_processing_result(uuid)`` and ``durable(operation, params, caller)``.
    """

    def __init__(self, ground: Ground, neighbours: Neighbours, core: Core) -> None:
        self._ground = ground
        self._neighbours = neighbours
        self._core = core
        self._loop = asyncio.get_running_loop()
        self.function_changed: Callable[[str], None] = nothing
        self.mappings_changed: Callable[[], None] = nothing
        self.provisioned_changed: Callable[[], None] = nothing
        self.last_processing_result: Callable[[str], str] = lambda uuid: ""
        self.durable: Callable[[str, Params, Caller], Answer] | None = None

    async def open_plane(self, worker: Executor, base_url: str) -> ControlPlane:
        """Return the control plane, made in ``worker``: it clears the disk of packages that nothing uses."""
        ground = self._ground
        context = Context(
            config=ground.config,
            clock=ground.clock,
            store=ground.store,
            code=ground.code,
            fetch_object=self._fetch_object,
            on_change=self._on_change,
            on_mappings_change=lambda: self._tell(self.mappings_changed),
            on_provisioned_change=lambda: self._tell(self.provisioned_changed),
            on_concurrency_change=self._on_change,
            inspect_source=self._inspect_source,
            runtime_notice=self.runtime_notice,
            provisioned_status=self._core.provisioned_status,
            snapshot_of=self._snapshot_of,
            last_processing_result=lambda uuid: self.last_processing_result(uuid),
            base_url=lambda: base_url,
            durable=self._ask_durable,
        )
        return await self._loop.run_in_executor(worker, ControlPlane, context)

    def runtime_notice(self, runtime: str) -> str:
        """Return a sentence when this machine runs another version than ``runtime``, or none, in its place."""
        return registry.notice(runtime, self._ground.config.runtime_client == "native")

    # --- called in the worker thread ----------------------------------------------------------------

    def _tell(self, hear: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(hear)

    def _on_change(self, function_arn: str) -> None:
        self._loop.call_soon_threadsafe(self.function_changed, function_arn)

    def _fetch_object(self, bucket: str, key: str, version: str | None) -> bytes:
        work = self._neighbours.fetch_object(bucket, key, version)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _ask_durable(self, operation: str, params: Params, caller: Caller) -> Answer:
        async def ask() -> Answer:
            assert self.durable is not None
            return self.durable(operation, params, caller)

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(_PATIENCE_S)

    def _snapshot_of(self, qualified_arn: str) -> tuple[str, str] | None:
        core = self._core
        return snapshots.status(core.snapshots.get(qualified_arn), core.pool.environments)

    def _inspect_source(self, arn: str) -> EventSourceState | None:
        if not self._ground.config.neighbours:
            return None
        work = inspection.inspect(self._neighbours, arn)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
