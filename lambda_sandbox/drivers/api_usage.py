"""GetUsage: what the keys of a usage plan have used of its quota. The counts are the front door's, the plan moto's.

Source: API Gateway API Reference, "GetUsage", read 2026-11.

DIFFERS: ``GetUsage`` counts only the keys of usage plans that have a quota, and only since the sandbox started.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from lambda_sandbox.drivers.api_definitions import Neighbour
from lambda_sandbox.drivers.cloudwatch import Answer
from lambda_sandbox.front_doors.quota import Quota, Quotas

_TARGET = re.compile(rb"/usageplans/([a-z0-9]+)/usage(?:\?(.*))?")
_LONGEST_DAYS = (
    90  # Source: API Gateway Developer Guide, "Usage plans": usage of the last 90 days can be asked for
)
_PAGE, _LARGEST_PAGE = 25, 500
_JSON = [(b"Content-Type", b"application/json")]


class ApiUsage:
    """Answers one operation of API Gateway's API; all others are moto's."""

    def __init__(self, neighbour: Neighbour, quotas: Quotas) -> None:
        self._neighbour = neighbour
        self._quotas = quotas

    def takes(self, method: bytes, target: bytes) -> bool:
        return method == b"GET" and _TARGET.fullmatch(target) is not None

    async def answer(self, target: bytes, account_id: str, region: str) -> Answer:
        """Return status, headers and body for a request that ``takes`` has said yes to."""
        found = _TARGET.fullmatch(target)
        assert found is not None
        plan_id = found[1].decode()
        path = f"/_sandbox/usage-plans/{account_id}/{region}/{plan_id}".encode()
        status, _, body = await self._neighbour.forward(b"GET", path, [(b"Host", b"localhost")], b"")
        if status != 200:
            return _refused(404, "NotFoundException", "Invalid Usage Plan ID specified")
        query = {name: values[0] for name, values in parse_qs((found[2] or b"").decode("latin-1")).items()}
        try:
            start, end = (date.fromisoformat(query[name]) for name in ("startDate", "endDate"))
            size = min(int(query.get("limit", _PAGE)), _LARGEST_PAGE)
        except (KeyError, ValueError):
            return _refused(
                400, "BadRequestException", "Usage takes a startDate and an endDate, as 2026-01-31."
            )
        if size < 1 or not 0 <= (end - start).days <= _LONGEST_DAYS:
            sentence = f"Usage can be asked for up to {_LONGEST_DAYS} days, the first of which comes first."
            return _refused(400, "BadRequestException", sentence)
        told = {"usagePlanId": plan_id, **self._told(json.loads(body), query, start, end, size)}
        return 200, _JSON, json.dumps(told).encode()

    def _told(
        self, plan: dict[str, Any], query: dict[str, str], start: date, end: date, size: int
    ) -> dict[str, Any]:
        keys = sorted(key for key in plan["keys"] if query.get("keyId", key) == key)
        keys = [key for key in keys if key >= query.get("position", "")]
        quota = Quota.of_plan(plan)
        used = {} if quota is None else self._quotas.usage(plan["id"], keys[:size], quota, start, end)
        told = {"startDate": start.isoformat(), "endDate": end.isoformat(), "values": used}
        return told | ({"position": keys[size]} if len(keys) > size else {})


def _refused(status: int, code: str, sentence: str) -> Answer:
    return status, [*_JSON, (b"x-amzn-ErrorType", code.encode())], json.dumps({"message": sentence}).encode()
