"""Puts the front doors together: what each needs of the sandbox, and what the sandbox tells them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from lambda_sandbox.config import Config
from lambda_sandbox.drivers.alb_door import AlbDoor
from lambda_sandbox.drivers.api_definitions import ApiDefinitions, Neighbour
from lambda_sandbox.drivers.api_gateway import ApiGateway
from lambda_sandbox.drivers.api_usage import ApiUsage
from lambda_sandbox.drivers.api_visits import Surroundings
from lambda_sandbox.drivers.authorizing import LambdaAuthorizers
from lambda_sandbox.drivers.door_functions import DoorFunctions, Plane
from lambda_sandbox.drivers.door_meters import BALANCER, EDGE, DoorMeters, MeteredDoor
from lambda_sandbox.drivers.edge_door import EdgeDoor
from lambda_sandbox.drivers.edge_functions import EdgeFunctions
from lambda_sandbox.drivers.edge_origin import Origins
from lambda_sandbox.drivers.front_doors import Door, FrontDoors
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.issuers import Issuers
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.drivers.signers import Signers
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions


def make_front_doors(
    config: Config,
    driver: ServerDriver,
    plane: Plane,
    neighbour: Neighbour,
    permissions: TriggerPermissions,
    identities: Identities | None,
    spawn: Callable[[Coroutine[Any, Any, None]], None],
) -> FrontDoors:
    """Return every door. ``identities`` is ``None`` where IAM is not enforced: then a role that a door takes on may do all."""

    def note(sentence: str) -> None:
        driver.history.delivery(driver.clock.now(), sentence)

    functions = DoorFunctions(driver, plane, permissions.refusal)
    definitions = ApiDefinitions(neighbour)
    issuers = Issuers(neighbour)
    around = Surroundings(
        functions=functions,
        authorizers=LambdaAuthorizers(functions.invoke, driver.clock.now),
        issuers=issuers,
        signers=Signers(identities, config.account_id, driver.clock.now),
        now=driver.clock.now,
        note=note,
    )
    meters = DoorMeters(driver.history.neighbours, driver.clock.now)
    api_gateway = ApiGateway(around, definitions, meters)
    # CloudFront calls a function as its execution role allows, whatever the function's policy says.
    at_edge = EdgeFunctions(DoorFunctions(driver, plane, None).invoke)
    graded = bool(config.keeper_token)
    origins = Origins(neighbour, config.account_id, config.region, buckets_only=graded)
    doors: list[Door] = [
        api_gateway,
        MeteredDoor(AlbDoor(neighbour, functions.invoke, driver.clock, note), BALANCER, meters),
        MeteredDoor(EdgeDoor(neighbour, at_edge, origins, driver.core.waiting_clock, note), EDGE, meters),
    ]
    usage = ApiUsage(neighbour, around.quotas)
    return FrontDoors(doors, spawn, definitions, issuers, api_gateway, usage)
