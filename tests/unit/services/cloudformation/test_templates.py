from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.services.cloudformation.templates import (
    TemplateError,
    in_order,
    parse,
    processed,
    references,
)


def ready(text: str, **parameters: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(processed(text, parameters, "us-east-1", dict))
    return template


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("!Ref Queue", {"Ref": "Queue"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt Greeter.Version.Arn", {"Fn::GetAtt": ["Greeter", "Version.Arn"]}),
        ("!Sub 'arn:${Queue.Arn}'", {"Fn::Sub": "arn:${Queue.Arn}"}),
        ("!Join ['-', [a, !Ref B]]", {"Fn::Join": ["-", ["a", {"Ref": "B"}]]}),
        ("!Condition Big", {"Condition": "Big"}),
        ("2012-10-17", "2012-10-17"),
        ("0", 0),
        ("true", True),
    ],
)
def test_short_forms_mean_what_the_long_ones_do(short: str, full: Any) -> None:
    assert parse(f"Value: {short}") == {"Value": full}


@pytest.mark.parametrize("text", ["!!python/object/apply:os.getcwd []", "a: [", "text", "- 1", "", "\t"])
def test_what_is_no_template_is_an_error_of_the_template(text: str) -> None:
    with pytest.raises(TemplateError, match="Template format error"):
        parse(text)


def test_json_is_a_template_too() -> None:
    assert ready('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')["Resources"] == {
        "Q": {"Type": "AWS::SQS::Queue"}
    }


SERVERLESS = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Key: {Type: String}}
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {Bucket: b, Key: !Ref Key}
      Handler: app.handler
      Runtime: python3.12
      AutoPublishAlias: live
"""


def test_serverless_function_becomes_function_role_version_and_alias() -> None:
    template = ready(SERVERLESS, Key="one.zip")
    kinds = sorted(each["Type"] for each in template["Resources"].values())
    assert kinds == ["AWS::IAM::Role", "AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Version"]
    assert "Transform" not in template


def test_other_code_makes_another_version() -> None:
    first, second = ready(SERVERLESS, Key="one.zip"), ready(SERVERLESS, Key="two.zip")
    assert len(first["Resources"].keys() ^ second["Resources"].keys()) == 2


def test_transform_without_an_emulation_is_refused_by_name() -> None:
    with pytest.raises(TemplateError, match="Transform Mine is not emulated"):
        ready("Transform: [AWS::Serverless-2016-10-31, Mine]\nResources: {}")


def test_references_are_found_wherever_a_name_may_stand() -> None:
    value = {
        "a": {"Ref": "A"},
        "b": [{"Fn::GetAtt": ["B", "Arn"]}, {"Fn::GetAtt": "C.Arn"}],
        "c": {"Fn::Sub": "${D} ${E.Arn} ${!Not}"},
        "d": {"Fn::Sub": ["${Own}", {"Own": {"Ref": "F"}}]},
    }
    assert references(value) == {"A", "B", "C", "D", "E", "F"}


def test_resources_come_behind_those_they_need() -> None:
    resources = {
        "Alias": {"Properties": {"Version": {"Fn::GetAtt": ["Version", "Version"]}}},
        "Version": {"Properties": {"Function": {"Ref": "Function"}}},
        "Function": {"DependsOn": "Queue", "Properties": {"Role": {"Ref": "AWS::NoValue"}}},
        "Queue": {},
    }
    assert in_order(resources) == ["Queue", "Function", "Version", "Alias"]


def test_circle_is_refused_with_its_members() -> None:
    resources = {"A": {"Properties": {"Ref": "B"}}, "B": {"DependsOn": ["A"]}, "C": {"DependsOn": "A"}}
    with pytest.raises(TemplateError, match=r"Circular dependency between resources: \[A, B\]"):
        in_order(resources)
