"""What a request may demand of a resource before it changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.errors import PreconditionFailedException


def check_revision(params: Mapping[str, Any], revision_id: str) -> None:
    """Raise ``PreconditionFailedException`` when a request's ``RevisionId`` is another one."""
    expected = params.get("RevisionId")
    if expected and expected != revision_id:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id"
        )
