"""Whether something may be sent: by a service, or by Lambda for a function.

A service that starts a function needs a statement in the function's own policy, as on AWS, with or without ``--enforce-iam``.
Everything else is looked at where IAM is enforced: the policies of queues and topics, and the roles that services and Lambda
take on for a call.
"""

from __future__ import annotations

from collections.abc import Callable

from lambda_sandbox.drivers.destinations import Letter
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.resource_policies import ResourcePolicies
from lambda_sandbox.iam import denial, sending
from lambda_sandbox.iam.evaluation import Access, Principal, evaluate
from lambda_sandbox.iam.lambda_requests import Asked
from lambda_sandbox.triggers.delivery import Delivery

_INVOKE = "lambda:InvokeFunction"
# The default policy of a topic lets in those that name its account in aws:SourceOwner, an old key that few services send.
# Source: Amazon SNS Developer Guide, "Example cases for Amazon SNS access control", read 2026-11.
# POLICY: with ``--enforce-iam`` a CloudWatch alarm may publish to a topic that has the default policy; EventBridge and S3 need a
# statement of their own in it, as documented.
_NAME_AN_OWNER = frozenset({"cloudwatch.amazonaws.com"})


class TriggerPermissions:
    """``identities`` is ``None`` where IAM is not enforced. ``denied(principal, action, resource, why)`` is what history shows."""

    def __init__(
        self,
        policies: ResourcePolicies,
        identities: Identities | None,
        denied: Callable[[str, str, str, str], None],
    ) -> None:
        self._policies = policies
        self._identities = identities
        self._denied = denied

    async def refusal(self, delivery: Delivery) -> str:
        """Return the missing statement in a sentence, empty when the delivery may go. Raises ``ServiceException``."""
        return await self._refusal(
            sending.needed(delivery.target_arn),
            delivery.principal,
            delivery.source_arn,
            delivery.source_account,
            delivery.role_arn,
        )

    async def refusal_of_letter(self, letter: Letter) -> str:
        """Return the same for a record or a dead letter, which go by a role or, of services without one, by themselves."""
        asked = sending.needed(letter.arn, letter.key)
        account = letter.account_id
        return await self._refusal(asked, letter.principal, letter.source_arn, account, letter.role_arn)

    async def _refusal(
        self, asked: Asked | None, principal: str, source_arn: str, source_account: str, role_arn: str
    ) -> str:
        if asked is None or not (principal or role_arn):
            return ""
        if self._identities is None and (role_arn or asked.action != _INVOKE):
            return ""
        if role_arn:
            return await self._refusal_of_role(asked, principal, role_arn)
        service = Principal(principal, source_account, service=principal)
        context = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_account}
        if principal in _NAME_AN_OWNER:
            context["aws:sourceowner"] = source_account
        given: dict[str, tuple[str, ...]] = {name: (value,) for name, value in context.items() if value}
        return await self._decide(service, asked, given)

    async def _refusal_of_role(self, asked: Asked, principal: str, role_arn: str) -> str:
        assert self._identities is not None
        service = Principal(principal, "", service=principal)
        trust = await self._identities.trusts(role_arn)
        if not evaluate(Access(service, "sts:AssumeRole", role_arn, role_arn.split(":")[4]), trust).allowed:
            return f"Missing: a trust policy of {role_arn} that lets {principal} assume it."
        return await self._decide(await self._identities.role(role_arn), asked, {})

    async def _decide(self, who: Principal, asked: Asked, context: dict[str, tuple[str, ...]]) -> str:
        access = Access(who, asked.action, asked.resource, asked.account_id, context)
        policy = await self._policies.of(asked.resource)
        decision = evaluate(access, policy)
        if decision.allowed:
            return ""
        why = denial.explanation(access, decision, policy)
        self._denied(who.arn, asked.action, asked.resource, why)
        return why
