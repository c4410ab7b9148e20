"""Bucket policies decide by our reading of the policy language, in place of moto's.

To moto a statement that has a condition denies all that do not meet it, whatever its effect; so the usual ``Deny`` where
``aws:SecureTransport`` is false, which ``cdk bootstrap`` makes, would shut everybody out.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.iam.patterns import Values
from lambda_sandbox.iam.policy import PolicyFault, Statement, parse

_EVERYONE = ("*", "*")


def install(module: Any) -> None:
    """Change ``moto.s3.models``."""
    from moto.iam.access_control import PermissionResult

    def get_permission(self: Any, action: str, resource: str) -> Any:
        effect = _effect(self, action, resource)
        if effect is None:
            return PermissionResult.NEUTRAL
        return PermissionResult.DENIED if effect == "Deny" else PermissionResult.PERMITTED

    module.FakeBucket.get_permission = get_permission


def _effect(bucket: Any, action: str, resource: str) -> str | None:
    """Return ``Deny`` or ``Allow`` if a statement for everyone says so about this request, ``None`` if none does.

    DIFFERS: of a bucket's policy the statements about everyone (``"Principal": "*"``) decide. Those about one account, role or
    service are kept and told: what a caller may do is its own policies' business here, and with ``--enforce-iam`` only.
    """
    if bucket.policy is None:
        return None
    try:
        statements = parse(bucket.policy.decode())
    except PolicyFault:  # a policy that S3 itself would not have taken says nothing
        return None
    context = _context(bucket.account_id)
    effects = {
        each.effect
        for each in statements
        if _EVERYONE in each.principals and _applies(each, action, resource, context)
    }
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def _applies(statement: Statement, action: str, resource: str, context: Values) -> bool:
    return (
        statement.covers_action(action)
        and statement.covers_resource(resource, context)
        and statement.unmet(context) is None
    )


def _context(account_id: str) -> Values:
    """Return the keys that are the same for every request here.

    DIFFERS: a request counts as one over TLS for ``aws:SecureTransport`` in a bucket's policy: the sandbox speaks plain HTTP, on
    loopback only.
    """
    return {
        "aws:securetransport": ("true",),
        "aws:sourceip": ("127.0.0.1",),
        "aws:principalaccount": (account_id,),
        "aws:resourceaccount": (account_id,),
        "s3:resourceaccount": (account_id,),
    }
