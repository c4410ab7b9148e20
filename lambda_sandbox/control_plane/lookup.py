"""From what a request says of a function to what exists."""

from __future__ import annotations

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.names import FunctionName
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import ResourceNotFoundException
from lambda_sandbox.resources import LATEST, Alias, Caller, FunctionConfiguration


class Lookup:
    """Reads only; any thread may call."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def function(self, function_name: str, caller: Caller) -> FunctionConfiguration:
        """Return ``$LATEST`` of a function that exists; a qualifier in the name is passed over."""
        name = names.parse(function_name, None, caller)
        return self._latest(name, caller)

    def version(
        self, function_name: str, qualifier: str | None, caller: Caller
    ) -> tuple[FunctionConfiguration, Alias | None]:
        """Return the version that name and qualifier mean, and the alias if it was named through one.

        Raises ``ResourceNotFoundException``. An alias gives its main version here; its weights are ``plane.route``'s.
        """
        name = names.parse(function_name, qualifier, caller)
        wanted = name.qualifier or LATEST
        owner = (caller.account_id, caller.region)
        found = self._store.function(*owner, name.name, wanted)
        if found is not None:
            return found, None
        alias = self._store.aliases.get(*owner, name.name, wanted)
        version = self._store.function(*owner, name.name, alias.function_version) if alias else None
        if version is None:
            raise ResourceNotFoundException(f"Function not found: {name.arn(caller)}")
        return version, alias

    def _latest(self, name: FunctionName, caller: Caller) -> FunctionConfiguration:
        found = self._store.function(caller.account_id, caller.region, name.name)
        if found is None:
            raise ResourceNotFoundException(
                f"Function not found: {FunctionName(name.name, None).arn(caller)}"
            )
        return found
