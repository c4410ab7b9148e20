from __future__ import annotations

import re
from typing import Any

import pytest

from lambda_sandbox.services.cloudformation.template_checks import (
    refuse_malformed,
    refuse_parameters,
    refuse_unresolved,
)
from lambda_sandbox.services.cloudformation.templates import TemplateError


def queue(**members: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", **members}


@pytest.mark.parametrize(
    ("template", "missing", "block"),
    [
        ({"Resources": {"Q": queue(Properties={"QueueName": {"Ref": "Nobody"}})}}, "Nobody", "Resources"),
        ({"Resources": {"Q": queue(Properties={"Name": {"Fn::Sub": "${B.Arn}-${A}"}})}}, "A, B", "Resources"),
        ({"Resources": {"Q": queue(DependsOn="Role")}}, "Role", "Resources"),
        (
            {"Resources": {"Q": queue()}, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["P", "Arn"]}}}},
            "P",
            "Outputs",
        ),
    ],
    ids=["Ref", "Sub", "DependsOn", "GetAtt of an output"],
)
def test_name_that_nothing_has_is_refused(template: dict[str, Any], missing: str, block: str) -> None:
    sentence = f"Template format error: Unresolved resource dependencies [{missing}] in the {block} block of the template"
    with pytest.raises(TemplateError, match=re.escape(sentence)):
        refuse_unresolved(template)


def test_names_that_are_there_are_taken() -> None:
    text = "${AWS::Region}-${Q.Arn}-${P}-${!Literal}-${Own}"
    name = {"Fn::Sub": [text, {"Own": {"Ref": "AWS::NoValue"}}]}
    refuse_unresolved(
        {
            "Parameters": {"P": {"Type": "String"}},
            "Resources": {"Q": queue(), "R": queue(DependsOn=["Q"], Properties={"QueueName": name})},
            "Outputs": {"O": {"Value": {"Ref": "R"}}},
        }
    )


@pytest.mark.parametrize(
    ("declared", "given", "complaint"),
    [
        ({}, {"P": "x", "Q": "y"}, "Parameters: [P, Q] do not exist in the template"),
        ({"Type": "String"}, {}, "Parameters: [P] must have values"),
        ({"AllowedValues": ["a", "b"]}, {"P": "c"}, "Parameter 'P' must be one of AllowedValues"),
        ({"AllowedValues": ["a"], "Default": "b"}, {}, "Parameter 'P' must be one of AllowedValues"),
        ({"AllowedPattern": "[a-z]+"}, {"P": "ab1"}, "Parameter 'P' must match pattern [a-z]+"),
        (
            {"AllowedPattern": "[a-z]+", "ConstraintDescription": "small letters"},
            {"P": "A"},
            "Parameter 'P' failed to satisfy constraint: small letters",
        ),
        ({"MinLength": 2}, {"P": "a"}, "Parameter 'P' must contain at least 2 characters"),
        ({"MaxLength": "2"}, {"P": "abc"}, "Parameter 'P' must contain at most 2 characters"),
        ({"Type": "Number"}, {"P": "many"}, "Parameter 'P' must be a number"),
        ({"Type": "Number", "MinValue": 3}, {"P": "2"}, "Parameter 'P' must be a number not less than 3"),
        ({"Type": "Number", "MaxValue": 3}, {"P": "4"}, "Parameter 'P' must be a number not greater than 3"),
        (
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            {"P": "a,c"},
            "must be one of AllowedValues",
        ),
    ],
)
def test_parameter_that_is_not_allowed_is_refused(
    declared: dict[str, Any], given: dict[str, str], complaint: str
) -> None:
    template = {"Parameters": {"P": declared} if declared else {}, "Resources": {}}
    with pytest.raises(TemplateError, match=re.escape(complaint)):
        refuse_parameters(template, given)


def test_parameters_that_are_allowed_are_taken() -> None:
    declared = {
        "Stage": {"Type": "String", "AllowedValues": ["dev", "prod"], "Default": "dev"},
        "Count": {"Type": "Number", "MinValue": 1, "MaxValue": "3"},
        "Zones": {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
        "Kept": {"Type": "AWS::SSM::Parameter::Value<String>", "AllowedPattern": "v.*", "Default": "/path"},
    }
    refuse_parameters({"Parameters": declared, "Resources": {}}, {"Count": "2", "Zones": "a, b"})


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ({"Ressources": {}}, "Invalid template property or properties [Ressources]"),
        ({"Resources": {}}, "At least one Resources member must be defined"),
        ({"Resources": {"my-queue": queue()}}, "Resource name my-queue is non alphanumeric"),
        ({"Resources": {"Q": {"Properties": {}}}}, "Every Resources object must contain a Type member"),
        ({"Resources": {"Q": queue(Propertys={})}}, "Invalid template resource property 'Propertys'"),
        (
            {"Resources": {"Q": queue(DeletionPolicy="Keep")}},
            "Unrecognized DeletionPolicy Keep for resource Q",
        ),
        (
            {"Resources": {"Q": queue(UpdateReplacePolicy="Snapshot")}},
            "resource type AWS::SQS::Queue does not support deletion policy Snapshot",
        ),
        (
            {"Resources": {"V": {"Type": "AWS::EC2::Volume", "DeletionPolicy": "Snapshot"}}},
            "The sandbox makes no snapshots, which DeletionPolicy of V asks for",
        ),
        (
            {"Resources": {"A": queue(UpdatePolicy={"CodeDeployLambdaAliasUpdate": {}})}},
            "The sandbox has no CodeDeploy to move the alias A step by step",
        ),
        ({"Resources": {"Q": queue(CreationPolicy={})}}, "does not emulate CreationPolicy, which Q has"),
        (
            {"Resources": {"Q": queue(Condition="No")}},
            "Unresolved condition dependency No in the Resources block",
        ),
        (
            {"Resources": {"Q": queue(Properties={"DelaySeconds": {"Fn::If": ["No", 1, 2]}})}},
            "Unresolved condition dependency No in the Resources block",
        ),
        (
            {"Conditions": {"A": {"Fn::Not": [{"Condition": "No"}]}}, "Resources": {"Q": queue()}},
            "Unresolved condition dependency No in the Conditions block",
        ),
        (
            {"Conditions": {"A": {"Fn::GetAtt": ["Q", "Arn"]}}, "Resources": {"Q": queue()}},
            "Fn::GetAtt cannot be used in the condition A",
        ),
        (
            {"Resources": {"Q": queue(Properties={"QueueName": {"Fn::Upper": "x"}})}},
            "Unrecognized intrinsic function Fn::Upper",
        ),
        (
            {"Resources": {"Q": queue(Properties={"QueueName": {"Fn::ToJsonString": {}}})}},
            "Fn::ToJsonString needs the transform AWS::LanguageExtensions",
        ),
        (
            {"Resources": {"Q": queue(Properties={"Fn::Transform": {"Name": "AWS::Include"}})}},
            "The sandbox does not emulate Fn::Transform",
        ),
        ({"Resources": {"Q": queue()}, "Outputs": {"O": {}}}, "must contain a Value object; O contains none"),
        (
            {"Resources": {"A": queue(DependsOn="B"), "B": queue(DependsOn="A")}},
            "Circular dependency between resources: [A, B]",
        ),
    ],
)
def test_what_would_be_passed_over_is_refused_by_name(template: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(sentence)):
        refuse_malformed(template)


def test_everything_that_a_template_may_have_is_taken() -> None:
    refuse_malformed(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Conditions": {"A": {"Fn::Equals": ["a", "b"]}, "B": {"Condition": "A"}},
            "Resources": {
                "Q": queue(
                    Condition="B",
                    DeletionPolicy="RetainExceptOnCreate",
                    UpdateReplacePolicy="Retain",
                    Properties={"QueueName": {"Fn::If": ["A", "x", {"Ref": "AWS::NoValue"}]}},
                ),
                # A policy document has conditions of its own.
                "P": {
                    "Type": "AWS::SQS::QueuePolicy",
                    "Properties": {"PolicyDocument": {"Condition": {"StringEquals": {"a": "b"}}}},
                },
            },
            "Outputs": {"O": {"Condition": "A", "Value": {"Ref": "Q"}}},
        }
    )
