"""What an update replaces goes in its clean-up; a failure before finds everything where it was."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.test_stack_replacements import apply

BROKEN = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "SecureString", "Value": "x"}}


def queue(name: str, **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}, **attributes}


def queues(server: Server, prefix: str) -> list[str]:
    told = server.client("sqs").list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    return sorted(each.split("/")[-1] for each in told)


def events_of(server: Server, name: str) -> list[tuple[str, str]]:
    told = server.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(told)]


def update(server: Server, name: str, resources: dict[str, Any]) -> dict[str, Any]:
    stacks = server.client("cloudformation")
    stacks.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    told: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
    return told


def test_replaced_resource_goes_after_all_others_are_changed(server: Server) -> None:
    apply(server, "create", "late", {"A": queue("late-1"), "B": queue("late-b"), "C": queue("late-c")})
    apply(server, "update", "late", {"A": queue("late-2"), "B": queue("late-b"), "D": queue("late-d")})
    assert events_of(server, "late")[-7:] == [
        ("late", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_COMPLETE"),
        ("D", "CREATE_COMPLETE"),
        ("late", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("C", "DELETE_COMPLETE"),
        ("A", "DELETE_COMPLETE"),
        ("late", "UPDATE_COMPLETE"),
    ]
    assert queues(server, "late") == ["late-2", "late-b", "late-d"]
    server.client("cloudformation").delete_stack(StackName="late")


def test_failed_update_gives_back_the_very_resource_that_was_replaced(server: Server) -> None:
    sqs = server.client("sqs")
    apply(server, "create", "kept", {"A": queue("kept-1")})
    url = sqs.get_queue_url(QueueName="kept-1")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="still here")
    stack = update(server, "kept", {"A": queue("kept-2"), "Z": {**BROKEN, "DependsOn": "A"}})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "is a String or a StringList" in stack["StackStatusReason"]
    assert queues(server, "kept") == ["kept-1"]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "still here"
    assert ("kept", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS") in events_of(server, "kept")
    # The reason of the failure is gone with the next update that goes well.
    assert "StackStatusReason" not in update(server, "kept", {"A": queue("kept-3")})
    server.client("cloudformation").delete_stack(StackName="kept")
    assert queues(server, "kept") == []


@pytest.mark.parametrize(("policy", "left"), [("Retain", ["r-1", "r-2"]), ("Delete", ["r-2"])])
def test_update_replace_policy_says_whether_the_replaced_resource_stays(
    server: Server, policy: str, left: list[str]
) -> None:
    apply(server, "create", "replaced", {"A": queue("r-1", UpdateReplacePolicy=policy)})
    apply(server, "update", "replaced", {"A": queue("r-2", UpdateReplacePolicy=policy)})
    assert queues(server, "r-") == left
    server.client("cloudformation").delete_stack(StackName="replaced")
    for name in queues(server, "r-"):
        server.client("sqs").delete_queue(
            QueueUrl=server.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        )


def test_what_cannot_be_removed_in_the_clean_up_stays_and_the_update_is_complete(server: Server) -> None:
    s3 = server.client("s3")
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full-one"}}
    apply(server, "create", "full", {"B": bucket})
    s3.put_object(Bucket="full-one", Key="k", Body=b"x")
    bucket["Properties"] = {"BucketName": "full-two"}
    apply(server, "update", "full", {"B": bucket})
    assert ("B", "DELETE_FAILED") in events_of(server, "full")
    assert {"full-one", "full-two"} <= {each["Name"] for each in s3.list_buckets()["Buckets"]}
    server.client("cloudformation").delete_stack(StackName="full")


def test_resource_does_not_become_one_of_another_type(server: Server) -> None:
    apply(server, "create", "types", {"A": queue("types")})
    stack = update(server, "types", {"A": {"Type": "AWS::SNS::Topic"}})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Update of resource type is not permitted" in stack["StackStatusReason"]
    assert queues(server, "types") == ["types"]
    server.client("cloudformation").delete_stack(StackName="types")


def test_failed_creation_removes_what_is_retained_except_on_create(server: Server) -> None:
    stacks = server.client("cloudformation")
    resources = {
        "A": queue("roe-gone", DeletionPolicy="RetainExceptOnCreate"),
        "B": queue("roe-kept", DeletionPolicy="Retain"),
        "Z": {**BROKEN, "DependsOn": ["A", "B"]},
    }
    stacks.create_stack(StackName="roe", TemplateBody=json.dumps({"Resources": resources}))
    assert queues(server, "roe-") == ["roe-kept"]
    stacks.delete_stack(StackName="roe")


class TestExports:
    ARN: ClassVar = {"Fn::GetAtt": "Q.Arn"}

    def body(self, value: Any, name: str = "shared") -> str:
        outputs = {"O": {"Value": value, "Export": {"Name": name}}} if name else {}
        return json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs})

    def importing(self) -> str:
        parameter = {"Type": "String", "Value": {"Fn::ImportValue": "shared"}}
        return json.dumps({"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}})

    def test_export_in_use_neither_goes_nor_changes(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        stacks.create_stack(StackName="giver", TemplateBody=self.body(self.ARN))
        # By a change set, as ``aws cloudformation deploy`` does it.
        stacks.create_change_set(
            StackName="taker", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=self.importing()
        )
        stacks.execute_change_set(StackName="taker", ChangeSetName="first")
        assert stacks.list_imports(ExportName="shared")["Imports"] == ["taker"]
        stacks.delete_stack(StackName="giver")
        told = stacks.describe_stacks(StackName="giver")["Stacks"][0]
        assert told["StackStatus"] == "CREATE_COMPLETE"
        assert "Cannot delete export shared as it is in use by taker" in told["StackStatusReason"]
        for body, verb in ((self.body(self.ARN, ""), "delete"), (self.body("other"), "update")):
            stacks.update_stack(StackName="giver", TemplateBody=body)
            told = stacks.describe_stacks(StackName="giver")["Stacks"][0]
            assert told["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
            assert f"Cannot {verb} export shared as it is in use by taker" in told["StackStatusReason"]
        stacks.delete_stack(StackName="taker")
        with pytest.raises(ClientError, match="Export 'shared' is not imported by any stack"):
            stacks.list_imports(ExportName="shared")
        stacks.update_stack(StackName="giver", TemplateBody=self.body("other"))
        assert [each["Value"] for each in stacks.list_exports()["Exports"]] == ["other"]
        stacks.delete_stack(StackName="giver")
        assert stacks.list_exports()["Exports"] == []

    def test_output_whose_condition_is_not_met_exports_nothing(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        body = {
            "Conditions": {"Off": {"Fn::Equals": ["a", "b"]}},
            "Resources": {
                "Q": {"Type": "AWS::SQS::Queue"},
                "R": {"Type": "AWS::SQS::Queue", "Condition": "Off"},
            },
            "Outputs": {
                "R": {"Condition": "Off", "Value": {"Fn::GetAtt": "R.Arn"}, "Export": {"Name": "off"}},
                "One": {"Value": "same", "Export": {"Name": "on"}},
                "Two": {"Value": "same"},
            },
        }
        stacks.create_stack(StackName="off", TemplateBody=json.dumps(body))
        told = stacks.describe_stacks(StackName="off")["Stacks"][0]
        assert {each["OutputKey"]: each.get("ExportName") for each in told["Outputs"]} == {
            "One": "on",
            "Two": None,
        }
        assert [each["Name"] for each in stacks.list_exports()["Exports"]] == ["on"]
        stacks.delete_stack(StackName="off")

    def test_name_of_an_export_belongs_to_one_stack(self, server: Server) -> None:
        stacks = server.client("cloudformation")
        stacks.create_stack(StackName="one", TemplateBody=self.body("1"))
        stacks.create_stack(StackName="two", TemplateBody=self.body("2"))
        told = stacks.describe_stacks(StackName="two")["Stacks"][0]
        assert told["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "Export with name shared is already exported by stack one" in told["StackStatusReason"]
        assert [each["Value"] for each in stacks.list_exports()["Exports"]] == ["1"]
        for name in ("one", "two"):
            stacks.delete_stack(StackName=name)


def test_change_set_that_is_not_there_is_not_found_and_as_good_as_deleted(server: Server) -> None:
    """``cdk deploy`` deletes the one of last time, and waits until it is not found."""
    stacks = server.client("cloudformation")
    body = json.dumps({"Resources": {"Q": queue("bare")}})
    stacks.create_stack(StackName="bare", TemplateBody=body)
    place = {"StackName": "bare", "ChangeSetName": "cdk-deploy-change-set"}
    stacks.delete_change_set(**place)
    for ask in (stacks.describe_change_set, stacks.execute_change_set):
        with pytest.raises(stacks.exceptions.ChangeSetNotFoundException, match="does not exist") as refused:
            ask(**place)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(stacks.exceptions.ClientError, match=r"Stack \[nobody\] does not exist"):
        stacks.delete_change_set(StackName="nobody", ChangeSetName="cdk-deploy-change-set")
    stacks.delete_stack(StackName="bare")


def test_two_stacks_may_have_a_change_set_of_the_same_name(server: Server) -> None:
    stacks = server.client("cloudformation")
    for name in ("left", "right"):
        body = json.dumps({"Resources": {"Q": queue(f"cs-{name}")}})
        stacks.create_change_set(
            StackName=name, ChangeSetName="same", ChangeSetType="CREATE", TemplateBody=body
        )
    assert len(stacks.list_change_sets(StackName="left")["Summaries"]) == 1
    assert stacks.describe_change_set(StackName="left", ChangeSetName="same")["StackName"] == "left"
    stacks.execute_change_set(StackName="left", ChangeSetName="same")
    assert queues(server, "cs-") == ["cs-left"]
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_change_set(StackName="left", ChangeSetName="other")
    for name in ("left", "right"):
        stacks.delete_stack(StackName=name)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"StackPolicyBody": "{}"}, "does not emulate stack policies: leave StackPolicyBody out"),
        ({"ResourceTypes": ["AWS::S3::*"]}, "leave ResourceTypes out"),
        ({"RollbackConfiguration": {"MonitoringTimeInMinutes": 5}}, "leave RollbackConfiguration out"),
    ],
    ids=["policy", "types", "triggers"],
)
def test_option_that_is_not_emulated_is_refused_by_name(
    server: Server, options: dict[str, Any], sentence: str
) -> None:
    body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    with pytest.raises(ClientError, match=sentence):
        server.client("cloudformation").create_stack(StackName="no", TemplateBody=body, **options)


def test_parameter_that_is_not_to_be_shown_is_not_shown(server: Server) -> None:
    stacks = server.client("cloudformation")
    body = {
        "Parameters": {"Secret": {"Type": "String", "NoEcho": True}, "Plain": {"Type": "String"}},
        "Resources": {"Q": {"Type": "AWS::SQS::Queue"}},
    }
    values = {"Secret": "hush", "Plain": "Secret"}
    stacks.create_stack(
        StackName="quiet",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    )
    told = stacks.describe_stacks(StackName="quiet")["Stacks"][0]["Parameters"]
    assert {each["ParameterKey"]: each["ParameterValue"] for each in told} == {**values, "Secret": "****"}
    stacks.delete_stack(StackName="quiet")
