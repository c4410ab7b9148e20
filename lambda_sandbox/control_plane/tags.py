"""Operations on tags of functions, event source mappings, code signing configurations and capacity providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.errors import InvalidParameterValueException, ResourceNotFoundException
from lambda_sandbox.resources import Caller

# The model's pattern lets only these through; of network connectors the API has no operation that makes one.
_RESOURCE = re.compile(
    r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):"
    r"(?P<kind>event-source-mapping|code-signing-config|capacity-provider|network-connector):(?P<id>[^:]+)"
)

COVERAGE: dict[str, Coverage] = {
    "TagResource": Coverage(works=frozenset({"Resource", "Tags"})),
    "UntagResource": Coverage(works=frozenset({"Resource", "TagKeys"})),
    "ListTags": Coverage(works=frozenset({"Resource"})),
}


def check(present: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Refuse tags that AWS refuses. Raises ``InvalidParameterValueException``."""
    if len({**present, **new}) > quotas.TAGS_PER_RESOURCE:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    for key in new:
        if key.lower().startswith("aws:"):
            raise InvalidParameterValueException(f"Tag keys that begin with 'aws:' are reserved: '{key}'.")


class Tags:
    """The three operations."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self.operations: Operations = {
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTags": self.list,
        }

    def tag(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        arn = self._existing(params["Resource"], caller)
        check(self._store.tags(arn), params["Tags"])
        self._store.put_tags(arn, params["Tags"])
        return {}

    def untag(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        self._store.delete_tags(self._existing(params["Resource"], caller), params["TagKeys"])
        return {}

    def list(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        return {"Tags": self._store.tags(self._existing(params["Resource"], caller))}

    def _existing(self, arn: str, caller: Caller) -> str:
        """Return ``arn`` if its resource exists and takes tags."""
        found = _RESOURCE.fullmatch(arn)
        if found is None:
            return self._function(arn, caller)
        owned = (found["account"], found["region"]) == (caller.account_id, caller.region)
        if not owned or not self._store.database.has(
            found["kind"], caller.account_id, caller.region, found["id"]
        ):
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return arn

    def _function(self, arn: str, caller: Caller) -> str:
        name = names.parse(arn, None, caller)
        if name.qualifier is not None:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        if self._store.function(caller.account_id, caller.region, name.name) is None:
            raise ResourceNotFoundException(f"Function not found: {name.arn(caller)}")
        return arn
