"""Whether a request to a REST API may pass: its API key, and the limits of its usage plan and of its stage.

POLICY: a REST API looks at API key, throttle and quota after its authorizer, since an authorizer may name the key. A request that is
throttled does not count against the quota.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.drivers.api_visits import Definition, Surroundings
from lambda_sandbox.front_doors import throttle_limits
from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.quota import Quota
from lambda_sandbox.front_doors.visit import Visit

Plan = dict[str, Any]


class RestAdmission:
    """Asked once for every request that an authorizer has let in."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def check(
        self, visit: Visit, definition: Definition, method: dict[str, Any], name: str, named: str
    ) -> None:
        """Raise ``GatewayError`` for a request that may not pass.

        ``name`` is the method's as it is defined, ``named`` the API key that an authorizer has named.
        """
        place = (visit.api_id, visit.stage)
        settings = definition["stages"][visit.stage].get("methodSettings") or {}
        limits = throttle_limits.of_method(place, settings, visit.route, name)
        # AWS: a method that needs no key counts for no usage plan, even if the request has one.
        plan = self._plan(visit, definition, named) if method.get("apiKeyRequired") else None
        key_id = visit.identity.get("apiKeyId", "")
        if plan is not None:
            limits = throttle_limits.of_plan(plan, key_id, place, visit.route, name) + limits
        refused = self._around.throttle.refusal(limits, visit.now)
        if refused is not None:
            raise GatewayError("THROTTLED", str(refused))
        quota = Quota.of_plan(plan) if plan is not None else None
        if plan is not None and quota and not self._around.quotas.take(plan["id"], key_id, quota, visit.now):
            raise GatewayError("QUOTA_EXCEEDED", f"usage plan {plan['name']} allows a key {quota}")

    def _plan(self, visit: Visit, definition: Definition, named: str) -> Plan:
        """Find the usage plan by which the request's API key opens the stage."""
        by_header = definition["api"].get("apiKeySource") != "AUTHORIZER"
        given = visit.request.header("x-api-key") if by_header else named
        for key in definition["apiKeys"]:
            plan = _opening(definition, key, visit) if given and key["value"] == given else None
            if plan is not None:
                visit.identity |= {"apiKey": given, "apiKeyId": key["id"]}
                return plan
        place = f"{visit.api_id}:{visit.stage}"
        why = (
            f"no enabled API key with a usage plan for {place} was given" if given else "no API key was given"
        )
        raise GatewayError("INVALID_API_KEY", why)


def _opening(definition: Definition, key: dict[str, Any], visit: Visit) -> Plan | None:
    """Return the first of a key's usage plans that has the stage."""
    for plan_id in key["plans"]:
        plan: Plan | None = definition["usagePlans"].get(plan_id)
        stages = [(each["apiId"], each["stage"]) for each in (plan or {}).get("apiStages") or ()]
        if (visit.api_id, visit.stage) in stages:
            return plan
    return None
