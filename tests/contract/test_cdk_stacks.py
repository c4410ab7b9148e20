"""A template as the CDK writes it: metadata, a parameter from Parameter Store, and a rule about the bootstrap version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server

VERSION = "/cdk-bootstrap/test/version"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Hello4A628BD4": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": "def handler(event, context):\n    return 'made by the CDK'\n"},
                "Handler": "index.handler",
                "Role": ROLE,
                "Runtime": "python3.13",
                "Timeout": 30,
            },
            "Metadata": {"aws:cdk:path": "Shop/Hello/Resource"},
        },
        "CDKMetadata": {
            "Type": "AWS::CDK::Metadata",
            "Properties": {"Analytics": "v2:deflate64:H4sIAAAAAAAA"},
            "Condition": "CDKMetadataAvailable",
        },
    },
    "Conditions": {
        "CDKMetadataAvailable": {
            "Fn::Or": [
                {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]},
                {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
            ]
        }
    },
    "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": VERSION}},
    "Rules": {
        "CheckBootstrapVersion": {
            "Assertions": [
                {
                    "Assert": {
                        "Fn::Not": [
                            {"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}
                        ]
                    },
                    "AssertDescription": "CDK bootstrap stack version 6 required.",
                }
            ]
        }
    },
}


def create(server: Server, name: str) -> str:
    stacks = server.client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    status: str = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    return status


def test_a_template_of_the_cdk_becomes_a_stack_once_the_account_is_bootstrapped(server: Server) -> None:
    store = server.client("ssm")
    with pytest.raises(ClientError, match="Unable to fetch parameters"):
        create(server, "cdk-too-early")
    store.put_parameter(Name=VERSION, Value="5", Type="String")
    with pytest.raises(ClientError, match="CheckBootstrapVersion failed: CDK bootstrap stack version 6"):
        create(server, "cdk-too-old")
    store.put_parameter(Name=VERSION, Value="28", Type="String", Overwrite=True)
    assert create(server, "cdk-hello") == "CREATE_COMPLETE"
    stacks = server.client("cloudformation")
    made = stacks.describe_stack_resources(StackName="cdk-hello")["StackResources"]
    [function] = [each for each in made if each["ResourceType"] == "AWS::Lambda::Function"]
    answer = server.client("lambda").invoke(FunctionName=function["PhysicalResourceId"])
    assert json.load(answer["Payload"]) == "made by the CDK"
    stacks.delete_stack(StackName="cdk-hello")
    store.delete_parameter(Name=VERSION)


# A parameter that names another in Parameter Store, and one with a default that nobody has overridden.
KEPT: dict[str, Any] = {
    "Parameters": {
        "Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": VERSION},
        "Colour": {"Type": "String", "Default": "blue"},
    },
    "Resources": {
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": {"Fn::Sub": "kept-${Version}-${Colour}"}},
        }
    },
}
PREVIOUS = [{"ParameterKey": name, "UsePreviousValue": True} for name in KEPT["Parameters"]]


@pytest.mark.parametrize("by", ["update", "change set"])
def test_second_deployment_keeps_the_values_of_parameters(server: Server, by: str) -> None:
    """``cdk deploy`` sends ``UsePreviousValue`` for the version of the bootstrap from its second time on."""
    store, stacks = server.client("ssm"), server.client("cloudformation")
    store.put_parameter(Name=VERSION, Value="28", Type="String")
    stacks.create_stack(StackName="kept", TemplateBody=json.dumps(KEPT))
    body = json.dumps({**KEPT, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}).replace("blue", "red")
    # AWS: the name is what is kept, and what it stands for is looked up again.
    store.put_parameter(Name=VERSION, Value="29", Type="String", Overwrite=True)
    if by == "update":
        stacks.update_stack(StackName="kept", TemplateBody=body, Parameters=PREVIOUS)
    else:
        place = {"StackName": "kept", "ChangeSetName": "again"}
        stacks.create_change_set(**place, TemplateBody=body, Parameters=PREVIOUS)
        stacks.execute_change_set(**place)
    told = stacks.describe_stacks(StackName="kept")["Stacks"][0]
    assert told["StackStatus"] == "UPDATE_COMPLETE"
    assert told["Outputs"][0]["OutputValue"].endswith("/kept-29-blue")
    stacks.delete_stack(StackName="kept")
    store.delete_parameter(Name=VERSION)


def test_value_that_there_was_not_cannot_be_kept(server: Server) -> None:
    stacks = server.client("cloudformation")
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    stacks.create_stack(StackName="new", TemplateBody=body)
    asked: dict[str, Any] = {"StackName": "new", "TemplateBody": json.dumps(KEPT), "Parameters": PREVIOUS}
    with pytest.raises(ClientError, match="for a parameter key not in the previous template"):
        stacks.update_stack(**asked)
    asked["Parameters"] = [{**PREVIOUS[1], "ParameterValue": "green"}]
    with pytest.raises(ClientError, match="Cannot specify usePreviousValue as true and non empty value"):
        stacks.create_change_set(ChangeSetName="both", **asked)
    stacks.delete_stack(StackName="new")
