"""A policy document, read once into frozen statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lambda_sandbox.iam.conditions import Condition, is_known
from lambda_sandbox.iam.patterns import Values, matches


class PolicyFault(ValueError):
    """The document breaks the grammar of the policy language; the text says where."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Of each pair (``actions``, ``not_actions``) at most one is filled; both empty stand for "not said".

    ``principals`` are pairs of kind (``AWS``, ``Service``, ``Federated``, ``CanonicalUser``) and value; everyone is
    ``("*", "*")``.
    """

    sid: str
    effect: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: tuple[tuple[str, str], ...] = ()
    not_principals: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Condition, ...] = ()

    def covers_action(self, action: str) -> bool:
        if self.not_actions:
            return not any(matches(each, action, {}, ignore_case=True) for each in self.not_actions)
        return any(matches(each, action, {}, ignore_case=True) for each in self.actions)

    def covers_resource(self, resource: str, context: Values) -> bool:
        if self.not_resources:
            return not any(matches(each, resource, context) for each in self.not_resources)
        return any(matches(each, resource, context) for each in self.resources)

    def unmet(self, context: Values) -> Condition | None:
        """Return the first condition that the request does not meet, or ``None``."""
        return next((each for each in self.conditions if not each.holds(context)), None)


def parse(document: str | Mapping[str, Any]) -> tuple[Statement, ...]:
    """Read a policy document. Raises ``PolicyFault``; documents given as text are read only once."""
    return _parse_text(document) if isinstance(document, str) else _statements(document)


@lru_cache(1024)
def _parse_text(text: str) -> tuple[Statement, ...]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PolicyFault(f"it is not JSON: {error}") from None
    return _statements(document)


def _statements(document: Any) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping):
        raise PolicyFault("it is not a JSON object")
    given = document.get("Statement")
    listed = [given] if isinstance(given, Mapping) else given
    if not isinstance(listed, list):
        raise PolicyFault("Statement is missing")
    return tuple(_statement(each) for each in listed)


def _statement(given: Any) -> Statement:
    if not isinstance(given, Mapping):
        raise PolicyFault("a statement is not a JSON object")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyFault("Effect is neither Allow nor Deny")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in given and other in given:
            raise PolicyFault(f"a statement has both {one} and {other}")
    if "Action" not in given and "NotAction" not in given:
        raise PolicyFault("a statement has neither Action nor NotAction")
    sid = given.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyFault("Sid is not a string")
    return Statement(
        sid=sid,
        effect=given["Effect"],
        actions=_texts(given, "Action"),
        not_actions=_texts(given, "NotAction"),
        resources=_texts(given, "Resource"),
        not_resources=_texts(given, "NotResource"),
        principals=_principals(given, "Principal"),
        not_principals=_principals(given, "NotPrincipal"),
        conditions=_conditions(given.get("Condition")),
    )


def _texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = given.get(name)
    return () if value is None else _list_of_texts(value, name)


def _list_of_texts(value: Any, name: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(each, str) for each in listed):
        raise PolicyFault(f"{name} is neither a string nor a list of strings")
    return tuple(listed)


def _principals(given: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    value = given.get(name)
    if value is None:
        return ()
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, Mapping) or not value:
        raise PolicyFault(f'{name} is neither "*" nor an object')
    found = []
    for kind, names in value.items():
        listed = _list_of_texts(names, name)
        found += [("*", "*") if (kind, each) == ("AWS", "*") else (kind, each) for each in listed]
    return tuple(found)


def _conditions(given: Any) -> tuple[Condition, ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise PolicyFault("Condition is not a JSON object")
    found = []
    for operator, keys in given.items():
        if not is_known(operator):
            raise PolicyFault(f"there is no condition operator {operator}")
        if not isinstance(keys, Mapping):
            raise PolicyFault(f"Condition.{operator} is not a JSON object")
        for key, value in keys.items():
            listed = value if isinstance(value, list) else [value]
            found.append(Condition(operator, key, tuple(_scalar(each) for each in listed)))
    return tuple(found)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyFault("a condition's value is neither a string, a number nor a boolean")
