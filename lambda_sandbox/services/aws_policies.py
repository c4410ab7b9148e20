"""AWS's own managed policies, such as AWSLambdaBasicExecutionRole, for moto's IAM, and for the roles of stacks.

moto knows their documents and offers none of them unless it loads all, some 1,300, at its start. Here each is there once somebody names
it. And a role in a template has its ``ManagedPolicyArns``, of which moto takes no notice, and changes with its template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_OF_AWS = "arn:aws:iam::aws:policy/"
_NAMING = ("attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy")


def install(module: Any) -> None:
    """Change ``moto.iam.models``."""
    for name in _NAMING:
        _offer(module, name)
    _take_policies_from_templates(module.Role)


def _offer(module: Any, name: str) -> None:
    act = getattr(module.IAMBackend, name)

    def wrapped(self: Any, policy_arn: str, *args: Any, **options: Any) -> Any:
        if policy_arn.startswith(_OF_AWS) and policy_arn not in self.managed_policies:
            policy = _policy(module, self, policy_arn)
            if policy is not None:
                self.managed_policies[policy_arn] = policy
        return act(self, policy_arn, *args, **options)

    setattr(module.IAMBackend, name, wrapped)


def _policy(module: Any, backend: Any, policy_arn: str) -> Any:
    """Return moto's object of one of AWS's policies; None if there is none of that ARN."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    name = policy_arn.rpartition("/")[2]
    found = json.loads(aws_managed_policies_data).get(name)  # not kept: it is many megabytes
    if found is None:
        return None
    policy = module.AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, found)
    return policy if policy.arn == policy_arn else None


def _take_policies_from_templates(role_class: Any) -> None:
    create = role_class.create_from_cloudformation_json.__func__
    update = role_class.update_from_cloudformation_json.__func__
    delete = role_class.delete_from_cloudformation_json.__func__

    def created(cls: Any, resource_name: str, cloudformation_json: Any, *args: Any, **options: Any) -> Any:
        role = create(cls, resource_name, cloudformation_json, *args, **options)
        _attach(role, cloudformation_json["Properties"])
        return role

    def updated(
        cls: Any, /, original_resource: Any, *args: Any, cloudformation_json: Any, **options: Any
    ) -> Any:
        update(cls, original_resource, *args, cloudformation_json=cloudformation_json, **options)
        properties = cloudformation_json["Properties"]
        trust = properties["AssumeRolePolicyDocument"]
        original_resource.assume_role_policy_document = trust if isinstance(trust, str) else json.dumps(trust)
        _detach(original_resource)
        _attach(original_resource, properties)
        return original_resource

    def deleted(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, *args: Any, **options: Any
    ) -> Any:
        for role in list(_backend(account_id).roles.values()):
            if role.name == resource_name:
                _detach(role)
        return delete(cls, resource_name, cloudformation_json, account_id, *args, **options)

    role_class.create_from_cloudformation_json = classmethod(created)
    role_class.update_from_cloudformation_json = classmethod(updated)
    role_class.delete_from_cloudformation_json = classmethod(deleted)


def _attach(role: Any, properties: Mapping[str, Any]) -> None:
    """Give a role the policies that its template has now, in place of those that it had; documents are texts, as IAM answers."""
    for name in getattr(role, "of_template", ()):
        role.policies.pop(name, None)
    given = properties.get("Policies") or ()
    role.of_template = [policy["PolicyName"] for policy in given]
    for policy in given:
        document = policy["PolicyDocument"]
        role.put_policy(policy["PolicyName"], document if isinstance(document, str) else json.dumps(document))
    for arn in properties.get("ManagedPolicyArns") or ():
        _backend(role.account_id).attach_role_policy(arn, role.name)


def _detach(role: Any) -> None:
    for arn in list(role.managed_policies):
        _backend(role.account_id).detach_role_policy(arn, role.name)


def _backend(account_id: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[account_id]["aws"]
