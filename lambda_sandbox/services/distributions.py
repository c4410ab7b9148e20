"""Distributions of moto whose names lead to this machine, with their functions, and what the front door needs of them.

moto drops the functions of a cache behaviour; here they are kept, and refused as CloudFront refuses them.

DIFFERS: the domain name of a distribution ends in ``.cloudfront.localhost`` instead of ``.cloudfront.net``.
"""

from __future__ import annotations

import base64
import functools
import sys
from typing import Any

from lambda_sandbox.services import distribution_refusals, edge_associations
from lambda_sandbox.services.edge_lookup import EdgeLookup
from lambda_sandbox.services.forwarder import Forwarder

PATH = "/_sandbox/distributions/"
_DEFAULT_TTL_S, _MAX_TTL_S = (
    86400,
    31536000,
)  # Source: CloudFront API Reference, "CacheBehavior", read 2026-11
# Managed cache policies: minimum, default and maximum TTL, and whether queries, cookies and all headers are in the key.
_POLICIES: dict[str, dict[str, Any]] = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": {
        "min_ttl": 1,
        "default_ttl": _DEFAULT_TTL_S,
        "max_ttl": _MAX_TTL_S,
    },
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": {"min_ttl": 0, "default_ttl": 0, "max_ttl": 0},
}


def install(module: Any, forwarder: Forwarder) -> None:
    """Keep and check functions of cache behaviours; name distributions so that they can be called."""
    behaviour = module.DefaultCacheBehaviour
    behaviour.__init__ = _with_functions(behaviour.__init__)
    module.Distribution.__init__ = _named(module.Distribution.__init__)
    module.CloudFrontBackend.create_distribution_with_tags = _checked(
        module.CloudFrontBackend.create_distribution_with_tags, forwarder, 0
    )
    module.CloudFrontBackend.update_distribution = _checked(
        module.CloudFrontBackend.update_distribution, forwarder, 0
    )


def _with_functions(original: Any) -> Any:
    @functools.wraps(original)
    def made(self: Any, config: dict[str, Any]) -> None:
        original(self, config)
        for member, name in (
            ("LambdaFunctionAssociations", "lambda_function_associations"),
            ("FunctionAssociations", "function_associations"),
        ):
            items = (config.get(member) or {}).get("Items") or []
            setattr(self, name, {"Quantity": len(items), "Items": items} if items else {"Quantity": 0})
        self.sandbox_ttl = _ttl(config)
        if not config.get("CachePolicyId"):
            self.default_ttl, self.max_ttl = self.sandbox_ttl["default_ttl"], self.sandbox_ttl["max_ttl"]
        self.sandbox_key = _key(config)

    return made


def _named(original: Any) -> Any:
    @functools.wraps(original)
    def named(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.domain_name = self.domain_name.replace(".cloudfront.net", ".cloudfront.localhost")

    return named


def _checked(original: Any, forwarder: Forwarder, position: int) -> Any:
    @functools.wraps(original)
    def checked(self: Any, *arguments: Any, **options: Any) -> Any:
        config = options.get("distribution_config") or options.get("dist_config") or arguments[position]
        _check(config, self.account_id, EdgeLookup(forwarder, self.account_id))
        return original(self, *arguments, **options)

    return checked


def _check(config: dict[str, Any], account_id: str, look_up: EdgeLookup) -> None:
    from moto.cloudfront.exceptions import CloudFrontException

    why = distribution_refusals.refusal(config)
    if why:
        raise CloudFrontException("InvalidArgument", why)
    behaviours = [
        config.get("DefaultCacheBehavior") or {},
        *((config.get("CacheBehaviors") or {}).get("Items") or []),
    ]
    for behaviour in behaviours:
        policy = behaviour.get("CachePolicyId")
        if policy and policy not in _POLICIES:
            raise CloudFrontException(
                "NoSuchCachePolicy",
                f"The sandbox has no cache policy {policy}: use ForwardedValues, or the managed CachingOptimized or CachingDisabled.",
            )
        lambdas = (behaviour.get("LambdaFunctionAssociations") or {}).get("Items") or []
        functions = (behaviour.get("FunctionAssociations") or {}).get("Items") or []
        why = edge_associations.refusal_of_combination(functions, lambdas)
        if why:
            raise CloudFrontException(
                "InvalidFunctionAssociation" if functions else "InvalidLambdaFunctionAssociation", why
            )
        for association in lambdas:
            why = edge_associations.refusal(association, account_id, look_up)
            if why:
                raise CloudFrontException("InvalidLambdaFunctionAssociation", why)


def _ttl(config: dict[str, Any]) -> dict[str, int]:
    policy = _POLICIES.get(config.get("CachePolicyId") or "")
    if policy is not None:
        return policy
    minimum = int(config.get("MinTTL") or 0)
    maximum = int(_given(config, "MaxTTL", _MAX_TTL_S))
    default = int(_given(config, "DefaultTTL", _DEFAULT_TTL_S))
    return {"min_ttl": minimum, "default_ttl": max(minimum, default), "max_ttl": max(minimum, maximum)}


def _given(config: dict[str, Any], member: str, otherwise: int) -> Any:
    value = config.get(member)
    return otherwise if value is None else value


def _key(config: dict[str, Any]) -> dict[str, Any]:
    """What of a request tells cached answers apart, and is passed on to the origin."""
    values = config.get("ForwardedValues") or {}
    cookies = values.get("Cookies") or {}
    return {
        "query": str(values.get("QueryString")).lower() == "true",
        "query_names": (values.get("QueryStringCacheKeys") or {}).get("Items") or [],
        "headers": [name.lower() for name in (values.get("Headers") or {}).get("Items") or []],
        "cookies": cookies.get("Forward") or "none",
        "cookie_names": (cookies.get("WhitelistedNames") or {}).get("Items") or [],
    }


def definition(domain_name: str) -> dict[str, Any] | None:
    """Return what one distribution does with requests, or ``None``."""
    models = sys.modules.get("moto.cloudfront.models")  # not loaded: nobody has made one
    if models is None:
        return None
    for partitions in list(models.cloudfront_backends.values()):
        for backend in list(partitions.values()):
            for distribution in list(backend.distributions.values()):
                if distribution.domain_name.lower() == domain_name:
                    return _distribution(backend, distribution)
    return None


def _distribution(backend: Any, distribution: Any) -> dict[str, Any]:
    config = distribution.distribution_config
    behaviours = [*(config.CacheBehaviors.get("Items") or []), config.DefaultCacheBehavior]
    return {
        "id": distribution.distribution_id,
        "account_id": backend.account_id,
        "domain_name": distribution.domain_name,
        "enabled": str(config.Enabled).lower() == "true",
        "default_root_object": config.DefaultRootObject,
        "origins": {origin.id: _origin(origin) for origin in config.Origins["Items"]},
        "behaviours": [_behaviour(each) for each in behaviours],
        "functions": {
            function.arn: base64.b64encode(_bytes(function.code)).decode()
            for function in backend.functions.values()
        },
        "invalidations": [
            {"id": each.id, "paths": list(each.paths)}
            for each in backend.invalidations.get(distribution.distribution_id) or []
        ],
    }


def _origin(origin: Any) -> dict[str, Any]:
    custom = getattr(origin, "custom_origin_config", None)
    made = {
        "domain_name": origin.domain_name,
        "path": origin.origin_path,
        "custom_headers": {
            each["HeaderName"]: each["HeaderValue"] for each in origin.custom_headers.get("Items") or []
        },
    }
    if custom is None:
        return {**made, "kind": "s3"}
    return {
        **made,
        "kind": "custom",
        "http_port": int(custom.http_port or 80),
        "https_port": int(custom.https_port or 443),
        "keepalive_timeout_s": int(custom.origin_keepalive_timeout),
        "read_timeout_s": int(custom.origin_read_timeout),
        "protocol_policy": custom.origin_protocol_policy,
        "ssl_protocols": list(custom.origin_ssl_protocols["Items"]),
    }


def _behaviour(behaviour: Any) -> dict[str, Any]:
    return {
        "path_pattern": getattr(behaviour, "path_pattern", "") or "*",
        "origin": behaviour.target_origin_id,
        "allowed_methods": list(behaviour.allowed_methods.items),
        **behaviour.sandbox_ttl,
        **behaviour.sandbox_key,
        "lambdas": [
            {
                "arn": each["LambdaFunctionARN"],
                "event": each["EventType"],
                "include_body": str(each.get("IncludeBody")).lower() == "true",
            }
            for each in behaviour.lambda_function_associations.get("Items") or []
        ],
        "functions": [
            {"arn": each["FunctionARN"], "event": each["EventType"]}
            for each in behaviour.function_associations.get("Items") or []
        ],
    }


def _bytes(code: Any) -> bytes:
    return code if isinstance(code, bytes) else str(code).encode()
