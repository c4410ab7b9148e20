"""Queues, topics, functions and schedules of a stack: made, changed in place, and replaced when their name changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import ROLE, Server


@pytest.fixture
def fast() -> Iterator[Server]:
    """A server on whose clock an hour is two seconds."""
    running = Server("--clock", "scaled:1800")
    yield running
    running.stop()


def apply(
    server: Server, action: str, name: str, resources: dict[str, Any], **outputs: Any
) -> dict[str, str]:
    """Carry a template out and return the outputs of its stack."""
    stacks = server.client("cloudformation")
    body = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
    getattr(stacks, f"{action}_stack")(
        StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
    )
    told = stacks.describe_stacks(StackName=name)["Stacks"][0]
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    assert told["StackStatus"] == f"{action.upper()}_COMPLETE", events
    return {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}


class TestQueue:
    def test_another_name_makes_another_queue_that_the_others_then_use(self, server: Server) -> None:
        sqs = server.client("sqs")

        def resources(name: str) -> dict[str, Any]:
            redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
            return {
                "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
                "Live": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": redrive}},
            }

        apply(server, "create", "named", resources("dead-1"))
        url = apply(server, "update", "named", resources("dead-2"), Live={"Ref": "Live"})["Live"]
        assert [each.split("/")[-1] for each in sqs.list_queues(QueueNamePrefix="dead-")["QueueUrls"]] == [
            "dead-2"
        ]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
        assert json.loads(asked["RedrivePolicy"])["deadLetterTargetArn"].endswith(":dead-2")
        server.client("cloudformation").delete_stack(StackName="named")
        assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="dead-")

    def test_attributes_and_tags_change_in_place_and_go_back_to_their_defaults(self, server: Server) -> None:
        sqs = server.client("sqs")
        first = {"DelaySeconds": 5, "VisibilityTimeout": "60", "Tags": [{"Key": "a", "Value": "1"}]}
        second = {"DelaySeconds": 7, "MessageRetentionPeriod": 120, "Tags": [{"Key": "b", "Value": 2}]}
        queue = {"Type": "AWS::SQS::Queue"}
        before = apply(server, "create", "slow", {"Q": {**queue, "Properties": first}}, Url={"Ref": "Q"})
        after = apply(server, "update", "slow", {"Q": {**queue, "Properties": second}}, Url={"Ref": "Q"})
        assert before == after
        told = sqs.get_queue_attributes(QueueUrl=after["Url"], AttributeNames=["All"])["Attributes"]
        names = ("DelaySeconds", "VisibilityTimeout", "MessageRetentionPeriod")
        assert [told[name] for name in names] == ["7", "30", "120"]
        assert sqs.list_queue_tags(QueueUrl=after["Url"])["Tags"] == {"b": "2"}
        server.client("cloudformation").delete_stack(StackName="slow")

    def test_redrive_policy_goes_when_it_leaves_the_template(self, server: Server) -> None:
        sqs = server.client("sqs")
        redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
        dead = {"Dead": {"Type": "AWS::SQS::Queue"}}
        live = {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": redrive}}
        apply(server, "create", "redrive", {**dead, "Live": live})
        plain = {**dead, "Live": {"Type": "AWS::SQS::Queue"}}
        url = apply(server, "update", "redrive", plain, Url={"Ref": "Live"})["Url"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert "RedrivePolicy" not in told
        server.client("cloudformation").delete_stack(StackName="redrive")

    def test_fifo_queue_without_a_name_gets_one_that_fits(self, server: Server) -> None:
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}
        name = apply(server, "create", "fifo", {"Q": queue}, Name={"Fn::GetAtt": ["Q", "QueueName"]})["Name"]
        assert name.startswith("fifo-Q-")
        assert name.endswith(".fifo")
        server.client("cloudformation").delete_stack(StackName="fifo")


class TestTopic:
    def test_topic_keeps_its_subscriptions_when_a_property_changes(self, server: Server) -> None:
        sns = server.client("sns")
        server.client("sqs").create_queue(QueueName="listener")
        arn = "arn:aws:sqs:us-east-1:000000000000:listener"

        def resources(title: str) -> dict[str, Any]:
            topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news", "DisplayName": title}}
            at = {"TopicArn": {"Ref": "T"}, "Protocol": "sqs", "Endpoint": arn}
            return {"T": topic, "S": {"Type": "AWS::SNS::Subscription", "Properties": at}}

        apply(server, "create", "topic", resources("one"))
        topic = apply(server, "update", "topic", resources("two"), Arn={"Ref": "T"})["Arn"]
        assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "two"
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert [each["Endpoint"] for each in listed] == [arn]
        server.client("cloudformation").delete_stack(StackName="topic")
        assert topic not in [each["TopicArn"] for each in sns.list_topics()["Topics"]]

    def test_another_name_makes_another_topic(self, server: Server) -> None:
        sns = server.client("sns")

        def resources(name: str, *endpoints: str) -> dict[str, Any]:
            listeners = [
                {"Protocol": "sqs", "Endpoint": f"arn:aws:sqs:us-east-1:000000000000:{each}"}
                for each in endpoints
            ]
            properties = {"TopicName": name, "Subscription": listeners}
            return {"T": {"Type": "AWS::SNS::Topic", "Properties": properties}}

        for name in ("one", "two"):
            server.client("sqs").create_queue(QueueName=name)
        apply(server, "create", "renamed", resources("first", "one"))
        apply(server, "update", "renamed", resources("first", "two"))
        listed = sns.list_subscriptions_by_topic(TopicArn="arn:aws:sns:us-east-1:000000000000:first")
        assert [each["Endpoint"].split(":")[-1] for each in listed["Subscriptions"]] == ["two"]
        apply(server, "update", "renamed", resources("second", "two"))
        names = [each["TopicArn"].split(":")[-1] for each in sns.list_topics()["Topics"]]
        assert "second" in names
        assert "first" not in names
        server.client("cloudformation").delete_stack(StackName="renamed")


def test_another_name_makes_another_function_that_its_queue_then_starts(server: Server) -> None:
    functions = server.client("lambda")

    def resources(name: str) -> dict[str, Any]:
        properties = {
            "FunctionName": name,
            "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
            "Role": ROLE,
            "Handler": "index.handler",
            "Runtime": "python3.13",
        }
        mapping = {"FunctionName": {"Ref": "F"}, "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]}}
        return {
            "F": {"Type": "AWS::Lambda::Function", "Properties": properties},
            "Q": {"Type": "AWS::SQS::Queue"},
            "M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
        }

    apply(server, "create", "worker", resources("worker-1"))
    apply(server, "update", "worker", resources("worker-2"))
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    assert [name for name in names if name.startswith("worker-")] == ["worker-2"]
    (mapping,) = functions.list_event_source_mappings(FunctionName="worker-2")["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith(":worker-2")
    server.client("cloudformation").delete_stack(StackName="worker")


@pytest.mark.parametrize(
    ("kind", "properties", "names"),
    [
        (
            "DynamoDB::Table",
            {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
            ("TableName", "dynamodb", "list_tables", "TableNames"),
        ),
        ("Kinesis::Stream", {"ShardCount": 1}, ("Name", "kinesis", "list_streams", "StreamNames")),
    ],
    ids=["table", "stream"],
)
def test_another_name_makes_another(
    server: Server, kind: str, properties: dict[str, Any], names: tuple[str, str, str, str]
) -> None:
    member, service, operation, listed = names

    def resources(name: str) -> dict[str, Any]:
        return {"It": {"Type": f"AWS::{kind}", "Properties": {member: name, **properties}}}

    apply(server, "create", "other", resources("before"))
    outputs = apply(server, "update", "other", resources("after"), Name={"Ref": "It"})
    assert outputs == {"Name": "after"}
    assert getattr(server.client(service), operation)()[listed] == ["after"]
    server.client("cloudformation").delete_stack(StackName="other")
    assert getattr(server.client(service), operation)()[listed] == []


def test_log_group_has_its_retention_changed_and_is_replaced_with_its_name(server: Server) -> None:
    logs = server.client("logs")

    def resources(name: str, **more: Any) -> dict[str, Any]:
        return {"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **more}}}

    def there() -> list[tuple[str, int | None]]:
        found = logs.describe_log_groups(logGroupNamePrefix="/shop/")["logGroups"]
        return [(each["logGroupName"], each.get("retentionInDays")) for each in found]

    apply(server, "create", "kept", resources("/shop/one", RetentionInDays=1))
    outputs = apply(
        server,
        "update",
        "kept",
        resources("/shop/one", RetentionInDays="7"),
        Arn={"Fn::GetAtt": ["L", "Arn"]},
    )
    assert outputs["Arn"].endswith(":log-group:/shop/one:*")
    assert there() == [("/shop/one", 7)]
    apply(server, "update", "kept", resources("/shop/one", Tags=[{"Key": "a", "Value": "b"}]))
    assert there() == [("/shop/one", None)]
    apply(server, "update", "kept", resources("/shop/two"))
    assert there() == [("/shop/two", None)]
    server.client("cloudformation").delete_stack(StackName="kept")
    assert there() == []


def test_change_that_cannot_be_made_is_said_and_rolled_back(server: Server) -> None:
    stacks = server.client("cloudformation")

    def body(description: str) -> str:
        properties = {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}, "Description": description}
        return json.dumps({"Resources": {"K": {"Type": "AWS::KMS::Key", "Properties": properties}}})

    stacks.create_stack(StackName="fixed", TemplateBody=body("one"))
    stacks.update_stack(StackName="fixed", TemplateBody=body("two"))
    told = stacks.describe_stacks(StackName="fixed")["Stacks"][0]
    assert told["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "does not change a resource of type AWS::KMS::Key" in told["StackStatusReason"]
    stacks.delete_stack(StackName="fixed")


class TestSchedules:
    def test_schedule_is_made_changed_moved_and_deleted(self, server: Server) -> None:
        schedules = server.client("scheduler")

        def resources(expression: str, **more: Any) -> dict[str, Any]:
            target = {"Arn": {"Fn::GetAtt": ["Q", "Arn"]}, "RoleArn": ROLE, "Input": "{}"}
            properties = {
                "ScheduleExpression": expression,
                "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "15"},
                "Target": target,
                **more,
            }
            return {
                "Q": {"Type": "AWS::SQS::Queue"},
                "G": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "nightly"}},
                "S": {"Type": "AWS::Scheduler::Schedule", "DependsOn": "G", "Properties": properties},
            }

        outputs = {"Name": {"Ref": "S"}, "Arn": {"Fn::GetAtt": ["S", "Arn"]}}
        made = apply(server, "create", "timed", resources("rate(1 day)", State="DISABLED"), **outputs)
        told = schedules.get_schedule(Name=made["Name"])
        assert (told["ScheduleExpression"], told["State"]) == ("rate(1 day)", "DISABLED")
        assert told["FlexibleTimeWindow"]["MaximumWindowInMinutes"] == 15
        assert told["Arn"] == made["Arn"]
        changed = apply(server, "update", "timed", resources("rate(2 days)"), **outputs)
        assert changed == made
        told = schedules.get_schedule(Name=made["Name"])
        assert (told["ScheduleExpression"], told["State"]) == ("rate(2 days)", "ENABLED")
        moved = apply(server, "update", "timed", resources("rate(2 days)", GroupName="nightly"), **outputs)
        listed = schedules.list_schedules()["Schedules"]
        assert [(each["Name"], each["GroupName"]) for each in listed] == [(moved["Name"], "nightly")]
        server.client("cloudformation").delete_stack(StackName="timed")
        assert schedules.list_schedules()["Schedules"] == []
        with pytest.raises(schedules.exceptions.ResourceNotFoundException):
            schedules.get_schedule_group(Name="nightly")

    def test_event_of_sam_starts_its_function(self, fast: Server) -> None:
        server, sqs = fast, fast.client("sqs")
        heard = sqs.create_queue(QueueName="sam-heard")["QueueUrl"]
        event = {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 hour)"}}
        code = (
            "import boto3\n\n"
            "def handler(event, context):\n"
            f"    boto3.client('sqs').send_message(QueueUrl='{heard}', MessageBody=context.function_name)\n"
        )
        function = {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "FunctionName": "woken",
                "InlineCode": code,
                "Handler": "index.handler",
                "Runtime": "python3.13",
                "Timeout": 900,
                "Events": {"Tick": event},
            },
        }
        body = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Woken": function}}
        stacks = server.client("cloudformation")
        stacks.create_stack(
            StackName="sam-timed",
            TemplateBody=json.dumps(body),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        told = stacks.describe_stacks(StackName="sam-timed")["Stacks"][0]
        assert told["StackStatus"] == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="sam-timed")
        message = sqs.receive_message(QueueUrl=heard, WaitTimeSeconds=20)["Messages"][0]
        assert message["Body"] == "woken"
        stacks.delete_stack(StackName="sam-timed")
