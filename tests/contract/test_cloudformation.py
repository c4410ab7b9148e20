"""Stacks through the sandbox's endpoint: SAM templates deployed, updated and torn down, and what a failure leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from botocore.exceptions import ClientError, WaiterError

from lambda_sandbox.config import ACCOUNT_ID, ROOT_SECRET
from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "artifacts"
TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Package: {Type: String}
  Greeting: {Type: String, Default: hello}
Resources:
  Waiting:
    Type: AWS::SQS::Queue
  Words:
    Type: AWS::Serverless::LayerVersion
    Properties:
      LayerName: words
      ContentUri: s3://artifacts/layer.zip
      CompatibleRuntimes: [python3.12]
      RetentionPolicy: Delete
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {Bucket: artifacts, Key: !Ref Package}
      Handler: app.handler
      Runtime: python3.12
      Timeout: 7
      Layers: [!Ref Words]
      AutoPublishAlias: live
      Environment: {Variables: {GREETING: !Ref Greeting, QUEUE: !GetAtt Waiting.QueueName}}
      FunctionUrlConfig:
        AuthType: NONE
        Cors: {AllowOrigins: ["https://example.com"], MaxAge: 60}
      Events:
        FromQueue:
          Type: SQS
          Properties: {Queue: !GetAtt Waiting.Arn, BatchSize: 5}
        FromTopic:
          Type: SNS
          Properties: {Topic: !Ref Topic}
  Topic:
    Type: AWS::SNS::Topic
Outputs:
  Name: {Value: !Ref Greeter}
  Alias: {Value: !Ref Greeter.Alias}
  Version: {Value: !GetAtt Greeter.Version.Version}
  Url: {Value: !GetAtt GreeterUrl.FunctionUrl}
"""
SOURCE = """
import os
import words
def handler(event, context):
    return {"says": f"{words.say(os.environ['GREETING'])} VERSION", "version": context.function_version}
"""


def store(server: Server, key: str, content: bytes) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=key, Body=content)


def outputs(server: Server, stack: str) -> dict[str, str]:
    told = server.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    assert told["StackStatus"].endswith("_COMPLETE"), told
    return {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}


def says(server: Server, function: str) -> dict[str, Any]:
    answer = server.client("lambda").invoke(FunctionName=function)
    assert "FunctionError" not in answer, answer["Payload"].read()
    result: dict[str, Any] = json.load(answer["Payload"])
    return result


def remains(server: Server) -> dict[str, list[Any]]:
    """Return everything of Lambda and its neighbours that a stack could leave behind."""
    functions = server.client("lambda")
    return {
        "functions": functions.list_functions()["Functions"],
        "layers": functions.list_layers()["Layers"],
        "mappings": functions.list_event_source_mappings()["EventSourceMappings"],
        "queues": server.client("sqs").list_queues().get("QueueUrls", []),
        "topics": server.client("sns").list_topics()["Topics"],
        "subscriptions": server.client("sns").list_subscriptions()["Subscriptions"],
        "roles": server.client("iam").list_roles()["Roles"],
        "tables": server.client("dynamodb").list_tables()["TableNames"],
        "topic rules": server.client("iot").list_topic_rules()["rules"],
    }


def aws(server: Server, *arguments: str, cwd: Path | None = None) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing may leave this machine
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # `package` gives its S3 client no --endpoint-url.
        "AWS_ENDPOINT_URL": server.endpoint,
    }
    command = [str(Path(sys.executable).with_name("aws")), *arguments]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def before(server: Server) -> dict[str, list[Any]]:
    return remains(server)


def test_sam_template_deploys_updates_and_leaves_nothing(
    server: Server, before: dict[str, list[Any]]
) -> None:
    layer = {"python/words.py": "def say(word): return word.upper()"}
    store(server, "layer.zip", package(layer))
    for number in ("1", "2"):
        store(server, f"greeter-{number}.zip", package({"app.py": SOURCE.replace("VERSION", number)}))
    stacks = server.client("cloudformation")

    def deploy(operation: Callable[..., Any], package_key: str, **parameters: str) -> dict[str, str]:
        given = {"Package": package_key, **parameters}
        operation(
            StackName="greeter",
            TemplateBody=TEMPLATE,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        return outputs(server, "greeter")

    first = deploy(stacks.create_stack, "greeter-1.zip")
    assert says(server, first["Alias"]) == {"says": "HELLO 1", "version": "1"}
    functions = server.client("lambda")
    name = first["Name"]
    assert (
        functions.get_function_url_config(FunctionName=name, Qualifier="live")["FunctionUrl"] == first["Url"]
    )
    policy = json.loads(functions.get_policy(FunctionName=name, Qualifier="live")["Policy"])
    assert "sns.amazonaws.com" in json.dumps(policy)
    mapping = functions.list_event_source_mappings(FunctionName=first["Alias"])["EventSourceMappings"]
    assert [each["BatchSize"] for each in mapping] == [5]

    topic = server.client("sns").list_topics()["Topics"][0]["TopicArn"]
    (subscribed,) = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("lambda", first["Alias"])

    second = deploy(stacks.update_stack, "greeter-2.zip", Greeting="good day")
    assert says(server, second["Alias"]) == {"says": "GOOD DAY 2", "version": "2"}
    assert says(server, f"{name}:1") == {"says": "HELLO 1", "version": "1"}
    assert second["Name"] == name
    with pytest.raises(ClientError, match="No updates are to be performed"):
        deploy(stacks.update_stack, "greeter-2.zip", Greeting="good day")

    stacks.delete_stack(StackName="greeter")
    assert remains(server) == before
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName="greeter")


def test_deploying_the_same_again_changes_nothing(server: Server, tmp_path: Path) -> None:
    """The CLI gives every parameter its previous value, also one that was left to its default."""
    template = {
        "Parameters": {"Seconds": {"Type": "Number", "Default": 30}},
        "Resources": {
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"QueueName": "deployed-twice", "VisibilityTimeout": {"Ref": "Seconds"}},
            }
        },
    }
    (tmp_path / "template.json").write_text(json.dumps(template))
    deploy = ("cloudformation", "deploy", "--stack-name", "twice", "--template-file", "template.json")
    assert "Successfully created/updated stack" in aws(server, *deploy, cwd=tmp_path)
    unchanged = aws(server, *deploy, "--no-fail-on-empty-changeset", cwd=tmp_path)
    assert "No changes to deploy" in unchanged
    assert "Successfully" in aws(server, *deploy, "--parameter-overrides", "Seconds=40", cwd=tmp_path)
    server.client("cloudformation").delete_stack(StackName="twice")


PLAIN = {
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "of-the-failed-stack"}},
    "Works": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "works",
            "Role": ROLE,
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Code": {"ZipFile": "def handler(event, context):\n    return 1"},
            "Timeout": "5",
            "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}}},
            "Tags": [{"Key": "team", "Value": "till"}],
        },
    },
}
WORKS_ALONE: dict[str, Any] = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "alone",
        "Role": ROLE,
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(event, context):\n    return 1"},
    },
}
BROKEN = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {
        "FunctionName": {"Fn::Sub": "${Works}-which-is-missing"},
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    },
}


def body(resources: dict[str, Any]) -> str:
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})


def test_stack_that_cannot_be_created_is_rolled_back_and_says_why(
    server: Server, before: dict[str, list[Any]]
) -> None:
    stacks = server.client("cloudformation")
    stacks.create_stack(StackName="broken", TemplateBody=body({**PLAIN, "Broken": BROKEN}))
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        stacks.get_waiter("stack_create_complete").wait(StackName="broken")
    events = stacks.describe_stack_events(StackName="broken")["StackEvents"]
    (failed,) = [each for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Broken"
    assert "ResourceNotFoundException" in failed["ResourceStatusReason"]
    assert remains(server) == before
    stacks.delete_stack(StackName="broken")


def test_update_that_fails_goes_back_to_what_was(server: Server, before: dict[str, list[Any]]) -> None:
    stacks, functions = server.client("cloudformation"), server.client("lambda")
    stacks.create_stack(StackName="moving", TemplateBody=body(PLAIN))
    assert functions.list_tags(Resource=arn_of(server, "works"))["Tags"] == {"team": "till"}
    changed = json.loads(json.dumps(PLAIN))
    changed["Works"]["Properties"] |= {"Timeout": 9, "Tags": [{"Key": "team", "Value": "shop"}]}
    stacks.update_stack(StackName="moving", TemplateBody=body(changed))
    assert functions.get_function_configuration(FunctionName="works")["Timeout"] == 9
    assert functions.list_tags(Resource=arn_of(server, "works"))["Tags"] == {"team": "shop"}

    again = json.loads(json.dumps(PLAIN))
    again["Works"]["Properties"]["Timeout"] = 11
    stacks.update_stack(StackName="moving", TemplateBody=body({**again, "Broken": BROKEN}))
    told = stacks.describe_stacks(StackName="moving")["Stacks"][0]
    assert told["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert functions.get_function_configuration(FunctionName="works")["Timeout"] == 9
    stacks.delete_stack(StackName="moving")
    assert remains(server) == before


def arn_of(server: Server, name: str) -> str:
    told = server.client("lambda").get_function_configuration(FunctionName=name)
    arn: str = told["FunctionArn"]
    return arn


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("Resources: [", "Template format error"),
        ("just text", "unsupported structure"),
        (
            body({"F": {"Type": "AWS::Serverless::Function", "Properties": {}}}).replace(
                "{", '{"Transform": "AWS::Serverless-2016-10-31", ', 1
            ),
            "Invalid Serverless Application Specification document",
        ),
        (
            body(PLAIN).replace("{", '{"Transform": "AWS::LanguageExtensions", ', 1),
            "AWS::LanguageExtensions is not emulated",
        ),
        ("Resources: !!python/object/apply:os.getcwd []", "Template format error"),
        (body({"P": {"Type": "AWS::Pipes::Pipe"}}), "does not emulate: [AWS::Pipes::Pipe]"),
        (body({"G": {"Type": "AWS::CodeDeploy::Application"}}), "[AWS::CodeDeploy::Application]"),
        ("Resources: 7", "Template format error"),
        ("Description: no resources", "At least one Resources member must be defined"),
    ],
    ids=[
        "cut off",
        "no object",
        "SAM error",
        "other transform",
        "Python object",
        "other type",
        "unknown type",
        "resources of another kind",
        "no resources",
    ],
)
def test_template_that_cannot_be_used_is_refused_at_once(
    server: Server, template: str, sentence: str
) -> None:
    stacks = server.client("cloudformation")
    with pytest.raises(ClientError, match=re.escape(sentence)) as refused:
        stacks.create_stack(StackName="never", TemplateBody=template, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_template_comes_back_as_it_was_given(server: Server) -> None:
    stacks = server.client("cloudformation")
    text = "Resources:\n  Q: {Type: AWS::SQS::Queue}  # a comment\n"
    stacks.create_stack(StackName="given", TemplateBody=text)
    assert stacks.get_template(StackName="given")["TemplateBody"] == text
    stacks.delete_stack(StackName="given")


def test_subscription_to_a_log_group_comes_and_goes_with_its_stack(server: Server) -> None:
    permission = {"Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"}
    resources = {
        "Works": WORKS_ALONE,
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/shop"}},
        "May": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"FunctionName": {"Ref": "Works"}, **permission},
        },
        "Filter": {
            "Type": "AWS::Logs::SubscriptionFilter",
            "DependsOn": "May",
            "Properties": {
                "LogGroupName": {"Ref": "Group"},
                "FilterPattern": "",
                "DestinationArn": {"Fn::GetAtt": ["Works", "Arn"]},
            },
        },
    }
    stacks, logs = server.client("cloudformation"), server.client("logs")
    stacks.create_stack(StackName="watching", TemplateBody=body(resources))
    outputs(server, "watching")
    (found,) = logs.describe_subscription_filters(logGroupName="/shop")["subscriptionFilters"]
    assert found["destinationArn"] == arn_of(server, "alone")
    stacks.delete_stack(StackName="watching")
    assert logs.describe_log_groups(logGroupNamePrefix="/shop")["logGroups"] == []


def test_topic_rule_of_a_stack_starts_its_function_changes_and_goes_with_it(server: Server) -> None:
    def template(sql: str) -> str:
        # SAM makes the rule and lets it in; a rule has no name of its own there.
        event = {"Type": "IoTRule", "Properties": {"Sql": sql, "AwsIotSqlVersion": "2016-03-23"}}
        inline = {"Handler": "index.handler", "InlineCode": "def handler(event, _): print('GOT', event)"}
        properties = {
            "FunctionName": "hears",
            "Runtime": "python3.13",
            **inline,
            "Events": {"Warm": event},
        }
        resources = {"Hears": {"Type": "AWS::Serverless::Function", "Properties": properties}}
        return json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources})

    stacks, iot = server.client("cloudformation"), server.client("iot")
    may = {"Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    stacks.create_stack(StackName="told-off", TemplateBody=template("SELECT n FROM 'a' WHERE n > 1"), **may)
    told = stacks.describe_stacks(StackName="told-off")["Stacks"][0]
    assert told["StackStatus"] == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="told-off")
    (rule,) = iot.list_topic_rules()["rules"]
    assert re.fullmatch(r"told_off_\w+", rule["ruleName"])

    stacks.update_stack(StackName="told-off", TemplateBody=template("SELECT n AS degrees FROM 'a'"), **may)
    assert [each["ruleArn"] for each in iot.list_topic_rules()["rules"]] == [rule["ruleArn"]]
    server.client("iot-data").publish(topic="a", qos=1, payload=b'{"n": 1}')
    heard: list[str] = []
    deadline = time.monotonic() + 30
    while not heard:
        assert time.monotonic() < deadline, "the function did not hear of it"
        with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function=hears") as answer:
            lines = [event["message"] for event in json.load(answer)["events"]]
        heard = [line for line in lines if line.startswith("GOT ")]
    assert heard == ["GOT {'degrees': 1}\n"]

    stacks.delete_stack(StackName="told-off")
    assert iot.list_topic_rules()["rules"] == []


def test_alarms_of_a_stack_watch_change_and_go_with_it(server: Server) -> None:
    def template(threshold: int, owner: str) -> str:
        watch = {
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "FunctionName", "Value": "shop"}],
            "Statistic": "Sum",
            "Period": "60",
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "AlarmActions": [{"Ref": "Told"}],
            "Tags": [{"Key": "owner", "Value": owner}],
        }
        rule = {"AlarmName": "either", "AlarmRule": {"Fn::Sub": "ALARM(${Watch})"}}
        return body(
            {
                "Told": {"Type": "AWS::SNS::Topic"},
                "Watch": {"Type": "AWS::CloudWatch::Alarm", "Properties": watch},
                "Either": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": rule},
            }
        )

    stacks, cloudwatch = server.client("cloudformation"), server.client("cloudwatch")
    kinds = ["MetricAlarm", "CompositeAlarm"]
    stacks.create_stack(StackName="alarmed", TemplateBody=template(1, "ada"))
    assert stacks.describe_stacks(StackName="alarmed")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    found = cloudwatch.describe_alarms(AlarmTypes=kinds)
    (alarm,), (either,) = found["MetricAlarms"], found["CompositeAlarms"]
    assert alarm["AlarmName"].startswith("alarmed-Watch-")
    assert (alarm["Threshold"], alarm["Period"], alarm["StateValue"]) == (1, 60, "INSUFFICIENT_DATA")
    assert [arn.split(":")[2] for arn in alarm["AlarmActions"]] == ["sns"]
    assert either["AlarmRule"] == f"ALARM({alarm['AlarmName']})"

    stacks.update_stack(StackName="alarmed", TemplateBody=template(5, "grace"))
    (changed,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (changed["AlarmArn"], changed["Threshold"]) == (alarm["AlarmArn"], 5)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "owner", "Value": "grace"}]

    stacks.delete_stack(StackName="alarmed")
    left = cloudwatch.describe_alarms(AlarmTypes=kinds)
    assert left["MetricAlarms"] == left["CompositeAlarms"] == []


def test_stack_lives_in_the_account_and_region_of_its_caller(server: Server) -> None:
    there = {"aws_access_key_id": "111122223333", "region_name": "eu-west-1"}
    stacks = server.client("cloudformation", **there)
    stacks.create_stack(StackName="abroad", TemplateBody=body({"Works": WORKS_ALONE}))
    (function,) = server.client("lambda", **there).list_functions()["Functions"]
    assert function["FunctionArn"] == "arn:aws:lambda:eu-west-1:111122223333:function:alone"
    assert server.client("lambda").list_functions()["Functions"] == []
    stacks.delete_stack(StackName="abroad")
    assert server.client("lambda", **there).list_functions()["Functions"] == []


def test_stack_is_made_where_iam_decides(start_server: Callable[..., Server]) -> None:
    guarded = start_server("--enforce-iam")
    root = {"aws_access_key_id": ACCOUNT_ID, "aws_secret_access_key": ROOT_SECRET}
    stacks = guarded.client("cloudformation", **root)
    properties = {
        name: value for name, value in WORKS_ALONE["Properties"].items() if name not in ("Role", "Code")
    }
    properties["InlineCode"] = WORKS_ALONE["Properties"]["Code"]["ZipFile"]
    serverless = {"Type": "AWS::Serverless::Function", "Properties": properties}  # SAM makes the role
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Works": serverless}}
    stacks.create_stack(
        StackName="guarded",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    told = stacks.describe_stacks(StackName="guarded")["Stacks"][0]
    assert told["StackStatus"] == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="guarded")
    answer = guarded.client("lambda", **root).invoke(FunctionName="alone")
    assert answer["Payload"].read() == b"1"


def write_solution(lab: Path, folder: Path) -> None:
    """Write what the solved notebook writes: the code of the lab's functions."""
    notebook = nbformat.read(lab / "solution" / "lab.ipynb", as_version=4)
    for cell in notebook.cells:
        found = re.match(r"%%writefile (work/\S+)\n", cell.source) if cell.cell_type == "code" else None
        if found:
            (folder / found[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / found[1]).write_text(cell.source[found.end() :], encoding="utf-8")


@pytest.mark.parametrize("lab", sorted(ROOT.glob("labs/*/template.yaml")), ids=lambda path: path.parent.name)
def test_template_of_a_lab_deploys_with_the_cli(
    server: Server, before: dict[str, list[Any]], lab: Path, tmp_path: Path
) -> None:
    write_solution(lab.parent, tmp_path)
    (tmp_path / "template.yaml").write_text(lab.read_text(encoding="utf-8"), encoding="utf-8")
    store(server, "for-labs", b"")
    packaged = (
        "--template-file",
        "template.yaml",
        "--s3-bucket",
        BUCKET,
        "--output-template-file",
        "ready.yaml",
    )
    aws(server, "cloudformation", "package", *packaged, cwd=tmp_path)
    stack = f"lab-{lab.parent.name[:2]}"
    deploy = ("cloudformation", "deploy", "--template-file", "ready.yaml", "--stack-name", stack)
    aws(server, *deploy, "--capabilities", "CAPABILITY_IAM", cwd=tmp_path)
    assert "No changes to deploy" in aws(server, *deploy, "--no-fail-on-empty-changeset", cwd=tmp_path)
    wanted = set(re.findall(r"FunctionName: (\S+)", lab.read_text(encoding="utf-8")))
    functions = server.client("lambda").list_functions()["Functions"]
    assert {each["FunctionName"] for each in functions} == wanted
    # The one that the template names for all of its functions.
    asked = set(re.findall(r"^    Runtime: (\S+)", lab.read_text(encoding="utf-8"), re.MULTILINE))
    assert {each["Runtime"] for each in functions} == asked
    assert len(asked) == 1
    aws(server, "cloudformation", "delete-stack", "--stack-name", stack)
    aws(server, "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)
    assert remains(server) == before


def test_policy_of_queues_is_set_moved_and_taken_away(server: Server) -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}

    def template(*queues: str, action: str = "sqs:SendMessage") -> str:
        document = {"Version": "2012-10-17", "Statement": [{**allow, "Action": action}]}
        properties = {"Queues": [{"Ref": queue} for queue in queues], "PolicyDocument": document}
        return body(
            {
                "First": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "first"}},
                "Second": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "second"}},
                "May": {"Type": "AWS::SQS::QueuePolicy", "Properties": properties},
            }
        )

    def actions(queue: str) -> list[str]:
        sqs = server.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
        return [
            each["Action"] for each in json.loads(found.get("Policy") or '{"Statement": []}')["Statement"]
        ]

    stacks = server.client("cloudformation")
    stacks.create_stack(StackName="policies", TemplateBody=template("First"))
    outputs(server, "policies")
    assert (actions("first"), actions("second")) == (["sqs:SendMessage"], [])
    stacks.update_stack(StackName="policies", TemplateBody=template("Second", action="sqs:*"))
    outputs(server, "policies")
    assert (actions("first"), actions("second")) == ([], ["sqs:*"])
    stacks.delete_stack(StackName="policies")
    assert server.client("sqs").list_queues(QueueNamePrefix="second").get("QueueUrls", []) == []
