"""The ways to name a function: name, partial ARN and ARN, each with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lambda_sandbox import quotas
from lambda_sandbox.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
    ValidationException,
)
from lambda_sandbox.resources import LATEST, LATEST_PUBLISHED, Caller

_REGION = r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d"
_FORMS = re.compile(
    rf"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>{_REGION}):)?(?:(?P<account>\d{{12}}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function. ``qualifier`` is ``None`` where none was given; ``account_id`` is empty for the caller's own."""

    name: str
    qualifier: str | None
    account_id: str = ""

    def arn(self, caller: Caller) -> str:
        """The ARN that error messages show, with the qualifier that was asked for."""
        account = self.account_id or caller.account_id
        arn = f"arn:aws:lambda:{caller.region}:{account}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn

    def owner(self, caller: Caller) -> tuple[str, str]:
        """The account and the Region that the function is looked for in."""
        return self.account_id or caller.account_id, caller.region


def parse(text: str, qualifier: str | None, caller: Caller, *, foreign: bool = False) -> FunctionName:
    """Read a ``FunctionName`` and a ``Qualifier``. With ``foreign``, a function of another account may be named.

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
    if inner and qualifier and inner != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    other = account if account not in (None, caller.account_id) else ""
    if other and not foreign:
        raise AccessDeniedException(
            f"Account {caller.account_id} is not authorized to use functions of account {other}: {text}"
        )
    return FunctionName(name, qualifier or inner, other)


def parse_unqualified(text: str, caller: Caller) -> FunctionName:
    """Read the name of a function where only the function itself or ``$LATEST`` can be meant.

    Raises as ``parse`` does, and ``InvalidParameterValueException`` for a version or an alias.
    """
    name = parse(text, None, caller)
    if name.qualifier not in (None, LATEST):
        raise InvalidParameterValueException("Current operation does not support versions other than $LATEST")
    return FunctionName(name.name, None)


def check_length(name: str) -> None:
    """Refuse a function's name over 64 characters; the model's limit of 140 is the ARN's."""
    if len(name) > quotas.FUNCTION_NAME_CHARS:
        raise ValidationException(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {quotas.FUNCTION_NAME_CHARS}"
        )


def is_version(qualifier: str) -> bool:
    """Whether a qualifier means a version and not an alias."""
    return qualifier in (LATEST, LATEST_PUBLISHED) or _NUMBER.fullmatch(qualifier) is not None


def version_order(version: str) -> tuple[int, str]:
    """Sort versions as AWS lists them: ``$LATEST``, what was published to it, then the numbers ascending.

    >>> sorted(["10", "9", "$LATEST"], key=version_order)
    ['$LATEST', '9', '10']
    """
    return (int(version), version) if _NUMBER.fullmatch(version) else (0, version)
