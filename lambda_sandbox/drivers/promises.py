"""Keeps the core in step with the control plane: reservations, provisioned concurrency, snapshots, versions that went."""

from __future__ import annotations

from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Action
from lambda_sandbox.invocation.version_keys import pool_key
from lambda_sandbox.resources import LATEST, FunctionConfiguration, ProvisionedConcurrency


class Promises:
    """Reads the control plane's store, and returns what the driver has to carry out; one belongs to each driver."""

    def __init__(self, store: Store, core: Core) -> None:
        self._store = store
        self._core = core

    def at_start(self) -> list[Action]:
        """Take up what was promised before the process began."""
        for function in self._store.all_functions():
            if function.version == LATEST and function.reserved_concurrency is not None:
                self._core.reserve(function.arn, function.reserved_concurrency)
        return self.provisioned_changed()

    def function_changed(self, function_arn: str) -> list[Action]:
        """A function, or a version or an alias of it, was made, changed or deleted. ``function_arn`` is unqualified."""
        _, _, _, region, account_id, _, name = function_arn.split(":")
        versions = {each.version: each for each in self._store.versions.owned(account_id, region, name)}
        actions = self._core.retire(function_arn, versions.get(LATEST))
        running = {each.function.version for each in self._core.pool.of_function(function_arn)}
        for version in sorted(running - versions.keys()):
            actions += self._core.retire_version(f"{function_arn}:{version}")
        newest = max((each for each in versions if each.isdigit()), key=int, default=LATEST)
        if newest != LATEST and f"{function_arn}:{newest}" not in self._core.snapshots:
            actions += self._core.snapshot(versions[newest])
        return actions + self.provisioned_changed()

    def provisioned_changed(self) -> list[Action]:
        """Start and stop environments until they are as many as the configurations ask for."""
        actions: list[Action] = []
        wanted = {arn: (function, count) for arn, function, count in self._wanted()}
        for arn, provision in list(self._core.provisions.items()):
            if arn not in wanted:
                actions += self._core.provision(arn, provision.function, 0)
        for arn, (function, count) in wanted.items():
            known = self._core.provisions.get(arn)
            same = known is not None and pool_key(known.function) == pool_key(function)
            if known is None or not same or known.requested != count:
                actions += self._core.provision(arn, function, count)
        return actions

    def _wanted(self) -> list[tuple[str, FunctionConfiguration, int]]:
        found = []
        for config in self._store.provisioned.all():
            function = self._version(config)
            if function is not None:
                found.append((f"{function.arn}:{config.qualifier}", function, config.requested))
        return found

    def _version(self, config: ProvisionedConcurrency) -> FunctionConfiguration | None:
        """DIFFERS: provisioned concurrency of an alias with two versions is all for the main version; AWS divides it by the weights."""
        owner = (config.account_id, config.region, config.function_name)
        alias = self._store.aliases.get(*owner, config.qualifier)
        return self._store.function(*owner, alias.function_version if alias else config.qualifier)
