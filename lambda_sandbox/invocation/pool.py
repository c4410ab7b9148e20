"""Which environments exist and which are free."""

from __future__ import annotations

from collections import defaultdict

from lambda_sandbox.invocation.environment import ANSWERED, Environment

# POLICY: an event goes to the environment that answered last, even if that is ready only half a millisecond later: faster
# than to wake another one. AWS documents no order.
_SOON_S = 0.0005


class Pool:
    """Environments by id, and the free ones most recently used first."""

    def __init__(self) -> None:
        self.environments: dict[str, Environment] = {}
        self._free: dict[str, list[Environment]] = defaultdict(list)

    def take(self, key: str) -> Environment | None:
        """Return a free environment of a version, or ``None``: the one used last, the hottest in the processor's caches.

        One that has answered and was slow to ask for its next event before comes last, but ahead of a cold start.
        """
        free = self._free.get(key)
        if not free:
            return None
        hottest = free[-1]
        if hottest.state is ANSWERED and hottest.asks_after_s > _SOON_S:
            return _taken(free, _choose(free, provisioned=False))
        environment = free.pop()
        environment.free = False
        return environment

    def take_provisioned(self, key: str) -> Environment | None:
        """Return a free environment that provisioned concurrency keeps for a version, or ``None``; likewise."""
        free = self._free.get(key)
        return _taken(free, _choose(free, provisioned=True)) if free else None

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
        return [e for e in self.idle() if e.idle_since <= moment]

    def oldest_idle(self) -> float | None:
        return min((e.idle_since for e in self.idle()), default=None)

    def of_function(self, arn: str) -> list[Environment]:
        return [e for e in list(self.environments.values()) if e.function.arn == arn]

    def of_provision(self, qualified_arn: str) -> list[Environment]:
        return [e for e in list(self.environments.values()) if e.provisioned_by == qualified_arn]

    def idle(self) -> list[Environment]:
        """Return the free environments but for provisioned ones."""
        return [e for free in self._free.values() for e in free if not e.provisioned_by]


def _taken(free: list[Environment], place: int | None) -> Environment | None:
    if place is None:
        return None
    environment = free.pop(place)
    environment.free = False
    return environment


def _choose(free: list[Environment], provisioned: bool) -> int | None:
    last = None
    for place in range(len(free) - 1, -1, -1):
        if provisioned and not free[place].provisioned_by:
            continue
        if free[place].state is not ANSWERED:
            return place
        last = place if last is None else last
    return last
