"""Operations on the resource-based policies of functions, versions and aliases."""

from __future__ import annotations

import re
from typing import Any

from lambda_sandbox.control_plane import function_policies, names, policy_document
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.function_policies import INVOKE, INVOKE_URL, FunctionPolicy
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    NotImplementedException,
    ResourceNotFoundException,
)
from lambda_sandbox.iam.patterns import matches
from lambda_sandbox.iam.policy import PolicyFault, Statement, parse
from lambda_sandbox.resources import LATEST, Caller

_GONE = "The resource you requested does not exist."
_TARGET = {"FunctionName", "Qualifier"}
_ARN = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):(?P<kind>function:|runtime/).+")
_BY_RESOURCE = {
    "ResourceArn": "policies of functions, versions and aliases; those of customer-managed runtimes are refused"
}

COVERAGE: dict[str, Coverage] = {
    "AddPermission": Coverage(
        works=frozenset(
            {
                *_TARGET,
                "StatementId",
                "Action",
                "Principal",
                "SourceArn",
                "SourceAccount",
                "PrincipalOrgID",
                "EventSourceToken",
                "FunctionUrlAuthType",
                "InvokedViaFunctionUrl",
                "RevisionId",
            }
        ),
        notes={"PrincipalOrgID": "the statement is kept; no account here belongs to an organisation"},
    ),
    "RemovePermission": Coverage(works=frozenset({*_TARGET, "StatementId", "RevisionId"})),
    "GetPolicy": Coverage(works=frozenset(_TARGET)),
    "PutResourcePolicy": Coverage(
        works=frozenset({"ResourceArn", "Policy", "RevisionId"}), notes=_BY_RESOURCE
    ),
    "GetResourcePolicy": Coverage(works=frozenset({"ResourceArn"}), notes=_BY_RESOURCE),
    "DeleteResourcePolicy": Coverage(works=frozenset({"ResourceArn", "RevisionId"}), notes=_BY_RESOURCE),
}


class Policies:
    """The six operations, over one document for each ARN of a function."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self._lookup = context.lookup
        self._policies = function_policies.policies(context.store)
        self.operations: Operations = {
            "AddPermission": self.add,
            "RemovePermission": self.remove,
            "GetPolicy": self.get,
            "PutResourcePolicy": self.put_whole,
            "GetResourcePolicy": self.get_whole,
            "DeleteResourcePolicy": self.delete_whole,
        }

    def add(self, params: Params, caller: Caller) -> dict[str, Any]:
        before = self._kept(params["FunctionName"], params.get("Qualifier"), caller)
        statement: dict[str, Any] = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": policy_document.principal(params["Principal"]),
            "Action": params["Action"],
            "Resource": _arn(before),
        }
        conditions = _conditions(params)
        if conditions:
            statement["Condition"] = conditions
        policy_document.check_revision(params.get("RevisionId"), before.revision_id)
        self._write(before, policy_document.with_statement(before.document or None, statement))
        return {"Statement": policy_document.compact(statement)}

    def remove(self, params: Params, caller: Caller) -> dict[str, Any]:
        before = self._kept(params["FunctionName"], params.get("Qualifier"), caller)
        policy_document.check_revision(params.get("RevisionId"), before.revision_id)
        left = policy_document.without_statement(before.document or None, params["StatementId"])
        if left is None:
            self._policies.delete(before)
        else:
            self._write(before, left)
        return {}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return _answer(self._kept(params["FunctionName"], params.get("Qualifier"), caller))

    def put_whole(self, params: Params, caller: Caller) -> dict[str, Any]:
        before = self._of_arn(params["ResourceArn"], caller)
        policy_document.check_revision(params.get("RevisionId"), before.revision_id)
        _check(params["Policy"], _arn(before))
        return _answer(self._write(before, policy_document.checked_size(params["Policy"])))

    def get_whole(self, params: Params, caller: Caller) -> dict[str, Any]:
        return _answer(self._of_arn(params["ResourceArn"], caller))

    def delete_whole(self, params: Params, caller: Caller) -> dict[str, Any]:
        kept = self._of_arn(params["ResourceArn"], caller)
        policy_document.check_revision(params.get("RevisionId"), kept.revision_id)
        if not kept.document:
            raise ResourceNotFoundException(_GONE)
        self._policies.delete(kept)
        return {}

    def _of_arn(self, arn: str, caller: Caller) -> FunctionPolicy:
        found = _ARN.fullmatch(arn)
        if found is None or found["kind"] != "function:":
            raise NotImplementedException(
                f"The policy of {arn} is not emulated: only functions have one here."
            )
        if (found["account"], found["region"]) != (caller.account_id, caller.region):
            raise ResourceNotFoundException(_GONE)
        return self._kept(arn, None, caller)

    def _kept(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionPolicy:
        """Return the policy of the ARN that is named; one without a document where it has none yet."""
        name = names.parse(function_name, qualifier, caller)
        if name.qualifier == LATEST:
            raise InvalidParameterValueException(  # UNCONFIRMED: wording
                "We currently do not support adding policies for $LATEST."
            )
        version, _ = self._lookup.version(function_name, qualifier, caller)
        key = (version.function_name, name.qualifier or "")
        kept = self._policies.get(version.account_id, version.region, *key)
        return kept or FunctionPolicy(version.account_id, version.region, *key, "", "")

    def _write(self, before: FunctionPolicy, document: str) -> FunctionPolicy:
        policy = FunctionPolicy(
            before.account_id,
            before.region,
            before.function_name,
            before.qualifier,
            policy_document.new_revision(),
            document,
        )
        self._policies.put(policy)
        return policy


def _answer(policy: FunctionPolicy) -> dict[str, Any]:
    if not policy.document:
        raise ResourceNotFoundException(_GONE)
    return {"Policy": policy.document, "RevisionId": policy.revision_id}


def _arn(policy: FunctionPolicy) -> str:
    arn = f"arn:aws:lambda:{policy.region}:{policy.account_id}:function:{policy.function_name}"
    return f"{arn}:{policy.qualifier}" if policy.qualifier else arn


def _conditions(params: Params) -> dict[str, Any]:
    """Return the statement's conditions with AWS's keys. Source: the examples in botocore's model and the guide."""
    if params.get("FunctionUrlAuthType") and params["Action"] != INVOKE_URL:
        raise InvalidParameterValueException(  # UNCONFIRMED: wording
            f"FunctionUrlAuthType is only supported for {INVOKE_URL} action"
        )
    if params.get("InvokedViaFunctionUrl") and params["Action"] != INVOKE:
        raise InvalidParameterValueException(  # UNCONFIRMED: wording
            f"InvokedViaFunctionUrl is only supported for {INVOKE} action"
        )
    equal = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
    }
    conditions: dict[str, Any] = {}
    strings = {key: value for key, value in equal.items() if value}
    if strings:
        conditions["StringEquals"] = strings
    if params.get("InvokedViaFunctionUrl") is not None:
        conditions["Bool"] = {
            "lambda:InvokedViaFunctionUrl": "true" if params["InvokedViaFunctionUrl"] else "false"
        }
    if params.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    return conditions


def _check(document: str, arn: str) -> None:
    """Refuse a whole policy that is none, or whose statements speak of another resource."""
    try:
        listed = parse(document)
    except PolicyFault as fault:
        raise InvalidParameterValueException(f"The policy is not valid: {fault}.") from None
    for statement in listed:
        _check_statement(statement, arn)


def _check_statement(statement: Statement, arn: str) -> None:
    named = f" {statement.sid}" if statement.sid else ""
    if not statement.principals and not statement.not_principals:
        raise InvalidParameterValueException(
            f"The policy is not valid: the statement{named} has no Principal."
        )
    if not all(each == "*" or each.lower().startswith("lambda:") for each in statement.actions):
        raise InvalidParameterValueException(
            f"The policy is not valid: the statement{named} has an Action of another service."
        )
    covers = any(matches(each, arn, {}) or each.startswith(f"{arn}:") for each in statement.resources)
    if not covers and not statement.not_resources:
        raise InvalidParameterValueException(
            f"The policy is not valid: the Resource of the statement{named} does not cover {arn}."
        )
