"""Which environments exist, which are free, and how much concurrency is in use."""

from __future__ import annotations

from collections import defaultdict

from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.resources import FunctionConfiguration


def version_key(function: FunctionConfiguration) -> str:
    """Return what two invocations must share to share an environment: version and revision."""
    return f"{function.qualified_arn}@{function.revision_id}"


class Pool:
    """Environments by id, free ones most recently used first, and the concurrency each function uses."""

    def __init__(self, account_limit: int) -> None:
        self.account_limit = account_limit
        self.environments: dict[str, Environment] = {}
        self._free: dict[str, list[Environment]] = defaultdict(list)
        self._in_use: dict[str, int] = defaultdict(int)
        self._total = 0

    def reserve(self, function: FunctionConfiguration) -> None:
        """Take one unit of concurrency. Raises ``TooManyRequestsException`` with AWS's reason when none is left."""
        arn = function.arn
        limit = function.reserved_concurrency
        if limit is not None and self._in_use[arn] >= limit:
            raise TooManyRequestsException(
                "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
            )
        if self._total >= self.account_limit:
            raise TooManyRequestsException("Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded")
        self._in_use[arn] += 1
        self._total += 1

    def release(self, function: FunctionConfiguration) -> None:
        self._total -= 1
        left = self._in_use[function.arn] - 1
        if left:
            self._in_use[function.arn] = left
        else:
            del self._in_use[function.arn]

    def take(self, function: FunctionConfiguration) -> Environment | None:
        """Return a free environment, or ``None``: the one used last, the hottest in the processor's caches.

        One that has answered and is just about to ask for its next event comes last, but before a cold start.
        """
        free = self._free.get(version_key(function))
        if not free:
            return None
        place = next((i for i in range(len(free) - 1, -1, -1) if free[i].state is not State.ANSWERED), -1)
        environment = free.pop(place)
        environment.free = False
        return environment

    def add(self, environment: Environment) -> None:
        self.environments[environment.environment_id] = environment

    def give_back(self, environment: Environment) -> None:
        if not environment.free:
            environment.free = True
            self._free[version_key(environment.function)].append(environment)

    def remove(self, environment: Environment) -> None:
        self.environments.pop(environment.environment_id, None)
        key = version_key(environment.function)
        free = self._free.get(key)
        if free and environment in free:
            free.remove(environment)
        environment.free = False
        if not free:
            self._free.pop(key, None)

    def idle_before(self, moment: float) -> list[Environment]:
        """Return the free environments that were last used at or before ``moment``."""
        return [
            environment
            for free in self._free.values()
            for environment in free
            if environment.idle_since <= moment
        ]

    def oldest_idle(self) -> float | None:
        return min((e.idle_since for free in self._free.values() for e in free), default=None)

    def of_function(self, arn: str) -> list[Environment]:
        return [
            e for e in self.environments.values() if e.function.arn == arn and e.state is not State.STOPPED
        ]

    def concurrency(self, arn: str) -> int:
        return self._in_use.get(arn, 0)
