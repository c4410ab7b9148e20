from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from moto.cloudformation import parsing as moto_parsing

from lambda_sandbox.services.cloudformation import intrinsics
from lambda_sandbox.services.cloudformation.templates import TemplateError


class Thing:
    physical_resource_id = "the-thing"

    def get_cfn_attribute(self, name: str) -> str:
        return f"<{name}>"


@pytest.fixture
def parsing(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """moto's own functions with ours in front; it calls itself by the name in its module."""
    monkeypatch.setattr(moto_parsing, "clean_json", moto_parsing.clean_json)
    monkeypatch.setattr(moto_parsing, "parse_condition", moto_parsing.parse_condition)
    intrinsics.install(moto_parsing)
    return SimpleNamespace(clean=moto_parsing.clean_json, condition=moto_parsing.parse_condition)


KNOWN: dict[str, Any] = {"Thing": Thing(), "Count": 3, "Map": {"top": {"second": "value"}}}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Fn::Sub": "${Thing}-${Count}"}, "the-thing-3"),
        ({"Fn::Sub": "${Thing.Outputs.Url}"}, "<Outputs.Url>"),
        ({"Fn::Sub": "${!Literal} $${Count}"}, "${Literal} $3"),
        ({"Fn::Sub": ["${Own}", {"Own": "${Count}"}]}, "${Count}"),
        ({"Fn::Join": ["-", ["a", True, {"Ref": "Count"}]]}, "a-true-3"),
        ({"Fn::FindInMap": ["Map", "top", {"Fn::Join": ["", ["sec", "ond"]]}]}, "value"),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, "8"]}, ["10.0.0.0/24", "10.0.1.0/24"]),
    ],
    ids=["Sub", "Sub of an inner stack", "Sub literal", "Sub once", "Join", "FindInMap", "Select", "Cidr"],
)
def test_function_gives_what_it_gives_on_aws(parsing: SimpleNamespace, value: Any, result: Any) -> None:
    assert parsing.clean(value, KNOWN) == result


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"Fn::FindInMap": ["Map", "top", "third"]}, "Unable to get mapping for Map::top::third"),
        ({"Fn::FindInMap": ["None", "a", "b"]}, "Unable to get mapping for None::a::b"),
        ({"Fn::Select": [2, ["a", "b"]]}, "Fn::Select cannot select nonexistent value at index 2"),
    ],
    ids=["key", "mapping", "index"],
)
def test_value_that_there_is_not_is_named(parsing: SimpleNamespace, value: Any, sentence: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(sentence)):
        parsing.clean(value, KNOWN)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ({"Fn::Equals": [{"Ref": "Count"}, "3"]}, True),
        ({"Fn::Equals": ["true", True]}, True),
        ({"Fn::Equals": ["True", True]}, False),
        ({"Condition": "On"}, True),
        ({"Fn::Not": [{"Condition": "On"}]}, False),
        ({"Fn::And": [{"Condition": "On"}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Condition": "On"}, {"Fn::Equals": ["a", "b"]}]}, True),
    ],
    ids=["number", "boolean", "case", "another", "not", "and", "or"],
)
def test_condition_compares_texts(parsing: SimpleNamespace, condition: Any, met: bool) -> None:
    assert parsing.condition(condition, KNOWN, {"On": True}) is met
