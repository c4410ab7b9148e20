"""AWS::ECR::Repository. moto's own passes over the lifecycle policy and the repository's policy.

DIFFERS: a repository of ECR is kept and told, and holds no images: nothing answers ``docker push`` here, and a function is no image.

Source: CloudFormation template reference, "AWS::ECR::Repository", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_changes, tag_pairs

_POLICY, _LIFECYCLE, _EMPTY = "RepositoryPolicyText", "LifecyclePolicy", "EmptyOnDelete"
_SCANNING, _MUTABILITY = "ImageScanningConfiguration", "ImageTagMutability"


class Repository(Resource):
    """Ref gives its name."""

    TYPE = "AWS::ECR::Repository"
    SERVICE = "ecr"
    NAME = "RepositoryName"
    UNIQUE = True
    FIXED = frozenset({"RepositoryName", "EncryptionConfiguration"})
    KNOWN = frozenset({_POLICY, _LIFECYCLE, _EMPTY, _SCANNING, _MUTABILITY, "Tags"})
    UNSERVED = frozenset({"ImageTagMutabilityExclusionFilters"})
    ATTRIBUTES = frozenset({"Arn", "RepositoryUri"})

    def create(self) -> None:
        given = self.properties
        made = self.api.call(
            "CreateRepository",
            repositoryName=self.name,
            encryptionConfiguration=_api_form(given.get("EncryptionConfiguration")),
            imageScanningConfiguration=_api_form(given.get(_SCANNING)),
            imageTagMutability=given.get(_MUTABILITY),
            tags=tag_pairs(given.get("Tags")),
        )["repository"]
        self.physical_resource_id = self.name
        self.attributes = {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}
        try:
            self._configure({})
        except Exception:  # the stack must not leave a repository behind that it does not know of
            self.remove()
            raise

    def change(self, old: Properties) -> None:
        given = self.properties
        if given.get(_MUTABILITY) != old.get(_MUTABILITY):
            wanted = given.get(_MUTABILITY, "MUTABLE")
            self.api.call("PutImageTagMutability", repositoryName=self.name, imageTagMutability=wanted)
        if given.get(_SCANNING) != old.get(_SCANNING):
            wanted = _api_form(given.get(_SCANNING)) or {"scanOnPush": False}
            self.api.call(
                "PutImageScanningConfiguration", repositoryName=self.name, imageScanningConfiguration=wanted
            )
        gone, come = tag_changes(old.get("Tags"), given.get("Tags"))
        if gone:
            self.api.call("UntagResource", resourceArn=self.attributes["Arn"], tagKeys=gone)
        if come:
            pairs = [{"Key": key, "Value": value} for key, value in come.items()]
            self.api.call("TagResource", resourceArn=self.attributes["Arn"], tags=pairs)
        self._configure(old)

    def remove(self) -> None:
        empty = str(self.properties.get(_EMPTY, False)).lower() == "true"
        self.api.call_if_there("DeleteRepository", repositoryName=self.name, force=empty)

    def _configure(self, old: Properties) -> None:
        """Bring the two policies from those in ``old`` to the template's."""
        self._policy(old, _POLICY, _text, "SetRepositoryPolicy", "policyText", "DeleteRepositoryPolicy")
        self._policy(
            old, _LIFECYCLE, _rules, "PutLifecyclePolicy", "lifecyclePolicyText", "DeleteLifecyclePolicy"
        )

    def _policy(
        self, old: Properties, name: str, read: Callable[[Any], str], put: str, member: str, take: str
    ) -> None:
        wanted = self.properties.get(name)
        if wanted == old.get(name):
            return
        if wanted is None:
            self.api.call(take, repositoryName=self.name)
        else:
            self.api.call(put, repositoryName=self.name, **{member: read(wanted)})


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


def _rules(policy: Properties) -> str:
    unknown = sorted(policy.keys() - {"LifecyclePolicyText", "RegistryId"})
    if unknown:
        raise ValueError(f"Properties validation failed: extraneous key [{unknown[0]}] is not permitted")
    return str(policy.get("LifecyclePolicyText", ""))


def _api_form(given: Properties | None) -> Properties | None:
    """Members of ECR's API begin with a small letter, where those of a template begin with a capital one."""
    return None if given is None else {name[0].lower() + name[1:]: value for name, value in given.items()}


IMAGE_REPOSITORIES: tuple[type[Resource], ...] = (Repository,)
