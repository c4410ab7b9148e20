"""``{{resolve:ssm:…}}`` and ``{{resolve:secretsmanager:…}}``: values that a property takes when its resource is made or changed.

Source: CloudFormation User Guide, "Get values stored in other services using dynamic references", read 2026-11.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.cloudformation.templates import Template, TemplateError
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]*)\}\}")
_SECURE = "ssm-secure"
# Resources whose properties take a secure parameter on AWS, and that the sandbox makes.
_TAKE_SECURE = frozenset({"AWS::IAM::User"})
_ARN_PARTS = 7  # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME


def is_in(text: str) -> bool:
    return "{{resolve:" in text


def resolved(text: str, account_id: str, region: str) -> str:
    """Return the text with values in the place of its references. Raises ``TemplateError`` for one without a value."""

    def value(found: re.Match[str]) -> str:
        service, asked = found[1], found[2]
        if service == "secretsmanager":
            return _secret(asked, account_id, region)
        if service in ("ssm", _SECURE):
            return _parameter(asked, account_id, region)
        raise TemplateError(
            f"Dynamic reference {found[0]} is invalid: the services are ssm, ssm-secure and secretsmanager."
        )

    return _REFERENCE.sub(value, text)


def parameter_values(
    template: Template, given: Mapping[str, Any], account_id: str, region: str
) -> dict[str, Any]:
    """Return what a template's parameters stand for: texts, those of list types lists of texts.

    Raises ``TemplateError`` for one that Parameter Store does not have.
    """
    found: dict[str, Any] = {}
    for name, body in (template.get("Parameters") or {}).items():
        kind, text = str(body.get("Type", "String")), str(given.get(name, body.get("Default", "")))
        if kind.startswith("AWS::SSM::Parameter::Value"):
            text = _stored(text, account_id, region)
        listed = kind == "CommaDelimitedList" or "List<" in kind
        found[name] = [each.strip() for each in text.split(",")] if listed else text
    return found


def refuse_secure(template: Template) -> None:
    """Raise ``TemplateError`` for ``ssm-secure`` in a property that does not take it."""
    for body in (template.get("Resources") or {}).values():
        kind = str(body.get("Type"))
        places = [] if kind in _TAKE_SECURE else list(_secure(body.get("Properties"), f"{kind}/Properties"))
        if places:
            raise TemplateError(f"SSM Secure reference is not supported in: [{','.join(places)}]")


def _secure(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _secure(each, f"{place}/{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _secure(each, f"{place}/{number}")
    elif isinstance(value, str) and "{{resolve:" + _SECURE + ":" in value:
        yield place


def _parameter(asked: str, account_id: str, region: str) -> str:
    api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region, "ssm")
    told = api.call("GetParameter", Name=asked, WithDecryption=True)
    return str(told["Parameter"]["Value"])


def _stored(name: str, account_id: str, region: str) -> str:
    try:
        return _parameter(name, account_id, region)
    except ClientError:
        raise TemplateError(
            f"Unable to fetch parameters [{name}] from parameter store for this account."
        ) from None


def _secret(asked: str, account_id: str, region: str) -> str:
    parts = asked.split(":")
    own = _ARN_PARTS if parts[0] == "arn" else 1
    secret_id, rest = ":".join(parts[:own]), [*parts[own:], "", "", "", ""]
    kind, key, stage, version = rest[:4]
    if kind not in ("", "SecretString"):
        raise TemplateError(f"Dynamic reference to {secret_id} is invalid: only SecretString can be had.")
    api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region, "secretsmanager")
    told = api.call(
        "GetSecretValue", SecretId=secret_id, VersionStage=stage or None, VersionId=version or None
    )
    text = str(told.get("SecretString", ""))
    return _of_key(text, key, secret_id) if key else text


def _of_key(text: str, key: str, secret_id: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise TemplateError(f"Could not parse SecretString JSON of {secret_id}: it is no JSON object.")
    if key not in content:
        raise TemplateError(f"Could not find a value associated with JSONKey in SecretString: {key}")
    return str(content[key])
