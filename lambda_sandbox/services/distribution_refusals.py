"""What of a distribution would change what viewers get, and is not done here: refused by its name, never ignored.

DIFFERS: of a distribution's settings ``ViewerProtocolPolicy``, certificates, price class, logging, HTTP versions and origin access
controls are kept and shown, and change nothing: all is plain HTTP on this machine, and the sandbox may read its own buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def refusal(config: Mapping[str, Any]) -> str:
    """Return why a ``DistributionConfig`` (as CloudFront's XML says it) cannot be served, empty when it can."""
    what = next((name for name in _unserved(config)), "")
    return f"The sandbox does not serve {what}: leave it out." if what else ""


def _unserved(config: Mapping[str, Any]) -> list[str]:
    found = [name for name in ("Aliases", "CustomErrorResponses", "OriginGroups") if _items(config, name)]
    found += [name for name in ("WebACLId", "ContinuousDeploymentPolicyId") if config.get(name)]
    geo = (config.get("Restrictions") or {}).get("GeoRestriction") or {}
    if geo.get("RestrictionType", "none") != "none":
        found.append("GeoRestriction")
    for behaviour in (config.get("DefaultCacheBehavior") or {}, *_items(config, "CacheBehaviors")):
        found += _of_behaviour(behaviour)
    for origin in _items(config, "Origins"):
        found += ["VpcOriginConfig"] if origin.get("VpcOriginConfig") else []
    return found


def _of_behaviour(behaviour: Mapping[str, Any]) -> list[str]:
    found = [
        name
        for name in (
            "OriginRequestPolicyId",
            "ResponseHeadersPolicyId",
            "FieldLevelEncryptionId",
            "RealtimeLogConfigArn",
        )
        if behaviour.get(name)
    ]
    switches = ("TrustedSigners", "TrustedKeyGroups", "GrpcConfig")
    on = [name for name in switches if str((behaviour.get(name) or {}).get("Enabled")).lower() == "true"]
    return found + on


def _items(config: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = (config.get(name) or {}).get("Items") or []
    return list(items) if isinstance(items, list) else [items]
