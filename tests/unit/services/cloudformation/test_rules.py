"""Rules of a template: what must hold of its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.services.cloudformation.rules import refuse_broken
from lambda_sandbox.services.cloudformation.templates import TemplateError

VALUES = {"Stage": "prod", "Version": "5", "Zones": ["a", "b"]}
STAGE = {"Ref": "Stage"}


def template(asked: Any, **more: Any) -> dict[str, Any]:
    return {"Rules": {"R": {"Assertions": [{"Assert": asked, "AssertDescription": "so it must be"}], **more}}}


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"Fn::Equals": [STAGE, "prod"]}, True),
        ({"Fn::Equals": [STAGE, "test"]}, False),
        ({"Fn::Contains": [["prod", "test"], STAGE]}, True),
        ({"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "Version"}]}]}, False),
        ({"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b", "c"]]}, True),
        ({"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a"]]}, False),
        ({"Fn::EachMemberEquals": [{"Ref": "Zones"}, "a"]}, False),
        ({"Fn::And": [{"Fn::Equals": [STAGE, "prod"]}, {"Fn::Equals": [{"Ref": "Version"}, 5]}]}, True),
        ({"Fn::Or": [{"Fn::Equals": [STAGE, "x"]}, {"Fn::Equals": [STAGE, "y"]}]}, False),
    ],
)
def test_an_assertion_holds_or_is_told(asked: Any, holds: bool) -> None:
    if holds:
        refuse_broken(template(asked), VALUES)
    else:
        with pytest.raises(TemplateError, match="rule R failed: so it must be"):
            refuse_broken(template(asked), VALUES)


def test_a_rule_counts_only_where_its_condition_holds() -> None:
    never = {"Fn::Equals": ["a", "b"]}
    refuse_broken(template(never, RuleCondition={"Fn::Equals": [STAGE, "test"]}), VALUES)
    with pytest.raises(TemplateError, match="rule R failed"):
        refuse_broken(template(never, RuleCondition={"Fn::Equals": [STAGE, "prod"]}), VALUES)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (template({"Fn::ValueOf": ["Stage", "x"]}), "does not decide Fn::ValueOf"),
        (template({"Fn::Equals": [{"Ref": "Nobody"}, "x"]}), "may name parameters by Ref"),
        (template("yes"), "does not decide yes"),
        ({"Rules": {"R": {}}}, "needs a list of Assertions"),
        ({"Rules": {"R": {"Assertions": [{}]}}}, "an assertion needs Assert"),
    ],
)
def test_what_is_no_rule_is_refused(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TemplateError, match=sentence):
        refuse_broken(body, VALUES)
