"""What a denial says: AWS's sentence for the caller, and the missing statement for whoever learns from it."""

from __future__ import annotations

from collections.abc import Iterable

from lambda_sandbox.iam.evaluation import RESOURCE, Access, Decision
from lambda_sandbox.iam.policy import Statement


def message(access: Access, decision: Decision) -> str:
    """Return AWS's sentence for a decision that does not allow.

    Source: IAM User Guide, "Troubleshoot access denied error messages", read 2026-11.
    """
    text = f"User: {access.principal.arn} is not authorized to perform: {access.action} on resource: {access.resource}"
    if decision.denied_by:
        return f"{text} with an explicit deny in {_one(decision.denied_by)}"
    return f"{text} because no {decision.missing} allows the {access.action} action"


def explanation(access: Access, decision: Decision, resource_policy: Iterable[Statement] = ()) -> str:
    """Return which statement was missing or denied, and the nearest one that did not apply. One or two sentences."""
    who, what = access.principal.arn, f"{access.action} on {access.resource}"
    if decision.denied_by:
        named = _name(decision.statement) if decision.statement else "a statement"
        return f"{named} in {_one(decision.denied_by)} denies {what} to {who}."
    holder = access.resource if decision.missing == RESOURCE else who
    text = f"Missing: a statement that allows {what}, in {_one(decision.missing)} of {holder}."
    candidates = resource_policy if decision.missing == RESOURCE else access.principal.policies
    near = _nearest(access, candidates)
    return f"{text} {near}" if near else text


def _nearest(access: Access, statements: Iterable[Statement]) -> str:
    context = {**access.principal.keys, **access.context}
    for statement in statements:
        if statement.effect != "Allow" or not statement.covers_action(access.action):
            continue
        if not statement.covers_resource(access.resource, context):
            covered = ", ".join(statement.resources) or f"all but {', '.join(statement.not_resources)}"
            return f"{_name(statement)} allows the action, but on {covered}."
        unmet = statement.unmet(context)
        if unmet is not None:
            given = ", ".join(context.get(unmet.key.lower(), ())) or "absent"
            wanted = ", ".join(unmet.values)
            return f"{_name(statement)} would, but its condition {unmet.operator} {unmet.key} wants {wanted}; the request has {given}."
        if statement.principals or statement.not_principals:
            return f"{_name(statement)} allows it, but to another principal."
    return ""


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _name(statement: Statement) -> str:
    return f"The statement {statement.sid}" if statement.sid else "A statement without Sid"
