"""What a caller has to acknowledge before a stack makes IAM resources or transforms its template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
NAMED = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "RoleName": "chosen"}}
TABLE = {"Type": "AWS::Serverless::SimpleTable"}
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"InlineCode": "def handler(event, context): ...", "Handler": "index.handler"},
}
FUNCTION["Properties"]["Runtime"] = "python3.13"  # type: ignore[index]
SAM = "AWS::Serverless-2016-10-31"


def template(resource: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Resources": {"Thing": resource}, **more})


@pytest.mark.parametrize(
    ("body", "given", "missing"),
    [
        (template(ROLE), [], "CAPABILITY_IAM"),
        (template(NAMED), [], "CAPABILITY_NAMED_IAM"),
        (template(NAMED), ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        (template(TABLE, Transform=SAM), [], "CAPABILITY_AUTO_EXPAND"),
        (template(FUNCTION, Transform=SAM), ["CAPABILITY_IAM"], "CAPABILITY_AUTO_EXPAND"),
        (template(FUNCTION, Transform=[SAM]), ["CAPABILITY_AUTO_EXPAND"], "CAPABILITY_IAM"),
    ],
    ids=[
        "a role",
        "a named role",
        "a named role with the lesser one",
        "a transform",
        "a transform with that for IAM alone",
        "a role that the transform makes",
    ],
)
def test_stack_is_refused_for_want_of(server: Server, body: str, given: list[str], missing: str) -> None:
    stacks = server.client("cloudformation")
    with pytest.raises(ClientError) as refused:
        stacks.create_stack(StackName="unasked", TemplateBody=body, Capabilities=given)
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
    assert refused.value.response["Error"]["Message"] == f"Requires capabilities : [{missing}]"
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName="unasked")


def test_acknowledged_stack_is_made_told_of_and_refused_an_update_without(server: Server) -> None:
    stacks = server.client("cloudformation")
    given = ["CAPABILITY_NAMED_IAM"]
    stacks.create_stack(StackName="asked", TemplateBody=template(ROLE), Capabilities=given)
    told = stacks.describe_stacks(StackName="asked")["Stacks"][0]
    assert (told["StackStatus"], told["Capabilities"]) == ("CREATE_COMPLETE", given)
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_IAM\]"):
        stacks.update_stack(StackName="asked", TemplateBody=template(ROLE, Description="more"))
    stacks.delete_stack(StackName="asked")


def test_capability_that_does_not_exist_is_refused(server: Server) -> None:
    with pytest.raises(ClientError, match=r"Value '\[CAPABILITY_ALL\]' at 'capabilities' failed to satisfy"):
        server.client("cloudformation").create_stack(
            StackName="odd", TemplateBody=template(ROLE), Capabilities=["CAPABILITY_ALL"]
        )


class TestChangeSets:
    def test_one_without_a_transform_is_refused(self, server: Server) -> None:
        with pytest.raises(
            ClientError, match=r"InsufficientCapabilities.*Requires capabilities : \[CAPABILITY_IAM\]"
        ):
            server.client("cloudformation").create_change_set(
                StackName="c", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template(ROLE)
            )

    def test_one_with_a_transform_fails_and_cannot_be_executed(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        at = {"StackName": "sam", "ChangeSetName": "first"}
        stacks.create_change_set(**at, ChangeSetType="CREATE", TemplateBody=template(FUNCTION, Transform=SAM))
        told = stacks.describe_change_set(**at)
        assert (told["Status"], told["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert told["StatusReason"] == "Requires capabilities : [CAPABILITY_IAM]"
        with pytest.raises(ClientError, match="cannot be executed in its current status"):
            stacks.execute_change_set(**at)
        stacks.delete_stack(StackName="sam")

    def test_one_needs_no_acknowledgement_of_the_transform(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        at = {"StackName": "sam", "ChangeSetName": "second"}
        stacks.create_change_set(
            **at,
            ChangeSetType="CREATE",
            TemplateBody=template(FUNCTION, Transform=SAM),
            Capabilities=["CAPABILITY_IAM"],
        )
        assert stacks.describe_change_set(**at)["Capabilities"] == ["CAPABILITY_IAM"]
        stacks.execute_change_set(**at)
        told = stacks.describe_stacks(StackName="sam")["Stacks"][0]
        assert (told["StackStatus"], told["Capabilities"]) == ("CREATE_COMPLETE", ["CAPABILITY_IAM"])
        stacks.delete_stack(StackName="sam")


def test_inner_stack_has_what_its_parent_has(server: Server) -> None:
    stacks, buckets = server.client("cloudformation"), server.client("s3")
    buckets.create_bucket(Bucket="inner-templates")
    buckets.put_object(Bucket="inner-templates", Key="inner.json", Body=template(ROLE).encode())
    address = "https://inner-templates.s3.us-east-1.amazonaws.com/inner.json"
    outer = template({"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": address}})
    stacks.create_stack(StackName="outer", TemplateBody=outer)
    events = stacks.describe_stack_events(StackName="outer")["StackEvents"]
    assert any(
        "Requires capabilities : [CAPABILITY_IAM]" in each.get("ResourceStatusReason", "") for each in events
    )
    stacks.delete_stack(StackName="outer")
    stacks.create_stack(StackName="outer", TemplateBody=outer, Capabilities=["CAPABILITY_IAM"])
    assert stacks.describe_stacks(StackName="outer")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete_stack(StackName="outer")


def test_template_tells_what_it_will_need(server: Server) -> None:
    stacks = server.client("cloudformation")
    parameters = {
        "Size": {"Type": "Number", "Default": 3, "Description": "how many"},
        "Key": {"Type": "String"},
    }
    body = template(NAMED, Transform=SAM, Parameters=parameters)
    for told in (stacks.validate_template(TemplateBody=body), stacks.get_template_summary(TemplateBody=body)):
        assert told["Capabilities"] == ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
        assert told["DeclaredTransforms"] == [SAM]
        assert told["CapabilitiesReason"] == (
            f"The following resource(s) require capabilities: [AWS::IAM::Role, {SAM}]"
        )
    assert stacks.validate_template(TemplateBody=body)["Parameters"] == [
        {"ParameterKey": "Size", "DefaultValue": "3", "NoEcho": False, "Description": "how many"},
        {"ParameterKey": "Key", "NoEcho": False},
    ]
