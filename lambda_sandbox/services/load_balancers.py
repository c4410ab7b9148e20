"""Application Load Balancers of moto whose names lead to this machine, and their definitions for the front door.

DIFFERS: the DNS name of a load balancer ends in ``.elb.localhost`` instead of ``.elb.amazonaws.com``.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder

PATH = "/_sandbox/load-balancers/"  # the endpoint keeps every path below /_sandbox/ to itself: only the sandbox can ask


def install(module: Any, forwarder: Forwarder) -> None:
    """Name load balancers so that they can be called, and refuse what is not done for functions."""
    module.FakeLoadBalancer.__init__ = _named(module.FakeLoadBalancer.__init__)
    module.FakeTargetGroup.__init__ = _unchecked(module.FakeTargetGroup.__init__)
    module.FakeTargetGroup.health_for = _health(module.FakeTargetGroup.health_for, module.FakeHealthStatus)
    module.ELBv2Backend.modify_target_group = _modify(module.ELBv2Backend.modify_target_group, module)


def _named(original: Any) -> Any:
    @functools.wraps(original)
    def named(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.dns_name = self.dns_name.replace(".elb.amazonaws.com", ".elb.localhost")

    return named


def _unchecked(original: Any) -> Any:
    """Health checks of functions are off unless asked for, as on AWS; they are refused, since nothing here runs them."""

    @functools.wraps(original)
    def made(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        if self.target_type == "lambda":
            if str(options.get("healthcheck_enabled") or "").lower() == "true":
                raise _refused()
            self.health_check_enabled = False

    return made


def _modify(original: Any, module: Any) -> Any:
    @functools.wraps(original)
    def modify(self: Any, arn: str, *arguments: Any, **options: Any) -> Any:
        group = self.target_groups.get(arn)
        values = [*arguments, *options.values()]
        asked = str(options.get("health_check_enabled", values[-1] if values else "")).lower() == "true"
        if group is not None and group.target_type == "lambda" and asked:
            raise _refused()
        return original(self, arn, *arguments, **options)

    return modify


def _health(original: Any, status: Any) -> Any:
    @functools.wraps(original)
    def health(self: Any, target: dict[str, Any], ec2_backend: Any) -> Any:
        if self.target_type != "lambda" or target["Id"] not in self.targets:
            return original(self, target, ec2_backend)
        why = "Health checks are not enabled for this target"
        return status(target["Id"], None, None, "unavailable", "Target.HealthCheckDisabled", why)

    return health


def _refused() -> Exception:
    from moto.elbv2.exceptions import InvalidConfigurationRequest

    return InvalidConfigurationRequest(
        "The sandbox runs no health checks of Lambda targets: leave HealthCheckEnabled out, which is AWS's default for them."
    )


def definition(dns_name: str) -> dict[str, Any] | None:
    """Return the listeners, rules and target groups of one load balancer, or ``None``."""
    models = sys.modules.get("moto.elbv2.models")  # not loaded: nobody has made one
    if models is None:
        return None
    for regions in list(models.elbv2_backends.values()):
        for backend in list(regions.values()):
            for balancer in list(backend.load_balancers.values()):
                if balancer.dns_name.lower() == dns_name:
                    return _balancer(backend, balancer)
    return None


def _balancer(backend: Any, balancer: Any) -> dict[str, Any]:
    listeners = list(balancer.listeners.values())
    return {
        "account_id": backend.account_id,
        "kind": balancer.type,
        "listeners": [_listener(each) for each in listeners],
        "target_groups": {group.arn: _group(group) for group in backend.target_groups.values()},
    }


def _listener(listener: Any) -> dict[str, Any]:
    rules = [
        {
            "priority": str(rule.priority),
            "conditions": rule.conditions,
            "actions": [action.data for action in rule.actions],
        }
        for rule in listener.rules.values()
    ]
    default = {
        "priority": "default",
        "conditions": [],
        "actions": [each.data for each in listener.default_actions],
    }
    rules = [rule for rule in rules if rule["priority"] != "default"]
    return {"port": int(listener.port), "protocol": listener.protocol, "rules": [*rules, default]}


def _group(group: Any) -> dict[str, Any]:
    return {
        "type": group.target_type,
        "targets": list(group.targets),
        "multi_value": str(group.attributes.get("lambda.multi_value_headers.enabled")).lower() == "true",
    }
