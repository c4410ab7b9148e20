"""Allowed or not, and why: the evaluation of identity, resource, boundary and session policies.

Source: IAM User Guide, "Policy evaluation logic" (single account and cross-account), read 2026-11.

DIFFERS: service control policies and resource control policies of AWS Organizations are not emulated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lambda_sandbox.iam.patterns import Values
from lambda_sandbox.iam.policy import Statement

IDENTITY, RESOURCE, BOUNDARY, SESSION = (
    "identity-based policy",
    "resource-based policy",
    "permissions boundary",
    "session policy",
)
_EMPTY: Values = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, with the policies that hold for it. ``arn`` is what AWS's messages show.

    ``role_arn`` is set for a role's session. ``boundary`` and ``session`` are ``None`` where there is none; an empty tuple
    allows nothing. ``trusted`` stands for a principal whose own account is taken to allow everything: the account itself,
    or any caller while IAM is not enforced; then ``unknown`` is set too, and whoever of the account a statement allows may
    be meant.
    """

    arn: str
    account_id: str
    role_arn: str = ""
    policies: tuple[Statement, ...] = ()
    boundary: tuple[Statement, ...] | None = None
    session: tuple[Statement, ...] | None = None
    service: str = ""
    trusted: bool = False
    unknown: bool = False
    keys: Values = field(default_factory=lambda: _EMPTY)

    def named_by(self, kind: str, value: str) -> str:
        """Return how a resource policy's principal means this one: ``direct``, ``account`` or an empty string."""
        if kind == "*":
            return "direct"
        if kind == "Service":
            return "direct" if self.service and value == self.service else ""
        if kind != "AWS" or self.service:
            return ""
        if value in (self.account_id, f"arn:aws:iam::{self.account_id}:root"):
            return "account"
        if value in (self.arn, self.role_arn):
            return "direct"
        return "account" if self.unknown and f"::{self.account_id}:" in value else ""


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked: ``action`` as ``service:Operation``, the ``resource``'s ARN or ``*``, and the condition keys."""

    principal: Principal
    action: str
    resource: str
    resource_account: str
    context: Values = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True)
class Decision:
    """``missing`` names the kind of policy that did not allow, ``denied_by`` the kind that denied; both empty: allowed."""

    allowed: bool
    missing: str = ""
    denied_by: str = ""
    statement: Statement | None = None


def evaluate(
    access: Access, resource_policy: Iterable[Statement] = (), *, required: bool = False
) -> Decision:
    """Decide. An explicit deny wins; within an account one allow is enough; across accounts both sides must allow.

    With ``required`` the resource's policy must allow within the account too: so it is with a role's trust policy.
    """
    who = access.principal
    context = {**who.keys, **access.context}
    resource_policy = tuple(resource_policy)
    denial = _denial(access, resource_policy, context)
    if denial is not None:
        return denial
    granted = _grant(access, resource_policy, context)
    if who.service:
        return Decision(True, statement=granted[1]) if granted else Decision(False, missing=RESOURCE)
    crosses = access.resource_account not in ("", who.account_id)
    if granted is None and (crosses or required):
        return Decision(False, missing=RESOURCE)
    if granted and granted[0] == "direct" and not crosses:
        return Decision(True, statement=granted[1])
    return _identity(access, context)


def _identity(access: Access, context: Values) -> Decision:
    who = access.principal
    allow = _matching(who.policies, "Allow", access, context)
    if allow is None and not who.trusted:
        return Decision(False, missing=IDENTITY)
    for kind, limit in ((BOUNDARY, who.boundary), (SESSION, who.session)):
        if limit is not None and _matching(limit, "Allow", access, context) is None:
            return Decision(False, missing=kind)
    return Decision(True, statement=allow)


def _denial(access: Access, resource_policy: tuple[Statement, ...], context: Values) -> Decision | None:
    who = access.principal
    for kind, statements in (
        (IDENTITY, who.policies),
        (BOUNDARY, who.boundary or ()),
        (SESSION, who.session or ()),
    ):
        found = _matching(statements, "Deny", access, context)
        if found is not None:
            return Decision(False, denied_by=kind, statement=found)
    for statement in resource_policy:
        if statement.effect != "Deny" or not _applies(statement, access, context):
            continue
        if _names(statement, replace(who, unknown=False)):
            return Decision(False, denied_by=RESOURCE, statement=statement)
    return None


def _grant(
    access: Access, resource_policy: tuple[Statement, ...], context: Values
) -> tuple[str, Statement] | None:
    """Return the best way in which the resource's policy allows the principal, with the statement."""
    found = None
    for statement in resource_policy:
        if statement.effect != "Allow" or not _applies(statement, access, context):
            continue
        how = _names(statement, access.principal)
        if how == "direct":
            return how, statement
        if how:
            found = how, statement
    return found


def _names(statement: Statement, who: Principal) -> str:
    if statement.not_principals:
        return "" if any(who.named_by(*each) for each in statement.not_principals) else "direct"
    ways = {who.named_by(*each) for each in statement.principals}
    return "direct" if "direct" in ways else "account" if "account" in ways else ""


def _matching(
    statements: Iterable[Statement], effect: str, access: Access, context: Values
) -> Statement | None:
    return next(
        (each for each in statements if each.effect == effect and _applies(each, access, context)), None
    )


def _applies(statement: Statement, access: Access, context: Values) -> bool:
    return (
        statement.covers_action(access.action)
        and statement.covers_resource(access.resource, context)
        and statement.unmet(context) is None
    )
