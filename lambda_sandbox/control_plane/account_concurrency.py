"""What an account's concurrency in a Region is promised to, and what may still be promised."""

from __future__ import annotations

from lambda_sandbox import quotas
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import LATEST, FunctionConfiguration


class AccountConcurrency:
    """Reserved and provisioned concurrency against the account's limit. Reads only."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self.limit = context.config.account_concurrency
        # AWS: an account whose limit is lower than 100 has all of it as the minimum, so it can reserve nothing.
        self._minimum = min(quotas.UNRESERVED_CONCURRENCY_MIN, self.limit)

    def reserved(self, account_id: str, region: str) -> int:
        """Return the sum over the functions that have reserved concurrency."""
        functions = self._store.functions(account_id, region)
        return sum(each.reserved_concurrency or 0 for each in functions if each.version == LATEST)

    def provisioned(self, function: FunctionConfiguration, but: str = "") -> int:
        """Return the sum over the function's versions and aliases, leaving one qualifier out."""
        configs = self._store.provisioned.owned(function.account_id, function.region, function.function_name)
        return sum(each.requested for each in configs if each.qualifier != but)

    def check_reserved(self, function: FunctionConfiguration, wanted: int) -> None:
        """Raise ``InvalidParameterValueException`` when the function cannot have ``wanted``."""
        provisioned = self.provisioned(function)
        if wanted < provisioned:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                f"ReservedConcurrentExecutions {wanted} should not be lower than function's total provisioned "
                f"concurrency [{provisioned}]."
            )
        if self.limit - self._promised(function) - wanted < self._minimum:
            raise InvalidParameterValueException(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{self._minimum}]."
            )

    def check_provisioned(self, function: FunctionConfiguration, qualifier: str, wanted: int) -> None:
        """Raise ``InvalidParameterValueException`` when ``qualifier`` cannot have ``wanted``."""
        total = self.provisioned(function, but=qualifier) + wanted
        if function.reserved_concurrency is not None:
            if total > function.reserved_concurrency:
                # UNCONFIRMED: wording
                raise InvalidParameterValueException(
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function"
                )
            return
        if self.limit - self._promised(function) - total < self._minimum:
            raise InvalidParameterValueException(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{self._minimum}]."
            )

    def _promised(self, function: FunctionConfiguration) -> int:
        """What all other functions hold: their reserved concurrency, or else what they have provisioned."""
        others = [
            each
            for each in self._store.functions(function.account_id, function.region)
            if each.version == LATEST and each.function_name != function.function_name
        ]
        return sum(
            self.provisioned(each) if each.reserved_concurrency is None else each.reserved_concurrency
            for each in others
        )
