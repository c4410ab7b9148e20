"""Operations on code signing configurations, and what they say to a deployment.

DIFFERS: AWS Signer is not emulated, so no package counts as signed. A code signing configuration with ``Enforce`` refuses every
deployment, one with ``Warn`` none.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, replace
from typing import Any

from lambda_sandbox.control_plane import names, tags
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.database import Collection
from lambda_sandbox.control_plane.function_configuration import iso_time
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.publishing import refuse_while_changing
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import (
    CodeSigningConfigNotFoundException,
    CodeVerificationFailedException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import LATEST, Caller, FunctionConfiguration

_PAGE = 50  # Source: AWS Lambda API Reference, "ListCodeSigningConfigs", read 2026-11
_LETTERS = string.ascii_lowercase + string.digits
_SETTINGS = {"Description", "AllowedPublishers", "CodeSigningPolicies"}
_ARN = "CodeSigningConfigArn"

COVERAGE: dict[str, Coverage] = {
    "CreateCodeSigningConfig": Coverage(works=frozenset({"Tags", *_SETTINGS})),
    "GetCodeSigningConfig": Coverage(works=frozenset({_ARN})),
    "UpdateCodeSigningConfig": Coverage(works=frozenset({_ARN, *_SETTINGS})),
    "DeleteCodeSigningConfig": Coverage(works=frozenset({_ARN})),
    "ListCodeSigningConfigs": Coverage(works=frozenset({"Marker", "MaxItems"})),
    "ListFunctionsByCodeSigningConfig": Coverage(works=frozenset({_ARN, "Marker", "MaxItems"})),
    "PutFunctionCodeSigningConfig": Coverage(works=frozenset({_ARN, "FunctionName"})),
    "GetFunctionCodeSigningConfig": Coverage(works=frozenset({"FunctionName"})),
    "DeleteFunctionCodeSigningConfig": Coverage(works=frozenset({"FunctionName"})),
}


@dataclass(frozen=True, slots=True)
class CodeSigningConfig:
    """Who may sign the code of functions. ``policy`` is ``Warn`` or ``Enforce``; ``last_modified`` AWS's ISO text."""

    account_id: str
    region: str
    config_id: str
    profile_version_arns: tuple[str, ...]
    last_modified: str
    description: str = ""
    policy: str = "Warn"

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:code-signing-config:{self.config_id}"


def configs(store: Store) -> Collection[CodeSigningConfig]:
    """Return the configurations of all accounts."""
    return store.collection("code-signing-config", CodeSigningConfig, lambda each: (each.config_id,))


def find(store: Store, arn: str, caller: Caller) -> CodeSigningConfig | None:
    """Return the caller's configuration with this ARN."""
    found = configs(store).get(caller.account_id, caller.region, arn.rpartition(":")[2])
    return found if found is not None and found.arn == arn else None


def users(store: Store, config: CodeSigningConfig) -> list[FunctionConfiguration]:
    """Return the functions that have the configuration, by name."""
    return [
        each
        for each in store.functions(config.account_id, config.region)
        if each.code_signing_config_arn == config.arn and each.version == LATEST
    ]


def check_deployment(store: Store, function: FunctionConfiguration, caller: Caller) -> None:
    """Refuse new code that the function's configuration does not let pass; it is never signed.

    Raises ``CodeSigningConfigNotFoundException`` and ``CodeVerificationFailedException``.
    """
    if not function.code_signing_config_arn:
        return
    config = _usable(store, function, function.code_signing_config_arn, caller)
    if config.policy == "Enforce":
        raise CodeVerificationFailedException(
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
            f"client is not configured to accept. Check the provided signature for {function.function_name}."
        )


class CodeSigningConfigs:
    """The nine operations."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._configs = configs(context.store)
        self.operations: Operations = {
            "CreateCodeSigningConfig": self.create,
            "GetCodeSigningConfig": self.get,
            "UpdateCodeSigningConfig": self.update,
            "DeleteCodeSigningConfig": self.delete,
            "ListCodeSigningConfigs": self.list,
            "ListFunctionsByCodeSigningConfig": self.list_functions,
            "PutFunctionCodeSigningConfig": self.put_on_function,
            "GetFunctionCodeSigningConfig": self.get_of_function,
            "DeleteFunctionCodeSigningConfig": self.delete_of_function,
        }

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        given = params.get("Tags") or {}
        tags.check({}, given)
        config = CodeSigningConfig(
            account_id=caller.account_id,
            region=caller.region,
            config_id="csc-" + "".join(secrets.choice(_LETTERS) for _ in range(17)),
            profile_version_arns=(),
            last_modified="",
        )
        config = self._changed(config, params)
        with self._store.database.transaction():
            self._configs.put(config)
            self._store.put_tags(config.arn, given)
        return {"CodeSigningConfig": _to_wire(config)}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return {"CodeSigningConfig": _to_wire(self._existing(params[_ARN], caller))}

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        config = self._changed(self._existing(params[_ARN], caller), params)
        self._configs.put(config)
        return {"CodeSigningConfig": _to_wire(config)}

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        config = self._existing(params[_ARN], caller)
        if users(self._store, config):
            # UNCONFIRMED: wording
            raise ResourceConflictException(
                f"The code signing configuration {config.arn} is in use by one or more Lambda functions."
            )
        with self._store.database.transaction():
            self._configs.delete(config)
            self._store.forget_tags(config.arn)
        return {}

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        owned = self._configs.owned(caller.account_id, caller.region)
        shown, marker = page(owned, lambda each: each.config_id, params, _PAGE)
        return {"CodeSigningConfigs": [_to_wire(each) for each in shown], "NextMarker": marker}

    def list_functions(self, params: Params, caller: Caller) -> dict[str, Any]:
        found = users(self._store, self._existing(params[_ARN], caller))
        shown, marker = page(found, lambda each: each.function_name, params, _PAGE)
        return {"FunctionArns": [each.arn for each in shown], "NextMarker": marker}

    # --- on a function -------------------------------------------------------------------------------

    def put_on_function(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        config = _usable(self._store, function, params[_ARN], caller)
        refuse_while_changing(function, self._clock.now())
        self._store.versions.put(replace(function, code_signing_config_arn=config.arn))
        return {_ARN: config.arn, "FunctionName": function.function_name}

    def get_of_function(self, params: Params, caller: Caller) -> dict[str, Any]:
        """AWS: both members are always there; UNCONFIRMED: without a configuration the ARN is empty."""
        function = self._function(params, caller)
        return {_ARN: function.code_signing_config_arn, "FunctionName": function.function_name}

    def delete_of_function(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        refuse_while_changing(function, self._clock.now())
        self._store.versions.put(replace(function, code_signing_config_arn=""))
        return {}

    # --- parts ---------------------------------------------------------------------------------------

    def _function(self, params: Params, caller: Caller) -> FunctionConfiguration:
        name = names.parse_unqualified(params["FunctionName"], caller)
        function = self._lookup.function(name.name, caller)
        _refuse_image(function)
        return function

    def _existing(self, arn: str, caller: Caller) -> CodeSigningConfig:
        config = find(self._store, arn, caller)
        if config is None:
            # UNCONFIRMED: wording
            raise ResourceNotFoundException(f"The Lambda code signing configuration {arn} can not be found.")
        return config

    def _changed(self, config: CodeSigningConfig, params: Params) -> CodeSigningConfig:
        fields: dict[str, Any] = {"last_modified": iso_time(self._clock.now())}
        if params.get("Description") is not None:
            fields["description"] = params["Description"]
        if params.get("AllowedPublishers") is not None:
            fields["profile_version_arns"] = tuple(params["AllowedPublishers"]["SigningProfileVersionArns"])
        policy = (params.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")
        return replace(config, **fields, policy=policy or config.policy)


def _usable(store: Store, function: FunctionConfiguration, arn: str, caller: Caller) -> CodeSigningConfig:
    _refuse_image(function)
    config = find(store, arn, caller)
    if config is None:
        # UNCONFIRMED: wording
        raise CodeSigningConfigNotFoundException(
            "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
            f"{arn}."
        )
    return config


def _refuse_image(function: FunctionConfiguration) -> None:
    if function.package_type == "Image":
        raise InvalidParameterValueException(
            "Code signing is not supported for functions created with container images."
        )


def _to_wire(config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "CodeSigningConfigId": config.config_id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.profile_version_arns)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": config.last_modified,
    }
