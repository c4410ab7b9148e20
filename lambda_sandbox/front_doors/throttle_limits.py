"""Which limits a request meets: those of its usage plan, and those that its stage has for the method or route.

Source: API Gateway Developer Guide, "Throttle requests to your REST APIs" and "Throttle requests to your HTTP APIs", read 2026-11.

POLICY: a throttling limit for all methods or routes holds for each of them alone, and one for a single method or route takes its
place there; so in stages and in usage plans. The limit of a usage plan itself holds for each API key, over all stages of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambda_sandbox.front_doors.throttle import Limit

# Where only one of the two is set, the account's stands for the other; a negative number stands for none of its own.
ACCOUNT_RATE, ACCOUNT_BURST = 10_000.0, 5_000
_ALL = ("*", "*")
_STAGE = ("throttlingRateLimit", "throttlingBurstLimit")
_PLAN = ("rateLimit", "burstLimit")


def of_method(
    place: tuple[str, str], settings: Mapping[str, Mapping[str, Any]], path: str, method: str
) -> list[Limit]:
    """Return what a REST API's stage says of a method: ``place`` is API and stage, ``method`` as it is defined (``ANY``)."""
    by_method = {method_of(key): each for key, each in settings.items()}
    given = by_method.get((path, method), by_method.get(_ALL, {}))
    return list(
        _limit(("method", *place, path, method), given, _STAGE, f"stage {place[1]}, {method} {path},")
    )


def of_route(place: tuple[str, str], stage: Mapping[str, Any], route_key: str) -> list[Limit]:
    """Return what an HTTP or WebSocket API's stage says of a route."""
    given = dict(stage.get("defaultRouteSettings") or {})
    given |= (stage.get("routeSettings") or {}).get(route_key) or {}
    return list(_limit(("route", *place, route_key), given, _STAGE, f"stage {place[1]}, route {route_key},"))


def of_plan(
    plan: Mapping[str, Any], key_id: str, place: tuple[str, str], path: str, method: str
) -> list[Limit]:
    """Return what a usage plan allows one API key for a method of a REST API."""
    source = f"usage plan {plan['name']}"
    for stage in plan["apiStages"]:
        for name, given in (stage.get("throttle") or {}).items():
            if (stage["apiId"], stage["stage"], *method_of(name)) == (*place, path, method):
                key = ("plan", plan["id"], key_id, *place, path, method)
                return list(_limit(key, given, _PLAN, f"{source}, {method} {path},"))
    return list(_limit(("plan", plan["id"], key_id), plan.get("throttle") or {}, _PLAN, source))


def method_of(key: str) -> tuple[str, str]:
    """Return path and method of ``~1pets~1{id}/GET``, ``pets/GET`` or ``/pets/GET``, as settings name methods.

    >>> method_of("~1pets~1{id}/GET"), method_of("/GET"), method_of("*/*")
    (('/pets/{id}', 'GET'), ('/', 'GET'), ('*', '*'))
    """
    path, _, method = key.rpartition("/")
    path = path.replace("~1", "/").replace("~0", "~")
    return (path if path == "*" else "/" + path.strip("/")), method


def _limit(
    key: tuple[str, ...], given: Mapping[str, Any], names: Sequence[str], source: str
) -> Iterator[Limit]:
    rate, burst = (given.get(name) for name in names)
    if rate is None and burst is None:
        return
    rate, burst = float(-1 if rate is None else rate), int(-1 if burst is None else burst)
    if rate >= 0 or burst >= 0:
        yield Limit(key, rate if rate >= 0 else ACCOUNT_RATE, burst if burst >= 0 else ACCOUNT_BURST, source)
