"""What a request for a stack says beside the template, and stacks in stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server

QUEUE = {"Type": "AWS::SQS::Queue"}
BROKEN = {
    "Type": "AWS::Lambda::Function",
    "DependsOn": "Queue",
    "Properties": {
        "Code": {"S3Bucket": "no-such-bucket", "S3Key": "x"},
        "Role": ROLE,
        "Handler": "app.handler",
        "Runtime": "python3.13",
    },
}


def body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def told(server: Server, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return found


def resources(server: Server, name: str) -> list[str]:
    found = server.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    return [each["LogicalResourceId"] for each in found]


class TestFailure:
    def test_stack_that_was_rolled_back_has_no_resources_and_can_be_asked_for_them(
        self, server: Server
    ) -> None:
        stacks = server.client("cloudformation")
        stacks.create_stack(StackName="back", TemplateBody=body(Queue=QUEUE, Broken=BROKEN))
        assert told(server, "back")["StackStatus"] == "ROLLBACK_COMPLETE"
        assert resources(server, "back") == []
        assert stacks.list_stack_resources(StackName="back")["StackResourceSummaries"] == []
        stacks.delete_stack(StackName="back")

    @pytest.mark.parametrize("wish", [{"DisableRollback": True}, {"OnFailure": "DO_NOTHING"}], ids=str)
    def test_what_was_made_stays_where_nothing_is_to_be_done(
        self, server: Server, wish: dict[str, Any]
    ) -> None:
        stacks = server.client("cloudformation")
        stacks.create_stack(StackName="left", TemplateBody=body(Queue=QUEUE, Broken=BROKEN), **wish)
        assert told(server, "left")["StackStatus"] == "CREATE_FAILED"
        assert told(server, "left")["DisableRollback"] is True
        assert resources(server, "left") == ["Queue"]
        stacks.delete_stack(StackName="left")

    def test_stack_goes_where_it_is_to_be_deleted(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        arn = stacks.create_stack(
            StackName="gone", TemplateBody=body(Queue=QUEUE, Broken=BROKEN), OnFailure="DELETE"
        )["StackId"]
        assert told(server, arn)["StackStatus"] == "DELETE_COMPLETE"
        assert server.client("sqs").list_queues(QueueNamePrefix="gone-").get("QueueUrls", []) == []


def test_stack_with_termination_protection_stays(server: Server) -> None:
    stacks = server.client("cloudformation")
    stacks.create_stack(StackName="kept", TemplateBody=body(Queue=QUEUE), EnableTerminationProtection=True)
    sentence = r"Stack \[kept\] cannot be deleted while TerminationProtection is enabled"
    with pytest.raises(ClientError, match=sentence):
        stacks.delete_stack(StackName="kept")
    assert resources(server, "kept") == ["Queue"]
    stacks.update_termination_protection(StackName="kept", EnableTerminationProtection=False)
    assert told(server, "kept")["EnableTerminationProtection"] is False
    stacks.delete_stack(StackName="kept")
    with pytest.raises(ClientError, match="does not exist"):
        told(server, "kept")


class TestChangeSets:
    def test_change_set_begins_with_the_template_that_is_there(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        template = json.dumps(
            {
                "Parameters": {"Seconds": {"Type": "Number", "Default": 30}},
                "Resources": {"Queue": {**QUEUE, "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}}},
                "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
            }
        )
        stacks.create_stack(StackName="slower", TemplateBody=template)
        # AWS takes a change set that does not say so for one of a stack that exists.
        stacks.create_change_set(
            StackName="slower",
            ChangeSetName="more",
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "Seconds", "ParameterValue": "45"}],
        )
        stacks.execute_change_set(StackName="slower", ChangeSetName="more")
        (url,) = [output["OutputValue"] for output in told(server, "slower")["Outputs"]]
        asked = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        assert asked["Attributes"]["VisibilityTimeout"] == "45"
        with pytest.raises(ClientError, match="already exists and cannot be created again"):
            stacks.create_change_set(
                StackName="slower", ChangeSetName="new", ChangeSetType="CREATE", TemplateBody=template
            )
        stacks.delete_stack(StackName="slower")

    def test_change_set_for_a_stack_that_is_not_there_is_refused(self, server: Server) -> None:
        with pytest.raises(ClientError, match=r"Stack \[nobody\] does not exist"):
            server.client("cloudformation").create_change_set(
                StackName="nobody", ChangeSetName="c", TemplateBody=body(Queue=QUEUE)
            )


def test_request_without_a_template_or_with_one_that_cannot_be_read_is_refused(server: Server) -> None:
    stacks = server.client("cloudformation")
    for ask in (stacks.create_stack, stacks.validate_template):
        named = {"StackName": "none"} if ask == stacks.create_stack else {}
        with pytest.raises(ClientError, match="Either Template URL or Template Body must be specified"):
            ask(**named)
    with pytest.raises(ClientError, match="Template format error: while parsing"):
        stacks.validate_template(TemplateBody="{")
    nameless = body(Queue={**QUEUE, "Properties": {"QueueName": {"Ref": "Nobody"}}})
    with pytest.raises(ClientError, match=r"Unresolved resource dependencies \[Nobody\]"):
        stacks.create_stack(StackName="never", TemplateBody=nameless)
    with pytest.raises(ClientError, match=r"Parameters: \[Stage\] do not exist in the template"):
        stacks.create_stack(
            StackName="never",
            TemplateBody=body(Queue=QUEUE),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": "dev"}],
        )


class TestStackInAStack:
    def outer(self, server: Server, inner: dict[str, Any], **parameters: Any) -> str:
        """Return a template around ``inner``, which is put where templates are read from."""
        storage = server.client("s3")
        storage.create_bucket(Bucket="templates")
        storage.put_object(Bucket="templates", Key="inner.json", Body=json.dumps(inner))
        address = "https://templates.s3.us-east-1.amazonaws.com/inner.json"
        nested = {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": address, "Parameters": parameters},
        }
        outputs = {
            "Arn": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Arn"]}},
            "Id": {"Value": {"Ref": "Inner"}},
        }
        return json.dumps({"Resources": {"Inner": nested}, "Outputs": outputs})

    def test_outputs_of_the_inner_stack_are_read_and_it_changes_and_goes_with_the_outer(
        self, server: Server
    ) -> None:
        stacks, sqs = server.client("cloudformation"), server.client("sqs")
        properties = {"QueueName": "inside", "VisibilityTimeout": {"Ref": "Seconds"}}
        inner = {
            "Parameters": {"Seconds": {"Type": "Number"}, "Names": {"Type": "CommaDelimitedList"}},
            "Resources": {"Queue": {**QUEUE, "Properties": properties}},
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
        }
        template = self.outer(server, inner, Seconds=30, Names=["a", "b"])
        stacks.create_stack(StackName="outside", TemplateBody=template)
        outputs = {each["OutputKey"]: each["OutputValue"] for each in told(server, "outside")["Outputs"]}
        assert outputs["Arn"] == "arn:aws:sqs:us-east-1:000000000000:inside"
        assert told(server, outputs["Id"])["StackStatus"] == "CREATE_COMPLETE"

        template = self.outer(server, inner, Seconds=50, Names=["a", "b"])
        stacks.update_stack(StackName="outside", TemplateBody=template)
        assert told(server, "outside")["StackStatus"] == "UPDATE_COMPLETE"
        assert told(server, outputs["Id"])["StackStatus"] == "UPDATE_COMPLETE"
        url = sqs.get_queue_url(QueueName="inside")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        assert asked["Attributes"]["VisibilityTimeout"] == "50"

        stacks.delete_stack(StackName="outside")
        assert told(server, outputs["Id"])["StackStatus"] == "DELETE_COMPLETE"
        assert sqs.list_queues(QueueNamePrefix="inside").get("QueueUrls", []) == []

    def test_inner_stack_that_fails_takes_the_outer_back(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        inner = {"Resources": {"Queue": QUEUE, "Broken": BROKEN}, "Outputs": {"Arn": {"Value": "none"}}}
        stacks.create_stack(StackName="shell", TemplateBody=self.outer(server, inner))
        found = told(server, "shell")
        assert found["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "was not successfully created" in found["StackStatusReason"]
        names = [each["StackName"] for each in stacks.describe_stacks()["Stacks"]]
        assert [name for name in names if name.startswith("shell")] == ["shell"]
        stacks.delete_stack(StackName="shell")
