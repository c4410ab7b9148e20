"""The ways to name a function: name, partial ARN and ARN, each with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lambda_sandbox.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller

_FORMS = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function of the caller's account and Region. ``qualifier`` is ``None`` where none was given."""

    name: str
    qualifier: str | None

    def arn(self, caller: Caller) -> str:
        """The ARN that error messages show, with the qualifier that was asked for."""
        arn = f"arn:aws:lambda:{caller.region}:{caller.account_id}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


def parse(text: str, qualifier: str | None, caller: Caller) -> FunctionName:
    """Read a ``FunctionName`` and a ``Qualifier``.

    Raises ``ResourceNotFoundException`` for another Region, ``AccessDeniedException`` for another account, and
    ``InvalidParameterValueException`` when two qualifiers contradict each other.
    """
    found = _FORMS.fullmatch(text)
    if found is None:
        raise ResourceNotFoundException(f"Function not found: {text}")
    region, account, name, inner = found.group("region", "account", "name", "qualifier")
    if region not in (None, caller.region):
        raise ResourceNotFoundException(
            f"Functions from '{region}' are not reachable in this region ('{caller.region}')"
        )
    if account not in (None, caller.account_id):
        raise AccessDeniedException(
            f"Account {caller.account_id} is not authorized to use functions of account {account}: {text}"
        )
    if inner and qualifier and inner != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionName(name, qualifier or inner)
