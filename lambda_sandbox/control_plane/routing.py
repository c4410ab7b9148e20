"""From the name in an invocation to the version that runs it; a weighted alias decides anew for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.publishing import pending
from lambda_sandbox.errors import NoPublishedVersionException
from lambda_sandbox.resources import LATEST, LATEST_PUBLISHED, Alias, Caller, FunctionConfiguration


class Authorize(Protocol):
    """Asked whether a caller may do ``action`` to an ARN, qualified as it was named; raises ``AccessDeniedException``."""

    def __call__(self, action: str, function_arn: str, caller: Caller) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where invocations by one name go; it holds until the function, a version or an alias of it changes.

    ``function`` is the version, or the main version of ``alias``. ``other`` runs ``weight`` (0.0-1.0) of the invocations.
    ``invoked_arn`` ends in the qualifier that was named.
    """

    function: FunctionConfiguration
    invoked_arn: str
    alias: Alias | None = None
    other: FunctionConfiguration | None = None
    weight: float = 0.0

    def choose(self, random: Random) -> tuple[FunctionConfiguration, str]:
        """Return the version for one invocation, and why it is this one: empty where there was nothing to choose."""
        if self.alias is None:
            return self.function, ""
        if self.other is None:
            return self.function, f"alias {self.alias.name} means version {self.function.version}"
        drawn = random.random()
        below = drawn < self.weight
        chosen, share = (self.other, self.weight) if below else (self.function, 1.0 - self.weight)
        draw = f"drew {drawn:.4f}, {'' if below else 'not '}below {self.weight:g}"
        return chosen, f"alias {self.alias.name} sends {share:.0%} to version {chosen.version} ({draw})"


class Router:
    """Reads only; any thread may call ``route``, one at a time may ``choose``."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._snapshots = context.snapshot_states
        self._random = Random(context.config.seed)  # noqa: S311 - it decides where traffic goes, not who may enter

    def route(self, function_name: str, qualifier: str | None, caller: Caller, authorize: Authorize) -> Route:
        """Return where invocations by this name go.

        Raises ``ResourceNotFoundException``, ``ResourceConflictException`` while the function is being created or a version
        has no snapshot, ``NoPublishedVersionException`` and ``AccessDeniedException`` for a function of another account that
        ``authorize`` does not let the caller invoke.
        """
        name = names.parse(function_name, qualifier, caller, foreign=True)
        if name.account_id:
            authorize("lambda:InvokeFunction", name.arn(caller), caller)
        function, alias = self._lookup.version_of(name, caller)
        if name.qualifier is None and function.capacity_provider is not None:
            function = self._published(function)
        self._refuse_inactive(function)
        other, weight = self._other(function, alias)
        return Route(self._whole(function), name.arn(caller), alias, other, weight)

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]:
        """Return the version for the next invocation along ``route``, and why.

        Raises ``ResourceConflictException`` where an alias has drawn its other version and that is not active.
        """
        chosen, why = route.choose(self._random)
        if chosen is route.other:
            self._refuse_inactive(chosen)
        return chosen, why

    def _refuse_inactive(self, function: FunctionConfiguration) -> None:
        if self._clock.now() < function.pending_until:
            raise pending()
        self._snapshots.refuse_inactive(function)

    def _published(self, latest: FunctionConfiguration) -> FunctionConfiguration:
        """AWS: the bare name of a function of Managed Instances means what was published last, never ``$LATEST``."""
        found = self._store.function(latest.account_id, latest.region, latest.function_name, LATEST_PUBLISHED)
        if found is None:
            # UNCONFIRMED: wording
            raise NoPublishedVersionException("The function has no published versions available.")
        return found

    def _other(
        self, function: FunctionConfiguration, alias: Alias | None
    ) -> tuple[FunctionConfiguration | None, float]:
        if alias is None or not alias.additional_versions:
            return None, 0.0
        [(version, weight)] = alias.additional_versions
        found = self._store.function(function.account_id, function.region, function.function_name, version)
        return (self._whole(found), weight) if found is not None else (None, 0.0)

    def _whole(self, function: FunctionConfiguration) -> FunctionConfiguration:
        """Give a version what belongs to the function and is kept on ``$LATEST``."""
        if function.version == LATEST:
            return function
        latest = self._store.function(function.account_id, function.region, function.function_name)
        if latest is None:
            return function
        return replace(
            function,
            reserved_concurrency=latest.reserved_concurrency,
            recursive_loop=latest.recursive_loop,
            code_signing_config_arn=latest.code_signing_config_arn,
        )
