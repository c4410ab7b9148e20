"""The evaluation of policies: who may do what, and what a denial says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.iam import denial
from lambda_sandbox.iam.evaluation import (
    BOUNDARY,
    IDENTITY,
    RESOURCE,
    SESSION,
    Access,
    Principal,
    evaluate,
)
from lambda_sandbox.iam.policy import PolicyFault, Statement, parse

ACCOUNT, OTHER = "000000000000", "111111111111"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
ALLOW = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "lambda:Invoke*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> tuple[Statement, ...]:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def user(*statements: dict[str, Any], account: str = ACCOUNT, **more: Any) -> Principal:
    return Principal(f"arn:aws:iam::{account}:user/ann", account, policies=policy(*statements), **more)


def asks(who: Principal, **context: str) -> Access:
    values = {key: (value,) for key, value in context.items()}
    return Access(who, "lambda:InvokeFunction", FUNCTION, ACCOUNT, values)


def to(principal: Any, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION,
        **more,
    }


@pytest.mark.parametrize(
    ("who", "resource_policy", "missing", "denied_by"),
    [
        (user(ALLOW), (), "", ""),
        (user(), (), IDENTITY, ""),
        (user(ALLOW, DENY), (), "", IDENTITY),
        (user(), (to({"AWS": USER}),), "", ""),
        (user(), (to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),), IDENTITY, ""),
        (user(ALLOW), (to({"AWS": USER}, Effect="Deny"),), "", RESOURCE),
        (user(ALLOW, boundary=()), (), BOUNDARY, ""),
        (user(ALLOW, boundary=policy(DENY, ALLOW)), (), "", BOUNDARY),
        (user(ALLOW, session=policy({**ALLOW, "Action": "s3:*"})), (), SESSION, ""),
        (user(ALLOW, account=OTHER), (), RESOURCE, ""),
        (user(ALLOW, account=OTHER), (to({"AWS": OTHER}),), "", ""),
        (user(ALLOW, account=OTHER), (to("*"),), "", ""),
        (user(account=OTHER), (to({"AWS": OTHER}),), IDENTITY, ""),
        (user(account=OTHER, trusted=True), (to({"AWS": OTHER}),), "", ""),
        (user({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), (), "", ""),
        (
            user({"Effect": "Allow", "NotAction": "lambda:*", "Resource": "*"}),
            (),
            IDENTITY,
            "",
        ),
        (
            user({"Effect": "Allow", "Action": "lambda:*", "NotResource": FUNCTION}),
            (),
            IDENTITY,
            "",
        ),
        (user({**ALLOW, "Action": "LAMBDA:invokefunction"}), (), "", ""),
        (
            user(ALLOW, account=OTHER),
            ({**to("*"), "Principal": None, "NotPrincipal": {"AWS": OTHER}},),
            RESOURCE,
            "",
        ),
    ],
    ids=[
        "an identity policy allows",
        "nothing allows",
        "an identity policy denies",
        "the resource names the user",
        "the resource names the account alone",
        "the resource denies",
        "a boundary allows nothing",
        "a boundary denies",
        "a session policy allows something else",
        "across accounts only the identity allows",
        "across accounts both allow",
        "the resource allows everyone",
        "across accounts only the resource allows",
        "another account's root",
        "all actions but others",
        "all actions but this",
        "all resources but this",
        "actions know no case",
        "everybody but this account",
    ],
)
def test_a_request_is_decided_as_aws_decides(
    who: Principal, resource_policy: tuple[dict[str, Any], ...], missing: str, denied_by: str
) -> None:
    given = [{key: each for key, each in statement.items() if each} for statement in resource_policy]
    decision = evaluate(asks(who), policy(*given))
    assert (decision.missing, decision.denied_by) == (missing, denied_by)
    assert decision.allowed is not bool(missing or denied_by)


def test_a_service_is_allowed_by_the_resource_alone_and_from_its_source_only() -> None:
    sns = Principal("sns.amazonaws.com", ACCOUNT, service="sns.amazonaws.com")
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:news"
    given = policy(to({"Service": "sns.amazonaws.com"}, Condition={"ArnLike": {"AWS:SourceArn": topic}}))
    assert evaluate(asks(sns, **{"aws:sourcearn": topic}), given).allowed
    assert evaluate(asks(sns, **{"aws:sourcearn": f"{topic}2"}), given).missing == RESOURCE
    assert evaluate(asks(sns), policy(to({"AWS": USER}))).missing == RESOURCE
    assert evaluate(asks(sns), policy(to("*"))).allowed


def test_a_trust_policy_must_allow_within_the_account_too() -> None:
    assert evaluate(asks(user(ALLOW)), required=True).missing == RESOURCE
    trusts = policy(to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    assert evaluate(asks(user(ALLOW)), trusts, required=True).allowed


def test_an_unknown_caller_may_be_whom_a_statement_allows_but_is_not_whom_one_denies() -> None:
    caller = Principal(f"arn:aws:iam::{OTHER}:root", OTHER, trusted=True, unknown=True)
    role = {"AWS": f"arn:aws:iam::{OTHER}:role/r"}
    assert evaluate(asks(caller), policy(to(role))).allowed
    assert evaluate(asks(caller), policy(to({"AWS": OTHER}), to(role, Effect="Deny"))).allowed
    assert not evaluate(asks(caller), policy(to({"AWS": "arn:aws:iam::222222222222:role/r"}))).allowed


def test_a_denial_is_worded_as_aws_words_it_and_explained() -> None:
    near = {**ALLOW, "Sid": "Mine", "Resource": f"{FUNCTION}2"}
    access = asks(user(near))
    decision = evaluate(access)
    assert denial.message(access, decision) == (
        f"User: {USER} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION} "
        "because no identity-based policy allows the lambda:InvokeFunction action"
    )
    assert denial.explanation(access, decision) == (
        f"Missing: a statement that allows lambda:InvokeFunction on {FUNCTION}, in an identity-based policy of {USER}. "
        f"The statement Mine allows the action, but on {FUNCTION}2."
    )
    conditional = asks(user({**ALLOW, "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}))
    assert "wants eu-west-1; the request has absent" in denial.explanation(conditional, evaluate(conditional))
    denied = asks(user({**DENY, "Sid": "No"}))
    decision = evaluate(denied)
    assert denial.message(denied, decision).endswith("with an explicit deny in an identity-based policy")
    assert denial.explanation(denied, decision).startswith(
        "The statement No in an identity-based policy denies"
    )
    foreign = asks(user(ALLOW, account=OTHER))
    given = policy(to({"AWS": USER}, Sid="Ann"))
    text = denial.explanation(foreign, evaluate(foreign, given), given)
    assert text.endswith("The statement Ann allows it, but to another principal.")


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "{}",
        '{"Statement": ["Allow"]}',
        '{"Statement": [{"Effect": "Allow"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "NotAction": "a:c"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": 1}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "Sid": 1}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "Principal": "ann"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "Condition": []}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "Condition": {"Bool": 1}}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "a:b", "Condition": {"Bool": {"k": {}}}}]}',
    ],
)
def test_what_is_no_policy_is_refused(document: str) -> None:
    with pytest.raises(PolicyFault):
        parse(document)


def test_one_statement_needs_no_list_and_values_may_be_numbers_and_booleans() -> None:
    (statement,) = parse(
        {"Statement": {**ALLOW, "Condition": {"Bool": {"a": True}, "NumericEquals": {"b": [1, 2.5]}}}}
    )
    assert [each.values for each in statement.conditions] == [("true",), ("1", "2.5")]
