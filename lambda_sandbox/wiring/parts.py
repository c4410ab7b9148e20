"""The parts that every other piece of wiring puts together: what exists, what runs, and the neighbours beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import uuid4

from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.drivers.neighbour_door import NeighbourDoor
from lambda_sandbox.drivers.promises import Promises
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.http_server import HttpConnection
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.services.neighbours import Neighbours
from lambda_sandbox.services.shared_neighbours import SharedNeighbours
from lambda_sandbox.services.waiting_moto import WaitingMoto
from lambda_sandbox.wiring.ground import Ground
from lambda_sandbox.wiring.plane_bridge import PlaneBridge


@dataclass(frozen=True, slots=True)
class Parts:
    """``door`` leads to ``neighbours``, meters what goes through, and lets faults meet it."""

    ground: Ground
    bridge: PlaneBridge
    plane: ControlPlane
    driver: ServerDriver
    promises: Promises
    neighbours: Neighbours
    door: NeighbourDoor


async def make_parts(
    ground: Ground,
    worker: Executor,
    base_url: str,
    endpoint_protocol: Callable[[str], HttpConnection],
    waiting: WaitingMoto | None,
) -> Parts:
    """Return the parts, none of them started. ``worker`` is the control plane's thread.

    ``endpoint_protocol(environment_id)`` returns what answers requests from inside an environment; ``waiting`` is what the
    neighbours' process can be made of.
    """
    neighbours = _make_neighbours(ground, base_url, waiting)
    core = _make_core(ground)
    bridge = PlaneBridge(ground, neighbours, core)
    plane = await bridge.open_plane(worker, base_url)
    driver = ServerDriver(
        ground.clock,
        core,
        ground.logs,
        ground.history,
        ground.store,
        ground.code_directory,
        ground.layer_directories,
        endpoint_protocol,
    )
    driver.event_invoke_config = plane.event_invoke_config
    driver.runtime_notice = bridge.runtime_notice
    driver.on_snapshot_failed = ground.store.snapshot_failed
    door = NeighbourDoor(neighbours, ground.history, core.faults, ground.clock, asyncio.sleep)
    return Parts(ground, bridge, plane, driver, Promises(ground.store, core), neighbours, door)


def _make_core(ground: Ground) -> Core:
    return Core(
        ground.clock,
        account_limit=ground.config.account_concurrency,
        idle_lifetime_s=ground.config.idle_lifetime_s,
        seed=uuid4().hex,
        waiting_clock=ground.waiting_clock,
    )


def _make_neighbours(ground: Ground, base_url: str, waiting: WaitingMoto | None) -> Neighbours:
    config = ground.config
    if config.neighbours_socket is not None:
        return SharedNeighbours(config, config.neighbours_socket, base_url)
    return Neighbours(config, base_url, waiting)
