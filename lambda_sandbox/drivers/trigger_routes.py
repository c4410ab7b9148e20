"""Where the neighbours' process hands over events, asks for permissions and says where its databases listen.

``POST /_sandbox/trigger/…``, with its token.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable

from lambda_sandbox.drivers.deliveries import Deliveries
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.http_server import Request
from lambda_sandbox.triggers.delivery import Delivery

PREFIX = "trigger/"
_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class TriggerRoutes:
    """``token`` is known to the neighbours' process alone. ``note(sentence)`` is what history shows of a refusal.

    ``open_to_functions(places)`` returns when functions reach these addresses and ports, and none that were open before.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        permissions: TriggerPermissions,
        token: str,
        note: Callable[[str], None],
        open_to_functions: Callable[[list[tuple[str, int]]], Awaitable[None]],
    ) -> None:
        self._deliveries = deliveries
        self._permissions = permissions
        self._token = token.encode()
        self._note = note
        self._open_to_functions = open_to_functions

    async def answer(self, request: Request, route: str) -> _Answer:
        """Answer ``trigger/deliver`` (202 when the event is delivered, dead-lettered or kept), ``trigger/permitted`` or
        ``trigger/open``."""
        given = request.header(b"x-sandbox-source").partition(b" ")[0]
        if request.method != b"POST" or not hmac.compare_digest(given, self._token):
            return _json(403, {"message": f"/_sandbox/{route} is for the sandbox's own neighbours"})
        if route == "trigger/open":
            await self._open_to_functions([(str(a), int(p)) for a, p in json.loads(request.body)["places"]])
            return _json(200, {})
        try:
            delivery = Delivery.from_json(request.body)
        except (ValueError, TypeError) as problem:
            return _json(400, {"message": f"this is no delivery: {problem}"})
        if route == "trigger/deliver":
            await self._deliveries.deliver(delivery)
            return _json(202, {})
        if route == "trigger/permitted":
            missing = await self._permissions.refusal(delivery)
            if missing:
                verb = "invoke" if ":lambda:" in delivery.target_arn else "send to"
                self._note(f"{delivery.principal} may not {verb} {delivery.target_arn}: {missing}")
            return _json(200, {"refusal": missing})
        return _json(404, {"message": f"there is no /_sandbox/{route}"})


def _json(status: int, value: dict[str, str]) -> _Answer:
    return status, [(b"Content-Type", b"application/json")], json.dumps(value).encode()
