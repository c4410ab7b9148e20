"""What requests need permission for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.durable.tokens import callback_id
from lambda_sandbox.iam import lambda_requests, neighbour_requests
from lambda_sandbox.iam.credentials import RoleSessions

ACCOUNT, REGION = "000000000000", "us-east-1"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"


@pytest.mark.parametrize(
    ("operation", "labels", "query", "expected"),
    [
        ("Invoke", {"FunctionName": "f"}, {}, ("lambda:InvokeFunction", f"{LAMBDA}:function:f")),
        (
            "Invoke",
            {"FunctionName": "f"},
            {"Qualifier": "live"},
            ("lambda:InvokeFunction", f"{LAMBDA}:function:f:live"),
        ),
        (
            "InvokeWithResponseStream",
            {"FunctionName": "111111111111:function:f:1"},
            {},
            ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:111111111111:function:f:1"),
        ),
        (
            "GetFunction",
            {"FunctionName": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"},
            {},
            ("lambda:GetFunction", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"),
        ),
        ("ListFunctions", {}, {}, ("lambda:ListFunctions", "*")),
        (
            "CheckpointDurableExecution",
            {"DurableExecutionArn": f"{LAMBDA}:function:f:1/durable-execution/order/e"},
            {},
            ("lambda:CheckpointDurableExecution", f"{LAMBDA}:function:f:1/durable-execution/order/e"),
        ),
        (
            "SendDurableExecutionCallbackSuccess",
            {"CallbackId": callback_id(f"{LAMBDA}:function:f:1/durable-execution/order/e", "o")},
            {},
            (
                "lambda:SendDurableExecutionCallbackSuccess",
                f"{LAMBDA}:function:f:1/durable-execution/order/e",
            ),
        ),
        (
            "SendDurableExecutionCallbackFailure",
            {"CallbackId": "YWJj"},
            {},
            ("lambda:SendDurableExecutionCallbackFailure", "*"),
        ),
        (
            "GetLayerVersion",
            {"LayerName": "l", "VersionNumber": "2"},
            {},
            ("lambda:GetLayerVersion", f"{LAMBDA}:layer:l:2"),
        ),
        (
            "GetLayerVersionByArn",
            {},
            {"Arn": f"{LAMBDA}:layer:l:2"},
            ("lambda:GetLayerVersion", f"{LAMBDA}:layer:l:2"),
        ),
        ("PublishLayerVersion", {"LayerName": "l"}, {}, ("lambda:PublishLayerVersion", f"{LAMBDA}:layer:l")),
        (
            "DeleteEventSourceMapping",
            {"UUID": "u"},
            {},
            ("lambda:DeleteEventSourceMapping", f"{LAMBDA}:event-source-mapping:u"),
        ),
        (
            "TagResource",
            {"Resource": f"{LAMBDA}:function:f"},
            {},
            ("lambda:TagResource", f"{LAMBDA}:function:f"),
        ),
    ],
)
def test_a_lambda_operation_needs_its_action_on_its_resource(
    operation: str, labels: dict[str, str], query: dict[str, str], expected: tuple[str, str]
) -> None:
    (asked,) = lambda_requests.asked(operation, labels, query, b"", ACCOUNT, REGION)
    assert (asked.action, asked.resource) == expected


def test_creating_a_function_needs_its_role_and_its_layers_too() -> None:
    role, layer = f"arn:aws:iam::{ACCOUNT}:role/r", "arn:aws:lambda:us-east-1:111111111111:layer:l:1"
    body = json.dumps({"FunctionName": "f", "Role": role, "Layers": [layer]}).encode()
    create, passing, reading = lambda_requests.asked("CreateFunction", {}, {}, body, ACCOUNT, REGION)
    assert (create.action, create.resource) == ("lambda:CreateFunction", f"{LAMBDA}:function:f")
    assert create.context["lambda:layer"] == (layer,)
    assert (passing.action, passing.resource, passing.account_id) == ("iam:PassRole", role, ACCOUNT)
    assert passing.context["iam:passedtoservice"] == ("lambda.amazonaws.com",)
    assert (reading.action, reading.account_id) == ("lambda:GetLayerVersion", "111111111111")


def test_a_body_that_cannot_be_read_is_left_to_the_gateway() -> None:
    (asked,) = lambda_requests.asked("CreateFunction", {}, {}, b"{", ACCOUNT, REGION)
    assert (asked.action, asked.resource) == ("lambda:CreateFunction", "*")


def target(service: str, name: str, members: Any) -> list[tuple[str, str]]:
    headers = {b"x-amz-target": name.encode()}
    asked = neighbour_requests.asked(
        service, "POST", "/", headers, json.dumps(members).encode(), ACCOUNT, REGION
    )
    return [(each.action, each.resource) for each in asked]


@pytest.mark.parametrize(
    ("service", "name", "members", "action", "resources"),
    [
        (
            "dynamodb",
            "DynamoDB_20120810.GetItem",
            {"TableName": "t"},
            "dynamodb:GetItem",
            ["table/t"],
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.Query",
            {"TableName": "t", "IndexName": "i"},
            "dynamodb:Query",
            ["table/t/index/i"],
        ),
        (
            "sqs",
            "AmazonSQS.DeleteMessageBatch",
            {"QueueUrl": "http://localhost/000000000000/q"},
            "sqs:DeleteMessage",
            ["q"],
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.BatchWriteItem",
            {"RequestItems": {"a": [], "b": []}},
            "dynamodb:BatchWriteItem",
            ["table/a", "table/b"],
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.TransactGetItems",
            {"TransactItems": [{"Get": {"TableName": "t"}}]},
            "dynamodb:GetItem",
            ["table/t"],
        ),
        (
            "sqs",
            "AmazonSQS.SendMessage",
            {"QueueUrl": f"http://localhost/{ACCOUNT}/q"},
            "sqs:SendMessage",
            ["q"],
        ),
        ("sqs", "AmazonSQS.CreateQueue", {"QueueName": "q"}, "sqs:CreateQueue", ["q"]),
        ("kinesis", "Kinesis_20131202.PutRecord", {"StreamName": "s"}, "kinesis:PutRecord", ["stream/s"]),
        (
            "events",
            "AWSEvents.PutEvents",
            {"Entries": [{}, {"EventBusName": "b"}]},
            "events:PutEvents",
            ["event-bus/b", "event-bus/default"],
        ),
        ("events", "AWSEvents.PutRule", {"Name": "r"}, "events:PutRule", ["rule/r"]),
        (
            "events",
            "AWSEvents.PutTargets",
            {"Rule": "r", "EventBusName": "b"},
            "events:PutTargets",
            ["rule/b/r"],
        ),
        (
            "logs",
            "Logs_20140328.PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            "logs:PutLogEvents",
            ["log-group:g:log-stream:s"],
        ),
        (
            "logs",
            "Logs_20140328.CreateLogGroup",
            {"logGroupName": "g"},
            "logs:CreateLogGroup",
            ["log-group:g:*"],
        ),
        (
            "secretsmanager",
            "secretsmanager.GetSecretValue",
            {"SecretId": "s"},
            "secretsmanager:GetSecretValue",
            ["secret:s-AbCdEf"],
        ),
    ],
)
def test_a_neighbours_operation_needs_its_action_on_its_resource(
    service: str, name: str, members: Any, action: str, resources: list[str]
) -> None:
    here = f"arn:aws:{service}:{REGION}:{ACCOUNT}:"
    assert target(service, name, members) == [(action, here + each) for each in resources]


def test_a_transaction_needs_what_each_of_its_parts_would_need_by_itself() -> None:
    parts = [
        {"Update": {"TableName": "a"}},
        {"Update": {"TableName": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/a"}},
        {"Put": {"TableName": "b"}},
        {"Delete": {"TableName": "b"}},
        {"ConditionCheck": {"TableName": "c"}},
    ]
    here = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
    assert target("dynamodb", "DynamoDB_20120810.TransactWriteItems", {"TransactItems": parts}) == [
        ("dynamodb:UpdateItem", f"{here}a"),
        ("dynamodb:PutItem", f"{here}b"),
        ("dynamodb:DeleteItem", f"{here}b"),
        ("dynamodb:ConditionCheckItem", f"{here}c"),
    ]


def test_an_operation_without_a_resource_is_asked_for_on_all() -> None:
    assert target("dynamodb", "DynamoDB_20120810.ListTables", {}) == [("dynamodb:ListTables", "*")]
    assert target("glue", "AWSGlue.GetTables", {}) == []


def test_query_requests_name_their_operation_in_the_form() -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
    body = f"Action=Publish&TopicArn={arn}&Message=m".encode()
    (asked,) = neighbour_requests.asked("sns", "POST", "/", {}, body, ACCOUNT, REGION)
    assert (asked.action, asked.resource) == ("sns:Publish", arn)
    whoami = neighbour_requests.asked("sts", "POST", "/", {}, b"Action=GetCallerIdentity", ACCOUNT, REGION)
    assert list(whoami) == []
    (making,) = neighbour_requests.asked(
        "iam", "POST", "/", {}, b"Action=CreateUser&UserName=u", ACCOUNT, REGION
    )
    assert (making.action, making.resource) == ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/u")


@pytest.mark.parametrize(
    ("method", "path", "action", "resource"),
    [
        ("GET", "/", "ListAllMyBuckets", "*"),
        ("GET", "/b?list-type=2&prefix=p", "ListBucket", "b"),
        ("PUT", "/b", "CreateBucket", "b"),
        ("DELETE", "/b", "DeleteBucket", "b"),
        ("GET", "/b/a%20key", "GetObject", "b/a key"),
        ("HEAD", "/b/k", "GetObject", "b/k"),
        ("GET", "/b/k?versionId=1", "GetObjectVersion", "b/k"),
        ("PUT", "/b/k", "PutObject", "b/k"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", "PutObject", "b/k"),
        ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload", "b/k"),
        ("DELETE", "/b/k", "DeleteObject", "b/k"),
        ("POST", "/b?delete", "DeleteObject", "b"),
        ("PUT", "/b?notification", "PutBucketNotification", "b"),
        ("GET", "/b/k?tagging", "GetObjectTagging", "b/k"),
        ("PUT", "/b?acl", "PutBucketAcl", "b"),
        ("GET", "/b?location", "GetBucketLocation", "b"),
        ("DELETE", "/b?policy", "DeleteBucketPolicy", "b"),
    ],
)
def test_s3_tells_its_action_by_method_and_address(
    method: str, path: str, action: str, resource: str
) -> None:
    asked, *_ = neighbour_requests.asked("s3", method, path, {}, b"", ACCOUNT, REGION)
    wanted = resource if resource == "*" else f"arn:aws:s3:::{resource}"
    assert (asked.action, asked.resource) == (f"s3:{action}", wanted)


def test_a_copy_reads_its_source_too() -> None:
    headers = {b"x-amz-copy-source": b"/from/the%20key"}
    _, source = neighbour_requests.asked("s3", "PUT", "/b/k", headers, b"", ACCOUNT, REGION)
    assert (source.action, source.resource) == ("s3:GetObject", "arn:aws:s3:::from/the key")


def test_an_environment_has_credentials_of_its_own_until_it_ends() -> None:
    sessions = RoleSessions()
    first = sessions.begin("e1", "role-arn", "f")
    again = sessions.begin("e1", "role-arn", "f")
    assert first.access_key != again.access_key
    assert sessions.find(first.access_key) is None
    assert sessions.find(again.access_key) is again
    assert again.variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    sessions.end("e1")
    sessions.end("unknown")
    assert sessions.find(again.access_key) is None
