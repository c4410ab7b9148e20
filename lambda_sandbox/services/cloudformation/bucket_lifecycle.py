"""``LifecycleConfiguration`` of ``AWS::S3::Bucket``, as the public API takes it. Pure.

DIFFERS: lifecycle rules of a bucket are kept and told, and nothing expires or moves to another storage class by them.

Source: CloudFormation's reference of AWS::S3::Bucket LifecycleConfiguration and Rule, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Members that the API has under the same name.
_SAME = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status")
_EXPIRATION = {
    "ExpirationInDays": "Days",
    "ExpirationDate": "Date",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
_FILTER = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
# The template's list, its older form of one, and what each member is called in the API.
_TRANSITIONS = {
    "Transitions": ("Transition", {"TransitionInDays": "Days", "TransitionDate": "Date"}),
    "NoncurrentVersionTransitions": ("NoncurrentVersionTransition", {"TransitionInDays": "NoncurrentDays"}),
}
_OLD_EXPIRATION = "NoncurrentVersionExpirationInDays"
_RULE = frozenset(
    {"Id", "TagFilters", _OLD_EXPIRATION, *_SAME, *_EXPIRATION, *_FILTER, *_TRANSITIONS}
    | {older for older, _ in _TRANSITIONS.values()}
)
# How many objects a transition asks for is the one setting that is not a rule's.
_DEFAULT_SIZE = "TransitionDefaultMinimumObjectSize"


def api_form(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template's configuration as ``PutBucketLifecycleConfiguration`` takes it.

    Raises ``ValueError`` for a key that there is not.
    """
    _refuse_unknown(given, frozenset({"Rules", _DEFAULT_SIZE}))
    if _DEFAULT_SIZE in given:
        raise ValueError(f"The sandbox does not emulate {_DEFAULT_SIZE} of AWS::S3::Bucket: leave it out.")
    return {"Rules": [_rule(each) for each in given.get("Rules") or []]}


def _rule(given: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(given, _RULE)
    made: dict[str, Any] = {name: given[name] for name in _SAME if name in given}
    if "Id" in given:
        made["ID"] = given["Id"]
    expiration = {member: given[name] for name, member in _EXPIRATION.items() if name in given}
    if expiration:
        made["Expiration"] = expiration
    if _OLD_EXPIRATION in given:
        made.setdefault("NoncurrentVersionExpiration", {"NoncurrentDays": given[_OLD_EXPIRATION]})
    for name, (older, members) in _TRANSITIONS.items():
        wanted = [*(given.get(name) or []), *([given[older]] if older in given else [])]
        if wanted:
            made[name] = [{members.get(key, key): value for key, value in each.items()} for each in wanted]
    made["Filter"] = _filter(given)
    return made


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    """One condition stands alone; several are members of ``And``. A rule for all objects has the empty prefix."""
    plain = {name: given[name] for name in _FILTER if name in given}
    tags = list(given.get("TagFilters") or [])
    if len(plain) + len(tags) > 1:
        return {"And": plain | ({"Tags": tags} if tags else {})}
    if tags:
        return {"Tag": tags[0]}
    return plain or {"Prefix": ""}


def _refuse_unknown(given: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ValueError(f"Properties validation failed: extraneous key [{unknown[0]}] is not permitted")
