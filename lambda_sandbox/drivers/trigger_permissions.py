"""Whether a service may start a function: the function's own policy decides, as on AWS, with or without ``--enforce-iam``.

A service that takes on a role for the call (EventBridge Scheduler) needs the role's permissions instead, which are looked
at where IAM is enforced.
"""

from __future__ import annotations

from collections.abc import Callable

from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.iam import denial
from lambda_sandbox.iam.evaluation import Access, Principal, evaluate
from lambda_sandbox.iam.policy import Statement
from lambda_sandbox.triggers.delivery import Delivery

_INVOKE = "lambda:InvokeFunction"


class TriggerPermissions:
    """``resource_policy(arn)`` returns the statements on a function; ``identities`` is ``None`` where IAM is not enforced.

    ``denied(principal, action, resource, why)`` is what history shows.
    """

    def __init__(
        self,
        resource_policy: Callable[[str], tuple[Statement, ...]],
        identities: Identities | None,
        denied: Callable[[str, str, str, str], None],
    ) -> None:
        self._resource_policy = resource_policy
        self._identities = identities
        self._denied = denied

    async def refusal(self, delivery: Delivery) -> str:
        """Return the missing statement in a sentence, empty when the delivery may go."""
        if not delivery.target_arn.startswith("arn:aws:lambda:"):
            return ""
        if delivery.role_arn:
            return await self._refusal_of_role(delivery) if self._identities is not None else ""
        service = Principal(delivery.principal, delivery.source_account, service=delivery.principal)
        context = {"aws:sourcearn": delivery.source_arn, "aws:sourceaccount": delivery.source_account}
        return self._decide(service, delivery, {name: (value,) for name, value in context.items() if value})

    async def _refusal_of_role(self, delivery: Delivery) -> str:
        assert self._identities is not None
        service = Principal(delivery.principal, "", service=delivery.principal)
        account = delivery.role_arn.split(":")[4]
        trust = await self._identities.trusts(delivery.role_arn)
        if not evaluate(Access(service, "sts:AssumeRole", delivery.role_arn, account), trust).allowed:
            return f"Missing: a trust policy of {delivery.role_arn} that lets {delivery.principal} assume it."
        role = await self._identities.role(delivery.role_arn)
        return self._decide(role, delivery, {})

    def _decide(self, who: Principal, delivery: Delivery, context: dict[str, tuple[str, ...]]) -> str:
        function_arn = delivery.target_arn
        access = Access(who, _INVOKE, function_arn, function_arn.split(":")[4], context)
        policy = self._resource_policy(function_arn)
        decision = evaluate(access, policy)
        if decision.allowed:
            return ""
        why = denial.explanation(access, decision, policy)
        self._denied(who.arn, _INVOKE, function_arn, why)
        return why
