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
        """Return ``$LATEST`` of a function that exists; a qualifier in the name is passed over.

        Raises ``ResourceNotFoundException``.
        """
        name = names.parse(function_name, None, caller)
        found = self._store.function(*name.owner(caller), name.name)
        if found is None:
            raise _not_found(FunctionName(name.name, None, name.account_id), caller)
        return found

    def version(
        self, function_name: str, qualifier: str | None, caller: Caller
    ) -> tuple[FunctionConfiguration, Alias | None]:
        """Return the version that name and qualifier mean, and the alias if it was named through one.

        Raises ``ResourceNotFoundException``. An alias gives its main version here; its weights are ``plane.route``'s.
        """
        return self.version_of(names.parse(function_name, qualifier, caller), caller)

    def version_of(self, name: FunctionName, caller: Caller) -> tuple[FunctionConfiguration, Alias | None]:
        """As ``version``, for a name that was read; it may be of another account."""
        wanted = name.qualifier or LATEST
        owner = name.owner(caller)
        found = self._store.function(*owner, name.name, wanted)
        if found is not None:
            return found, None
        alias = self._store.aliases.get(*owner, name.name, wanted)
        version = self._store.function(*owner, name.name, alias.function_version) if alias else None
        if version is None:
            raise _not_found(name, caller)
        return version, alias


def _not_found(name: FunctionName, caller: Caller) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Function not found: {name.arn(caller)}")
