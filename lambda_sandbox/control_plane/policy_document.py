"""A resource's policy as AWS keeps it: one JSON document with an id, to which statements are added and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from lambda_sandbox.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)

POLICY_BYTES = (
    20 * 1024
)  # Source: AWS Lambda Developer Guide, "Lambda quotas": function resource-based policy
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)
_STALE = (  # UNCONFIRMED: wording
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id"
)


def new_revision() -> str:
    return str(uuid4())


def check_revision(expected: str | None, actual: str) -> None:
    """Raise ``PreconditionFailedException`` when a request names another revision; ``actual`` is empty for no policy."""
    if expected and expected != actual:
        raise PreconditionFailedException(_STALE)


def principal(given: str) -> str | dict[str, str]:
    """Return the statement's ``Principal`` for the word that a request gives. Raises ``InvalidParameterValueException``."""
    if given == "*":
        return given
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if given.startswith("arn:"):
        return {"AWS": given}
    if _SERVICE.fullmatch(given):
        return {"Service": given}
    raise InvalidParameterValueException(  # UNCONFIRMED: wording
        "The provided principal was invalid. Please check the principal and try again."
    )


def statements(document: str | None) -> list[dict[str, Any]]:
    """Return the statements of a document, none for ``None``."""
    if document is None:
        return []
    listed = json.loads(document)["Statement"]
    return listed if isinstance(listed, list) else [listed]


def with_statement(document: str | None, statement: Mapping[str, Any]) -> str:
    """Return the document with one statement more.

    Raises ``ResourceConflictException`` for an id that is taken and ``PolicyLengthExceededException`` over 20 KB.
    """
    listed = statements(document)
    if any(each.get("Sid") == statement["Sid"] for each in listed):
        raise ResourceConflictException(
            f"The statement id ({statement['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    return checked_size(_document(document, [*listed, dict(statement)]))


def without_statement(document: str | None, statement_id: str) -> str | None:
    """Return the document without one statement, ``None`` when no other is left. Raises ``ResourceNotFoundException``."""
    if document is None:
        raise ResourceNotFoundException(
            "No policy is associated with the given resource."
        )  # UNCONFIRMED: wording
    listed = statements(document)
    kept = [each for each in listed if each.get("Sid") != statement_id]
    if len(kept) == len(listed):
        raise ResourceNotFoundException(  # UNCONFIRMED: wording
            f"Statement {statement_id} is not found in resource policy."
        )
    return _document(document, kept) if kept else None


def checked_size(document: str) -> str:
    """Return ``document``; raises ``PolicyLengthExceededException`` when it is over 20 KB."""
    size = len(document.encode())
    if size > POLICY_BYTES:
        raise PolicyLengthExceededException(  # UNCONFIRMED: wording
            f"The final policy size ({size}) is bigger than the limit ({POLICY_BYTES})."
        )
    return document


def compact(value: Any) -> str:
    """Return JSON as AWS writes it inside answers: no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _document(before: str | None, listed: list[dict[str, Any]]) -> str:
    head = {"Version": "2012-10-17", "Id": "default"}
    if before is not None:
        head = {name: value for name, value in json.loads(before).items() if name != "Statement"}
    return compact({**head, "Statement": listed})
