"""Operations on provisioned concurrency: environments of a version that are kept initialised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.account_concurrency import AccountConcurrency
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.publishing import pending
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    ProvisionedConcurrencyConfigNotFoundException,
    ResourceConflictException,
)
from lambda_sandbox.resources import (
    LATEST,
    Alias,
    Caller,
    FunctionConfiguration,
    ProvisionedConcurrency,
    ProvisionedStatus,
)

_PAGE = 50  # Source: botocore's model, MaxProvisionedConcurrencyConfigListItems
_QUALIFIED = frozenset({"FunctionName", "Qualifier"})

COVERAGE: dict[str, Coverage] = {
    "PutProvisionedConcurrencyConfig": Coverage(works=_QUALIFIED | {"ProvisionedConcurrentExecutions"}),
    "GetProvisionedConcurrencyConfig": Coverage(works=_QUALIFIED),
    "ListProvisionedConcurrencyConfigs": Coverage(works=frozenset({"FunctionName", "Marker", "MaxItems"})),
    "DeleteProvisionedConcurrencyConfig": Coverage(works=_QUALIFIED),
}


class ProvisionedConcurrencyConfigs:
    """The four operations. How far an allocation is, the core says through ``provisioned_status``."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._account = AccountConcurrency(context)
        self._status = context.provisioned_status
        self._on_change = context.on_provisioned_change
        self.operations: Operations = {
            "PutProvisionedConcurrencyConfig": self.put,
            "GetProvisionedConcurrencyConfig": self.get,
            "ListProvisionedConcurrencyConfigs": self.list,
            "DeleteProvisionedConcurrencyConfig": self.delete,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.function(params["FunctionName"], caller)
        qualifier = self._qualifier(
            params,
            caller,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        )
        version, alias = self._lookup.version(function.function_name, qualifier, caller)
        self._check_version(version, alias)
        if self._clock.now() < version.pending_until:
            raise pending()
        wanted = params["ProvisionedConcurrentExecutions"]
        self._account.check_provisioned(function, qualifier, wanted)
        config = ProvisionedConcurrency(
            account_id=function.account_id,
            region=function.region,
            function_name=function.function_name,
            qualifier=qualifier,
            requested=wanted,
            last_modified=f"{datetime.fromtimestamp(self._clock.now(), UTC):%Y-%m-%dT%H:%M:%S}+0000",
        )
        self._store.provisioned.put(config)
        self._on_change()
        return _to_wire(config, ProvisionedStatus("IN_PROGRESS"), answer_of_put=True)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        config = self._existing(params, caller)
        if config is None:
            raise ProvisionedConcurrencyConfigNotFoundException(
                "No Provisioned Concurrency Config found for this function"
            )
        return self._shown(config)

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.function(params["FunctionName"], caller)
        configs = self._store.provisioned.owned(caller.account_id, caller.region, function.function_name)
        shown, marker = page(configs, lambda each: each.qualifier, params, _PAGE)
        wire = [{"FunctionArn": f"{function.arn}:{each.qualifier}", **self._shown(each)} for each in shown]
        return {"ProvisionedConcurrencyConfigs": wire, "NextMarker": marker}

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        """AWS: deleting what is not there is no error, as long as the function is."""
        config = self._existing(params, caller)
        if config is not None:
            self._store.provisioned.delete(config)
            self._on_change()
        return {}

    def _existing(self, params: Params, caller: Caller) -> ProvisionedConcurrency | None:
        function = self._lookup.function(params["FunctionName"], caller)
        # UNCONFIRMED: wording
        qualifier = self._qualifier(
            params, caller, "The function resource provided must be an alias or a published version."
        )
        self._lookup.version(function.function_name, qualifier, caller)
        return self._store.provisioned.get(
            function.account_id, function.region, function.function_name, qualifier
        )

    def _qualifier(self, params: Params, caller: Caller, refusal: str) -> str:
        """Return the qualifier of a version or alias; ``$LATEST`` is refused in the operation's own words."""
        qualifier = names.parse(params["FunctionName"], params["Qualifier"], caller).qualifier
        if qualifier in (None, LATEST):
            raise InvalidParameterValueException(refusal)
        assert qualifier is not None
        return qualifier

    def _check_version(self, version: FunctionConfiguration, alias: Alias | None) -> None:
        if version.version == LATEST:
            raise InvalidParameterValueException(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        if alias is not None and alias.additional_versions:
            raise InvalidParameterValueException(
                "Alias with weights can not be used with Provisioned Concurrency"
            )
        if version.tenant_isolation:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "Provisioned Concurrency is not supported for functions with tenant isolation."
            )
        if version.snap_start == "PublishedVersions":
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "Provisioned Concurrency is not supported for functions enabled with SnapStart."
            )
        # UNCONFIRMED: wording, here and in what it calls
        if alias is None:
            self._refuse_version_of_alias(version)
        elif self._config(version, version.version):
            raise ResourceConflictException(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
            )

    def _refuse_version_of_alias(self, version: FunctionConfiguration) -> None:
        aliases = self._store.aliases.owned(version.account_id, version.region, version.function_name)
        for alias in aliases:
            pointed = {alias.function_version, *(each for each, _ in alias.additional_versions)}
            if version.version in pointed and self._config(version, alias.name):
                raise ResourceConflictException("Version is pointed to by a Provisioned Concurrency alias")

    def _config(self, version: FunctionConfiguration, qualifier: str) -> ProvisionedConcurrency | None:
        return self._store.provisioned.get(
            version.account_id, version.region, version.function_name, qualifier
        )

    def _shown(self, config: ProvisionedConcurrency) -> dict[str, Any]:
        arn = f"arn:aws:lambda:{config.region}:{config.account_id}:function:{config.function_name}"
        status = self._status(f"{arn}:{config.qualifier}")
        return _to_wire(config, status or ProvisionedStatus("IN_PROGRESS"))


def _to_wire(
    config: ProvisionedConcurrency, status: ProvisionedStatus, answer_of_put: bool = False
) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AllocatedProvisionedConcurrentExecutions": status.allocated,
        "Status": status.status,
        "LastModified": config.last_modified,
    }
    if not answer_of_put:
        wire["AvailableProvisionedConcurrentExecutions"] = status.available
    if status.reason:
        wire["StatusReason"] = status.reason
    return wire
