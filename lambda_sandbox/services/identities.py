"""Who an access key belongs to and what may be done with it: read from moto's IAM and STS, inside moto's process.

IAM's own API shows neither secrets nor, in one call, all policies that hold for a user or a session. Only the sandbox
can ask: its endpoint keeps every path below ``/_sandbox/`` to itself.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.services.own_question import OwnQuestion

PATH = "/_sandbox/identity"
_PARTITION = "aws"


class Identities(OwnQuestion):
    """``POST /_sandbox/identity``."""

    PATH = PATH

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        return answer(question)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Answer ``{"role": ARN}`` with a role's trust policy and its own policies, ``{"access_key": KEY}`` with whom the key belongs to.

    With ``session`` (``role_arn``, ``name``, ``secret_key``, ``token``) the key is an execution environment's, and STS is
    told of it first. An empty answer means that nobody has the key, or that there is no such role.
    """
    if "role" in question:
        role = _role(question["role"])
        return {} if role is None else _of_role(role)
    if "session" in question:
        _register(question["access_key"], question["session"])
    return _of_user(question["access_key"]) or _of_session(question["access_key"]) or {}


def _of_user(access_key: str) -> dict[str, Any] | None:
    for account_id, backend in _iam():
        for user in list(backend.users.values()):
            for key in list(user.access_keys):
                if key.access_key_id == access_key and key.status == "Active":
                    holders = [user, *(group for group in backend.groups.values() if user in group.users)]
                    return {
                        "arn": user.arn,
                        "account_id": account_id,
                        "secret_key": key.secret_access_key,
                        "token": "",
                        "policies": [text for holder in holders for text in _policies(holder)],
                        "keys": {
                            "aws:username": user.name,
                            "aws:userid": user.id,
                            "aws:principalarn": user.arn,
                            "aws:principaltype": "User",
                            **_tags(backend.tagger.list_tags_for_resource(user.arn)),
                        },
                    }
    return None


def _of_session(access_key: str) -> dict[str, Any] | None:
    from moto.sts.models import sts_backends

    for account_id, backends in list(sts_backends.items()):
        session = backends[_PARTITION].get_assumed_role_from_access_key(access_key)
        if session is None or _seconds(session.expiration) < datetime.now(UTC).timestamp():
            continue
        role = _role(session.role_arn)
        boundary = _document(role.permissions_boundary_arn) if role else None
        return {
            "arn": session.arn,
            "account_id": account_id,
            "role_arn": session.role_arn,
            "secret_key": session.secret_access_key,
            "token": session.session_token,
            "expires": _seconds(session.expiration),
            "policies": _policies(role) if role else [],
            **({"boundary": boundary} if boundary else {}),
            **({"session": session.policy} if session.policy else {}),
            "keys": {
                "aws:userid": session.user_id,
                "aws:principalarn": session.role_arn,
                "aws:principaltype": "AssumedRole",
                **(_tags({"Tags": role.tags or []}) if role else {}),
            },
        }
    return None


def _of_role(role: Any) -> dict[str, Any]:
    boundary = _document(role.permissions_boundary_arn)
    return {
        "trust": role.assume_role_policy_document,
        "policies": _policies(role),
        **({"boundary": boundary} if boundary else {}),
    }


def _register(access_key: str, given: dict[str, str]) -> None:
    """Make an environment's credentials a session of its role that STS and every service of moto know."""
    from moto.iam.models import AccessKey, iam_backends
    from moto.sts.models import AssumedRole, sts_backends

    account_id = given["role_arn"].split(":")[4]
    sts = sts_backends[account_id][_PARTITION]
    if sts.get_assumed_role_from_access_key(access_key) is not None:
        return
    make_key: Any = AccessKey  # abstract to a type checker, not to Python
    key = make_key(None, "ASIA", account_id)
    key.access_key_id, key.secret_access_key, key.role_arn = (
        access_key,
        given["secret_key"],
        given["role_arn"],
    )
    # An environment lives for hours at most; the sandbox itself forgets the key when it stops.
    session = AssumedRole(
        account_id, "us-east-1", key, given["name"], given["role_arn"], "", duration=12 * 3600, external_id=""
    )
    session.session_token = given["token"]
    iam_backends[account_id][_PARTITION].access_keys[access_key] = key
    sts.assumed_roles.append(session)


def _iam() -> list[tuple[str, Any]]:
    from moto.iam.models import iam_backends

    return [(account_id, backends[_PARTITION]) for account_id, backends in list(iam_backends.items())]


def _role(arn: str) -> Any:
    for _, backend in _iam():
        for role in list(backend.roles.values()):
            if role.arn == arn:
                return role
    return None


def _policies(holder: Any) -> list[str]:
    """Return the documents of a user's, group's or role's inline and managed policies."""
    attached = [_default_version(policy) for policy in holder.managed_policies.values()]
    return [*map(_text, holder.policies.values()), *map(_text, attached)]


def _document(policy_arn: str | None) -> str | None:
    if not policy_arn:
        return None
    for _, backend in _iam():
        policy = backend.managed_policies.get(policy_arn)
        if policy is not None:
            return _text(_default_version(policy))
    return None


def _default_version(policy: Any) -> Any:
    return next(each.document for each in policy.versions if each.version_id == policy.default_version_id)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _tags(listed: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in listed.get("Tags") or ()}


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
