"""Application Load Balancers served: ``http://<name>-1.<region>.elb.localhost:<port>/``, with functions as targets.

The sandbox's port stands for the listener on port 80, or the lowest when there is none; ``http://8080.<name>…`` is the listener
on port 8080, and ``http://api.example.<name>…`` arrives with ``Host: api.example``, for rules by host.

DIFFERS: an HTTPS listener of a load balancer is served as plain HTTP, and targets get no health checks.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers.api_definitions import Neighbour
from lambda_sandbox.drivers.front_doors import Asking, Invoke
from lambda_sandbox.errors import ApiError
from lambda_sandbox.front_doors import alb_answer, alb_event, alb_redirect, alb_rules
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.invocation.request import continued

_HOST = re.compile(r"(?:(?P<before>.+)\.)?(?P<name>[a-z0-9-]+\.[a-z0-9-]+\.elb\.localhost)")
_PATH = "/_sandbox/load-balancers/"
_SERVICE = "elasticloadbalancing.amazonaws.com"
_HEADERS = [(b"Host", b"localhost")]


@dataclass(frozen=True, slots=True)
class _Called:
    """What a host names: the load balancer, a listener's port (0: none given) and the host that rules see."""

    name: str
    port: int
    host: str


class AlbDoor:
    """``note`` is told in one sentence why a client got an error of the load balancer's own."""

    def __init__(
        self, neighbour: Neighbour, invoke: Invoke, clock: Clock, note: Callable[[str], None]
    ) -> None:
        self._neighbour = neighbour
        self._invoke = invoke
        self._clock = clock
        self._note = note
        self._draw = random.Random(0)  # noqa: S311 - which of several target groups, not a secret

    def takes(self, host: str) -> bool:
        return _HOST.fullmatch(host) is not None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        called = _called(request.host)
        definition = await self._definition(called.name)
        if definition is None:
            return _plain(404, f"There is no load balancer {called.name}.")
        if definition["kind"] != "application":
            return _plain(
                501, f"The sandbox serves application load balancers, not {definition['kind']} ones."
            )
        listener = _listener(definition["listeners"], called.port)
        if listener is None:
            which = f"port {called.port}" if called.port else "any port"
            return _plain(503, f"The load balancer {called.name} has no listener on {which}.")
        if request.header("upgrade"):
            return alb_answer.own(400)  # Source: as in alb_event, "Limits": no WebSockets with functions
        seen = _as_sent_to(request, called, listener["port"])
        return await self._act(alb_rules.choose(listener["rules"], seen), seen, definition)

    async def _definition(self, name: str) -> dict[str, Any] | None:
        status, _, body = await self._neighbour.forward(b"GET", f"{_PATH}{name}".encode(), _HEADERS, b"")
        found: dict[str, Any] | None = json.loads(body) if status == 200 else None
        return found

    async def _act(
        self, actions: Sequence[Mapping[str, Any]], request: HttpRequest, definition: Mapping[str, Any]
    ) -> HttpResponse:
        """The last action is the one that answers; what comes before it authenticates."""
        action = actions[-1]
        if len(actions) > 1:
            return _plain(501, f"The sandbox has no {actions[0]['Type']} action.")
        if action["Type"] == "fixed-response":
            return alb_answer.fixed_response(action["FixedResponseConfig"])
        if action["Type"] == "redirect":
            return alb_redirect.response(action["RedirectConfig"], request)
        arn = self._target_group(action)
        group = definition["target_groups"].get(arn)
        if group is None or not group["targets"]:
            self._note(f"{arn} has no target: the client got 503.")
            return alb_answer.own(503)
        if group["type"] != "lambda":
            return _plain(
                501, f"The sandbox forwards to functions only, and {arn} holds {group['type']} targets."
            )
        asking = Asking(_SERVICE, arn, definition["account_id"])
        return await self._call(group, arn, asking, request)

    def _target_group(self, action: Mapping[str, Any]) -> str:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        weights = [int(each.get("Weight", 1)) for each in groups]
        if not groups or not any(weights):
            return str(action.get("TargetGroupArn") or (groups[0]["TargetGroupArn"] if groups else ""))
        return str(self._draw.choices(groups, weights)[0]["TargetGroupArn"])

    async def _call(
        self, group: Mapping[str, Any], arn: str, asking: Asking, request: HttpRequest
    ) -> HttpResponse:
        if len(request.body) > alb_event.BODY_BYTES:
            return alb_answer.own(413)
        multi_value, target = bool(group["multi_value"]), group["targets"][0]
        trace = continued(request.header("x-amzn-trace-id"), self._clock.now(), str(uuid.uuid4()))
        event = alb_event.event(request, arn, multi_value=multi_value, trace=trace)
        payload = json.dumps(event, separators=(",", ":")).encode()
        try:
            result = await self._invoke(target, payload, asking, trace)
            if result.function_error:
                raise alb_answer.BadAnswer(f"the function failed ({result.function_error})")
            return alb_answer.response(result.payload, multi_value=multi_value)
        except (ApiError, alb_answer.BadAnswer) as why:
            self._note(f"{target} behind {arn}: {why}; the client got 502.")
            return alb_answer.own(502)


def _called(host: str) -> _Called:
    found = _HOST.fullmatch(host)
    assert found is not None, "takes() said that it does"
    before = found["before"] or ""
    port, _, rest = before.partition(".")
    if port.isdigit():
        return _Called(found["name"], int(port), rest)
    return _Called(found["name"], 0, before)


def _listener(listeners: Sequence[Mapping[str, Any]], port: int) -> Mapping[str, Any] | None:
    by_port = {each["port"]: each for each in listeners}
    if port:
        return by_port.get(port)
    return by_port.get(80) or (by_port[min(by_port)] if by_port else None)


def _as_sent_to(request: HttpRequest, called: _Called, port: int) -> HttpRequest:
    """Return the request with the host that was meant and the listener's port."""
    if not called.host:
        return replace(request, port=port)
    headers = tuple(
        (name, called.host if name.lower() == "host" else value) for name, value in request.headers
    )
    return replace(request, headers=headers, port=port)


def _plain(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(status, (("Content-Type", "text/plain"),), f"{sentence}\n".encode())
