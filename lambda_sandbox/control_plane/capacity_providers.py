"""Operations on capacity providers.

DIFFERS: a capacity provider (Lambda Managed Instances) is checked, kept and shown, and never starts an instance. A function that names
one runs, and is billed, like any other here: an environment takes one event at a time, where those on AWS's instances take many.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lambda_sandbox.control_plane import tags
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.database import Collection
from lambda_sandbox.control_plane.function_configuration import iso_time
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import (
    CapacityProviderLimitExceededException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import LATEST, Caller, FunctionConfiguration

_PAGE = 50  # Source: botocore's model, MaxFiftyListItems
_LIMIT = 1_000  # in an account. Source: AWS Lambda Developer Guide, "Lambda quotas", read 2026-11
_ARN = re.compile(
    r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):capacity-provider:(?P<name>[a-zA-Z0-9-_]+)"
)
# Source: AWS Lambda Developer Guide, "Lambda Managed Instances", read 2026-11
_DEFAULT_SCALING = {"MaxVCpuCount": 400, "ScalingMode": "Auto"}
_STORED = frozenset({"CapacityProviderScalingConfig", "PropagateTags", "TelemetryConfig"})
_CREATED = frozenset({"VpcConfig", "PermissionsConfig", "InstanceRequirements", "KmsKeyArn"})
_NAME = frozenset({"CapacityProviderName"})
_NO_INSTANCE = "no instance is ever started here"

COVERAGE: dict[str, Coverage] = {
    "CreateCapacityProvider": Coverage(
        works=_NAME | {"Tags"},
        stored=_CREATED | _STORED,
        notes=dict.fromkeys(_CREATED | _STORED, _NO_INSTANCE),
    ),
    "GetCapacityProvider": Coverage(works=_NAME),
    "UpdateCapacityProvider": Coverage(
        works=_NAME, stored=_STORED, notes=dict.fromkeys(_STORED, _NO_INSTANCE)
    ),
    "DeleteCapacityProvider": Coverage(works=_NAME),
    "ListCapacityProviders": Coverage(works=frozenset({"State", "Marker", "MaxItems"})),
    "ListFunctionVersionsByCapacityProvider": Coverage(works=_NAME | {"Marker", "MaxItems"}),
}


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    """One capacity provider; ``settings`` is in AWS's casing, as it was given, since nothing in here reads it."""

    account_id: str
    region: str
    name: str
    last_modified: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:capacity-provider:{self.name}"


def collection(store: Store) -> Collection[CapacityProvider]:
    """Return what is kept of all accounts."""
    return store.collection("capacity-provider", CapacityProvider, lambda each: (each.name,))


class CapacityProviders:
    """The six operations. A provider is ``Pending`` in the answer that makes it and ``Active`` when it is looked at."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self.kept = collection(context.store)
        self.operations: Operations = {
            "CreateCapacityProvider": self.create,
            "GetCapacityProvider": self.get,
            "UpdateCapacityProvider": self.update,
            "DeleteCapacityProvider": self.delete,
            "ListCapacityProviders": self.list,
            "ListFunctionVersionsByCapacityProvider": self.list_function_versions,
        }

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = _name(params, caller)
        given = {key: params[key] for key in _CREATED | _STORED if params.get(key) is not None}
        given.setdefault("InstanceRequirements", {}).setdefault("Architectures", ["x86_64"])
        given["CapacityProviderScalingConfig"] = _DEFAULT_SCALING | given.get(
            "CapacityProviderScalingConfig", {}
        )
        _check(given)
        tags.check({}, params.get("Tags") or {})
        if self.kept.get(caller.account_id, caller.region, name) is not None:
            # UNCONFIRMED: wording
            raise ResourceConflictException(f"Capacity provider already exists: {name}")
        if len(self.kept.owned(caller.account_id, caller.region)) >= _LIMIT:
            # UNCONFIRMED: wording
            raise CapacityProviderLimitExceededException(
                f"The limit of {_LIMIT} capacity providers for your account has been reached."
            )
        made = CapacityProvider(caller.account_id, caller.region, name, iso_time(self._clock.now()), given)
        with self._store.database.transaction():
            self.kept.put(made)
            self._store.put_tags(made.arn, params.get("Tags") or {})
        return {"CapacityProvider": _to_wire(made, "Pending")}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return {"CapacityProvider": _to_wire(self._existing(params, caller))}

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        provider = self._existing(params, caller)
        given = {key: params[key] for key in _STORED if params.get(key) is not None}
        if "CapacityProviderScalingConfig" in given:
            given["CapacityProviderScalingConfig"] = _scaling(
                provider.settings["CapacityProviderScalingConfig"], given["CapacityProviderScalingConfig"]
            )
        settings = {**provider.settings, **given}
        _check(settings)
        updated = replace(provider, settings=settings, last_modified=iso_time(self._clock.now()))
        self.kept.put(updated)
        return {"CapacityProvider": _to_wire(updated)}

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        provider = self._existing(params, caller)
        if self._users(provider):
            # UNCONFIRMED: wording
            raise ResourceConflictException(
                f"Capacity provider {provider.arn} is in use by functions and cannot be deleted."
            )
        with self._store.database.transaction():
            self.kept.delete(provider)
            self._store.forget_tags(provider.arn)
        return {"CapacityProvider": _to_wire(provider, "Deleting")}

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        asked = params.get("State") in (None, "Active")  # whatever is kept is active
        kept = self.kept.owned(caller.account_id, caller.region) if asked else []
        shown, marker = page(kept, lambda each: each.name, params, _PAGE)
        return {"CapacityProviders": [_to_wire(each) for each in shown], "NextMarker": marker}

    def list_function_versions(self, params: Params, caller: Caller) -> dict[str, Any]:
        provider = self._existing(params, caller)
        # POLICY: ListFunctionVersionsByCapacityProvider lists published versions and leaves $LATEST out, which is only what the next
        # version is made from.
        published = [each for each in self._users(provider) if each.version != LATEST]
        shown, marker = page(published, lambda each: each.qualified_arn, params, _PAGE)
        return {
            "CapacityProviderArn": provider.arn,
            "FunctionVersions": [{"FunctionArn": each.qualified_arn, "State": each.state} for each in shown],
            "NextMarker": marker,
        }

    def _users(self, provider: CapacityProvider) -> Sequence[FunctionConfiguration]:
        functions = self._store.functions(provider.account_id, provider.region)
        users = [
            each
            for each in functions
            if each.capacity_provider is not None and each.capacity_provider.arn == provider.arn
        ]
        return sorted(users, key=lambda each: each.qualified_arn)

    def _existing(self, params: Params, caller: Caller) -> CapacityProvider:
        name = _name(params, caller)
        found = self.kept.get(caller.account_id, caller.region, name)
        if found is None:
            # UNCONFIRMED: wording
            raise ResourceNotFoundException(f"Capacity provider not found: {params['CapacityProviderName']}")
        return found


def _name(params: Params, caller: Caller) -> str:
    """Return the name from a name or an ARN of the caller's account and Region."""
    given: str = params["CapacityProviderName"]
    found = _ARN.fullmatch(given)
    if found is None:
        return given
    if (found["account"], found["region"]) != (caller.account_id, caller.region):
        raise ResourceNotFoundException(f"Capacity provider not found: {given}")  # UNCONFIRMED: wording
    return found["name"]


def _scaling(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Policies belong to manual scaling: going back to ``Auto`` drops them."""
    merged = {**present, **given}
    if given.get("ScalingMode") == "Auto" and "ScalingPolicies" not in given:
        merged.pop("ScalingPolicies", None)
    return merged


def _check(settings: Mapping[str, Any]) -> None:
    """Hold the settings against each other. UNCONFIRMED: the wordings in here."""
    requirements = settings.get("InstanceRequirements", {})
    if requirements.get("AllowedInstanceTypes") and requirements.get("ExcludedInstanceTypes"):
        raise InvalidParameterValueException(
            "AllowedInstanceTypes and ExcludedInstanceTypes cannot be specified together."
        )
    scaling = settings["CapacityProviderScalingConfig"]
    if scaling["ScalingMode"] == "Manual" and not scaling.get("ScalingPolicies"):
        raise InvalidParameterValueException("ScalingPolicies are required when ScalingMode is Manual.")
    if scaling["ScalingMode"] == "Auto" and scaling.get("ScalingPolicies"):
        raise InvalidParameterValueException("ScalingPolicies are supported only when ScalingMode is Manual.")
    propagate = settings.get("PropagateTags", {})
    if propagate.get("Mode") == "Explicit" and not propagate.get("ExplicitTags"):
        raise InvalidParameterValueException("ExplicitTags are required when Mode is Explicit.")
    if propagate.get("Mode") != "Explicit" and propagate.get("ExplicitTags"):
        raise InvalidParameterValueException("ExplicitTags are supported only when Mode is Explicit.")


def _to_wire(provider: CapacityProvider, state: str = "Active") -> dict[str, Any]:
    return {
        "CapacityProviderArn": provider.arn,
        "State": state,
        "LastModified": provider.last_modified,
        **provider.settings,
    }
