"""GetAccountSettings: the limits of the account and what it uses of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.control_plane.account_concurrency import AccountConcurrency
from lambda_sandbox.control_plane.context import Context, Operations
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.package_sources import storage_used
from lambda_sandbox.resources import Caller

COVERAGE: dict[str, Coverage] = {"GetAccountSettings": Coverage()}


class AccountSettings:
    """The one operation."""

    def __init__(self, context: Context) -> None:
        self._config = context.config
        self._store = context.store
        self._concurrency = AccountConcurrency(context)
        self.operations: Operations = {"GetAccountSettings": self.get}

    def get(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        functions = self._store.functions(caller.account_id, caller.region)
        reserved = self._concurrency.reserved(caller.account_id, caller.region)
        return {
            "AccountLimit": {
                "TotalCodeSize": self._config.code_storage_bytes,
                "CodeSizeUnzipped": quotas.UNZIPPED_BYTES,
                "CodeSizeZipped": quotas.ZIP_DIRECT_BYTES,
                "ConcurrentExecutions": self._concurrency.limit,
                "UnreservedConcurrentExecutions": self._concurrency.limit - reserved,
            },
            "AccountUsage": {
                "TotalCodeSize": storage_used(self._store, caller),
                "FunctionCount": len({function.function_name for function in functions}),
            },
        }
