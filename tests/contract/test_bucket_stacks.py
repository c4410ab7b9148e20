"""Buckets of stacks that invoke functions: notified as the template says, changed, cleared and refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server

SOURCE = """
import boto3
def handler(event, context):
    about = event["Records"][0]["s3"]
    key = "done/" + about["object"]["key"].rpartition("/")[2]
    boto3.client("s3").put_object(Bucket=about["bucket"]["name"], Key=key, Body=b"done")
"""


def template(bucket: str, *, permitted: bool = True, **notification: Any) -> str:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": f"on-{bucket}",
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": ROLE,
            "Code": {"ZipFile": SOURCE},
            "MemorySize": 1769,  # the whole processor: a client is made within the timeout on a busy machine, too
            "Timeout": 30,
        },
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
        },
    }
    properties: dict[str, Any] = {"BucketName": bucket}
    if notification:
        properties["NotificationConfiguration"] = notification
    made: dict[str, Any] = {
        "Function": function,
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties},
    }
    if permitted:
        made |= {"May": permission, "Bucket": {**made["Bucket"], "DependsOn": "May"}}
    return json.dumps({"Resources": made})


def on(prefix: str, event: str = "s3:ObjectCreated:*") -> dict[str, Any]:
    rules = [{"Name": "prefix", "Value": prefix}]
    return {
        "Event": event,
        "Function": {"Fn::GetAtt": ["Function", "Arn"]},
        "Filter": {"S3Key": {"Rules": rules}},
    }


def told(server: Server, stack: str) -> Any:
    return server.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]


def configured(server: Server, bucket: str) -> dict[str, Any]:
    answer = server.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_bucket_of_a_stack_invokes_what_the_template_says(server: Server) -> None:
    stacks, s3, bucket = server.client("cloudformation"), server.client("s3"), "notified"
    stacks.create_stack(StackName=bucket, TemplateBody=template(bucket, LambdaConfigurations=[on("in/")]))
    assert told(server, bucket)["StackStatus"] == "CREATE_COMPLETE"
    s3.put_object(Bucket=bucket, Key="in/list", Body=b"1")
    end = time.monotonic() + 30
    while "done/list" not in [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]:
        assert time.monotonic() < end, "nothing was invoked"
        time.sleep(0.05)

    changed = template(
        bucket,
        LambdaConfigurations=[on("other/", "s3:ObjectRemoved:*")],
    )
    stacks.update_stack(StackName=bucket, TemplateBody=changed)
    found = configured(server, bucket)
    (function,) = found["LambdaFunctionConfigurations"]
    assert function["Events"] == ["s3:ObjectRemoved:*"]
    assert function["Filter"]["Key"]["FilterRules"][0]["Value"] == "other/"

    stacks.update_stack(StackName=bucket, TemplateBody=template(bucket))
    assert configured(server, bucket) == {}
    for each in ("in/list", "done/list"):
        s3.delete_object(Bucket=bucket, Key=each)
    stacks.delete_stack(StackName=bucket)
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("permitted", "notification", "reason"),
    [
        (False, {"LambdaConfigurations": [on("in/")]}, "Unable to validate the following destination"),
        (True, {"LambdaConfigurations": [on("in/", "s3:Nothing")]}, "event"),
        (True, {"FunctionConfigurations": []}, "extraneous key [FunctionConfigurations]"),
    ],
    ids=["a function that does not let S3 in", "an event that there is not", "a property that there is not"],
)
def test_a_bucket_whose_notification_is_refused_is_rolled_back(
    server: Server, permitted: bool, notification: dict[str, Any], reason: str
) -> None:
    stacks = server.client("cloudformation")
    body = template("refused", permitted=permitted, **notification)
    stacks.create_stack(StackName="refused", TemplateBody=body)
    stack = told(server, "refused")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in stack["StackStatusReason"]
    with pytest.raises(ClientError):
        server.client("s3").head_bucket(Bucket="refused")
    stacks.delete_stack(StackName="refused")


def test_a_notification_that_somebody_else_has_put_stays(server: Server) -> None:
    stacks, s3, bucket = server.client("cloudformation"), server.client("s3"), "by-hand"
    stacks.create_stack(StackName=bucket, TemplateBody=template(bucket))
    arn = server.client("lambda").get_function_configuration(FunctionName=f"on-{bucket}")["FunctionArn"]
    by_hand = {"Id": "by-hand", "LambdaFunctionArn": arn, "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [by_hand]}
    )
    tagged = json.loads(template(bucket))
    tagged["Resources"]["Bucket"]["Properties"]["Tags"] = [{"Key": "shop", "Value": "cloudberry"}]
    stacks.update_stack(StackName=bucket, TemplateBody=json.dumps(tagged))
    assert configured(server, bucket)["LambdaFunctionConfigurations"][0]["Id"] == "by-hand"
    stacks.delete_stack(StackName=bucket)
