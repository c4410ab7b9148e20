"""Which environments exist and which are free."""

from __future__ import annotations

from collections import defaultdict

from lambda_sandbox.invocation.environment import ANSWERED, Environment


class Pool:
    """Environments by id, and the free ones most recently used first."""

    def __init__(self) -> None:
        self.environments: dict[str, Environment] = {}
        self._free: dict[str, list[Environment]] = defaultdict(list)

    def take(self, key: str, *, provisioned: bool = False) -> Environment | None:
        """Return a free environment of a version, or ``None``: the one used last, the hottest in the processor's caches.

        One that has answered and is just about to ask for its next event comes last, but before a cold start.
        ``provisioned``: only one that provisioned concurrency keeps.
        """
        free = self._free.get(key)
        if not free:
            return None
        environment = free[-1]
        if provisioned or environment.state is ANSWERED:
            chosen = _choose(free, provisioned)
            if chosen is None:
                return None
            environment = free.pop(chosen)
        else:
            free.pop()
        environment.free = False
        return environment

    def add(self, environment: Environment) -> None:
        self.environments[environment.environment_id] = environment

    def give_back(self, environment: Environment) -> None:
        if not environment.free:
            environment.free = True
            self._free[environment.pool_key].append(environment)

    def withdraw(self, environment: Environment) -> None:
        """Take one environment out of the free ones, for good or for its shutdown."""
        key = environment.pool_key
        free = self._free.get(key)
        if free and environment.free:
            free.remove(environment)
        environment.free = False
        if not free:
            self._free.pop(key, None)

    def remove(self, environment: Environment) -> None:
        self.withdraw(environment)
        self.environments.pop(environment.environment_id, None)

    def idle_before(self, moment: float) -> list[Environment]:
        """Return the free environments that were last used at or before ``moment``; provisioned ones are kept."""
        return [e for e in self._idle() if e.idle_since <= moment]

    def oldest_idle(self) -> float | None:
        return min((e.idle_since for e in self._idle()), default=None)

    def of_function(self, arn: str) -> list[Environment]:
        return [e for e in list(self.environments.values()) if e.function.arn == arn]

    def of_provision(self, qualified_arn: str) -> list[Environment]:
        return [e for e in list(self.environments.values()) if e.provisioned_by == qualified_arn]

    def _idle(self) -> list[Environment]:
        return [e for free in self._free.values() for e in free if not e.provisioned_by]


def _choose(free: list[Environment], provisioned: bool) -> int | None:
    last = None
    for place in range(len(free) - 1, -1, -1):
        if provisioned and not free[place].provisioned_by:
            continue
        if free[place].state is not ANSWERED:
            return place
        last = place if last is None else last
    return last
