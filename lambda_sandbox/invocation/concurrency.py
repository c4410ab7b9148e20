"""How much concurrency and how many requests a second each account and function may use, and uses.

Concurrency is counted per account and Region, and within that per function. What functions reserved and what provisioned
concurrency holds is taken out of the pool that the others share.

Source: AWS Lambda Developer Guide, "Understanding Lambda function scaling" and "Lambda scaling behavior", read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lambda_sandbox import quotas
from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation.version_keys import VersionKeys

SCALING_LIMIT = (
    f"the scaling rate: a function adds at most {quotas.SCALING_ENVIRONMENTS:,} environments in "
    f"{quotas.SCALING_INTERVAL_S:g} s"
)


class TokenBucket:
    """Tokens that come back continuously, ``per_s`` of them, and never pile up above ``capacity``. It starts full."""

    __slots__ = ("_at", "_level", "capacity", "per_s")

    def __init__(self, capacity: float, per_s: float) -> None:
        # Floats, as levels are: to compare the two kinds of numbers takes ten times as long.
        self.capacity, self.per_s = float(capacity), float(per_s)
        self._level = float("inf")
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        level = self._level + (now - self._at) * self.per_s
        if level > self.capacity:
            level = self.capacity
        self._at = now
        if level < 1.0:
            self._level = level
            return False
        self._level = level - 1.0
        return True


@dataclass(slots=True, eq=False)
class AccountShare:
    """One account in one Region. ``provisioned`` is what functions without a reservation hold for their versions."""

    limit: int
    reserved: dict[str, int] = field(default_factory=dict)
    provisioned: int = 0
    in_use: int = 0
    unreserved_in_use: int = 0
    unreserved: int = 0  # the pool that functions without a reservation share
    functions: list[FunctionShare] = field(default_factory=list, repr=False)
    requests: TokenBucket = field(init=False)

    def __post_init__(self) -> None:
        self.requests = _requests(self.limit)
        self.recount()

    def recount(self) -> None:
        """Share out again, after something was set aside or given back."""
        self.unreserved = max(0, self.limit - sum(self.reserved.values()) - self.provisioned)
        for share in self.functions:
            share.recount()


@dataclass(slots=True, eq=False)
class FunctionShare:
    """One function, all versions together. ``provisioned`` environments are promised, ``promised`` in all, and
    ``provisioned_in_use`` busy."""

    account: AccountShare
    reserved: int | None = None
    in_use: int = 0
    provisioned: dict[str, int] = field(default_factory=dict)
    promised: int = 0
    provisioned_in_use: int = 0
    requests: TokenBucket = field(default_factory=lambda: _requests(0))
    environments: TokenBucket = field(
        default_factory=lambda: TokenBucket(
            quotas.SCALING_ENVIRONMENTS, quotas.SCALING_ENVIRONMENTS / quotas.SCALING_INTERVAL_S
        )
    )

    def __post_init__(self) -> None:
        self.account.functions.append(self)
        self.recount()

    def recount(self) -> None:
        """Let as many requests a second come as the units are worth that the function may use."""
        shared = self.reserved is None
        units = self.account.unreserved + self.promised if shared else self.reserved or 0
        requests = self.requests
        requests.capacity = requests.per_s = float(units * quotas.REQUESTS_PER_S_PER_CONCURRENCY)


def _requests(units: int) -> TokenBucket:
    """AWS: ten requests a second for each unit of concurrency.

    POLICY: the requests that the rate limit (ten a second for each unit of concurrency) allows in a second may come all at once.
    """
    per_s = units * quotas.REQUESTS_PER_S_PER_CONCURRENCY
    return TokenBucket(per_s, per_s)


class Concurrency:
    """``account_limit`` is concurrent executions of each account in each Region."""

    def __init__(self, account_limit: int) -> None:
        self.account_limit = account_limit
        self._accounts: dict[tuple[str, str], AccountShare] = {}
        self._functions: dict[str, FunctionShare] = {}

    def account(self, account_id: str, region: str) -> AccountShare:
        share = self._accounts.get((account_id, region))
        if share is None:
            share = self._accounts[account_id, region] = AccountShare(self.account_limit)
        return share

    def function(self, arn: str) -> FunctionShare:
        share = self._functions.get(arn)
        if share is None:
            _, _, _, region, account_id, *_ = arn.split(":")
            share = self._functions[arn] = FunctionShare(self.account(account_id, region))
        return share

    def in_use(self, arn: str) -> int:
        """Return the invocations of the function that run now."""
        share = self._functions.get(arn)
        return share.in_use + share.provisioned_in_use if share is not None else 0

    def forget(self, arn: str) -> None:
        """Drop the books of a function that was deleted; what still runs of it keeps them open."""
        share = self._functions.get(arn)
        if share is not None and not share.in_use and not share.provisioned_in_use:
            del self._functions[arn]
            share.account.functions.remove(share)

    # --- what is set aside ---------------------------------------------------------------------------

    def set_reserved(self, arn: str, reserved: int | None) -> None:
        """Reserve concurrency for a function, or give it back to the pool with ``None``."""
        share = self.function(arn)
        if share.reserved == reserved:
            return
        account = share.account
        if share.reserved is None:
            account.unreserved_in_use -= share.in_use
            account.provisioned -= share.promised
        share.reserved = reserved
        if reserved is None:
            account.reserved.pop(arn, None)
            account.unreserved_in_use += share.in_use
            account.provisioned += share.promised
        else:
            account.reserved[arn] = reserved
        account.recount()

    def set_provisioned(self, arn: str, qualified_arn: str, count: int) -> None:
        """Set aside ``count`` environments of a version, 0 for none; out of the reservation if there is one."""
        share = self.function(arn)
        change = count - share.provisioned.pop(qualified_arn, 0)
        if count:
            share.provisioned[qualified_arn] = count
        share.promised += change
        if share.reserved is None:
            share.account.provisioned += change
            share.account.recount()

    # --- invocations ---------------------------------------------------------------------------------

    def reserve(self, keys: VersionKeys, now: float, synchronous: bool, provisioned: bool) -> FunctionShare:
        """Take one unit of concurrency. Raises ``TooManyRequestsException`` with AWS's reason when none is left.

        ``provisioned``: a provisioned environment is free, whose unit was set aside before.
        """
        share = self._functions.get(keys.arn) or self.function(keys.arn)
        reserved = keys.function.reserved_concurrency
        if share.reserved != reserved:
            self.set_reserved(keys.arn, reserved)
        account = share.account
        if not provisioned:
            if reserved is None:
                if account.unreserved_in_use >= account.unreserved:
                    raise throttle("ConcurrentInvocationLimitExceeded")
            elif share.in_use + share.promised >= reserved:
                raise throttle("ReservedFunctionConcurrentInvocationLimitExceeded")
        if synchronous:
            self._check_rates(share, account, now)
        account.in_use += 1
        if provisioned:
            share.provisioned_in_use += 1
        else:
            share.in_use += 1
            if reserved is None:
                account.unreserved_in_use += 1
        return share

    def release(self, share: FunctionShare, provisioned: bool) -> None:
        account = share.account
        account.in_use -= 1
        if provisioned:
            share.provisioned_in_use -= 1
            return
        share.in_use -= 1
        if share.reserved is None:
            account.unreserved_in_use -= 1

    def grow(self, share: FunctionShare, now: float) -> bool:
        """Take one of the 1,000 environments that a function may add in 10 seconds."""
        return share.environments.take(now)

    def _check_rates(self, share: FunctionShare, account: AccountShare, now: float) -> None:
        if not share.requests.take(now):
            kind = "Function" if share.reserved is None else "ReservedFunction"
            raise throttle(f"{kind}InvocationRateLimitExceeded")
        if not account.requests.take(now):
            raise throttle("CallerRateLimitExceeded")


def throttle(reason: str) -> TooManyRequestsException:
    """Return the error for one of AWS's reasons."""
    return TooManyRequestsException("Rate Exceeded.", Reason=reason)
