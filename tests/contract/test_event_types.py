"""Samples of events hold against types that others publish: Powertools' models and AWS's for Go and TypeScript.

What those types get wrong, or leave out, is named here with the reason; anything else is ours to mend.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities import data_classes
from aws_lambda_powertools.utilities.data_classes import (
    active_mq_event,
    cognito_user_pool_event,
    rabbit_mq_event,
    secrets_manager_event,
)
from aws_lambda_powertools.utilities.parser import models

from lambda_sandbox.event_shapes import load, names

TYPES = Path(__file__).resolve().parent / "event_types"

MODELS: dict[str, type[Any]] = {
    "alb": models.AlbModel,
    "apigw-http": models.APIGatewayProxyEventV2Model,
    "apigw-rest": models.APIGatewayProxyEventModel,
    "apigw-websocket": models.APIGatewayWebSocketMessageEventModel,
    "cloudformation": models.CloudFormationCustomResourceUpdateModel,
    "cloudwatch-logs": models.CloudWatchLogsModel,
    "cognito-userpool": models.CognitoPreSignupTriggerModel,
    "dynamodb": models.DynamoDBStreamModel,
    "eventbridge": models.EventBridgeModel,
    "eventbridge-schedule": models.EventBridgeModel,
    "firehose": models.KinesisFirehoseModel,
    "function-url": models.LambdaFunctionUrlModel,
    "kafka": models.KafkaMskEventModel,
    "kinesis": models.KinesisDataStreamModel,
    "s3": models.S3Model,
    "s3-batch": models.S3BatchOperationModel,
    "ses": models.SesModel,
    "sns": models.SnsModel,
    "sqs": models.SqsModel,
    "sqs-fifo": models.SqsModel,
}

TYPESCRIPT = {
    "alb": "ALBEvent",
    "alb-multi-value": "ALBEvent",
    "apigw-http": "APIGatewayProxyEventV2WithJWTAuthorizer",
    "apigw-rest": "APIGatewayProxyEvent",
    "apigw-websocket": "APIGatewayProxyWebsocketEventV2",
    "cloudformation": "CloudFormationCustomResourceUpdateEvent",
    "cloudfront-function": "CloudFrontFunctionsEvent",
    "cloudfront-request": "CloudFrontRequestEvent",
    "cloudfront-response": "CloudFrontResponseEvent",
    "cloudwatch-alarm": "CloudWatchAlarmEvent",
    "cloudwatch-logs": "CloudWatchLogsEvent",
    "codecommit": "CodeCommitTriggerEvent",
    "codepipeline": "CodePipelineEvent",
    "cognito-userpool": "PreSignUpTriggerEvent",
    "connect": "ConnectContactFlowEvent",
    "dynamodb": "DynamoDBStreamEvent",
    "eventbridge": "EventBridgeEvent<string, {order: string, total: number}>",
    "eventbridge-schedule": "ScheduledEvent",
    "firehose": "FirehoseTransformationEvent",
    "function-url": "LambdaFunctionURLEventWithIAMAuthorizer",
    "kafka": "MSKEvent",
    "kinesis": "KinesisStreamEvent",
    "lex": "LexV2Event",
    "s3": "S3Event",
    "s3-batch": "S3BatchEvent",
    "secretsmanager-rotation": "SecretsManagerRotationEvent",
    "ses": "SESEvent",
    "sns": "SNSEvent",
    "sqs": "SQSEvent",
    "sqs-fifo": "SQSEvent",
}
TYPESCRIPT_DIFFERS = {
    "apigw-rest": "apiKey, apiKeyId, clientCert",  # always in the type; in events only with an API key or mutual TLS
    "apigw-websocket": '"identity"',  # events have it, as Go's and Powertools' types say
    "cloudfront-function": "'response' is missing",  # required by the type, absent in a viewer request
    "secretsmanager-rotation": '"RotationToken"',  # newer than the type
}
GO_DIFFERS = {
    "apigw-rest": '"principalOrgId"',
    "cloudformation": '"ServiceToken"',  # CloudFormation sends it, the package ignores it
    "codepipeline": '"encryptionKey"',  # there when the artifacts have a key of their own
    "connect": '"MediaStreams"',
    "function-url": '"routeKey"',  # always $default, left out of the type
}


def samples() -> dict[str, Any]:
    return {name: load(name).event() for name in names()}


@pytest.mark.parametrize("name", MODELS)
def test_powertools_model_takes_the_sample(name: str) -> None:
    assert MODELS[name].model_validate(load(name).event())


def test_powertools_data_class_reads_the_lists_of_vpc_lattice() -> None:
    """Its parser's model asks for text where the service's guide and its own sample have lists."""
    event = data_classes.VPCLatticeEventV2(load("vpc-lattice").event(body="pears"))
    assert event.body == "pears"
    assert event.raw_event["headers"]["accept"] == ["application/json"]
    assert event.request_context.identity.principal_org_id == "o-orchard0001"
    assert event.request_context.time_epoch.isdigit()


def test_powertools_data_classes_read_the_rest() -> None:
    event = {name: load(name).event() for name in names()}
    assert data_classes.CodePipelineJobEvent(event["codepipeline"]).input_bucket_name == "orchard-artifacts"
    assert data_classes.CloudWatchAlarmEvent(event["cloudwatch-alarm"]).alarm_data.state.reason_data_decoded
    rule = data_classes.AWSConfigRuleEvent(event["config"])
    assert rule.invoking_event.configuration_item.resource_id == "orchard-photos"
    contact = data_classes.ConnectContactFlowEvent(event["connect"])
    assert contact.contact_data.customer_endpoint is not None
    assert contact.contact_data.media_streams.customer.audio is not None
    assert secrets_manager_event.SecretsManagerEvent(event["secretsmanager-rotation"]).step == "createSecret"
    message = next(active_mq_event.ActiveMQEvent(event["activemq"]).messages)
    assert message.json_data == {"order": "1001"}
    assert message.destination_physicalname == "orders"
    rabbit = rabbit_mq_event.RabbitMQEvent(event["rabbitmq"])
    assert rabbit.rmq_messages_by_queue["orders::/"][0].json_data == {"order": "1001"}
    signup = cognito_user_pool_event.PreSignUpTriggerEvent(event["cognito-userpool"])
    assert signup.request.user_attributes["email"].endswith("@orchard.example")
    balancer = data_classes.ALBEvent(event["alb-multi-value"])
    assert balancer.multi_value_query_string_parameters == {"fruit": ["pear", "plum"]}


def test_types_for_go_know_every_field(tmp_path: Path) -> None:
    folder, go = TYPES / "go", shutil.which("go")
    offline = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    built = tmp_path / "shapes"
    build = [str(go), "build", "-o", str(built), "."]
    if (
        go is None
        or subprocess.run(build, cwd=folder, env=offline, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs go and, in tests/contract/event_types/go, go mod download")
    done = subprocess.run([built], input=json.dumps(samples()), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert len(told["checked"]) == 30
    assert told["wrong"].keys() == GO_DIFFERS.keys(), told["wrong"]
    for name, part in GO_DIFFERS.items():
        assert part in told["wrong"][name]


def test_types_for_typescript_know_every_field(tmp_path: Path) -> None:
    folder, node = TYPES / "typescript", shutil.which("node")
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    if node is None or not compiler.exists():
        pytest.skip("needs node and, in tests/contract/event_types/typescript, npm install --no-package-lock")
    events = samples()
    lines = ['import * as aws from "aws-lambda";']
    lines += [
        f"export const event{number}: aws.{kind} = {json.dumps(events[name])};"
        for number, (name, kind) in enumerate(TYPESCRIPT.items())
    ]
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    source = tmp_path / "samples.ts"
    source.write_text("\n".join(lines), encoding="utf-8")
    command = [
        node,
        str(compiler),
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--types",
        "aws-lambda",
        str(source),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    wrong: dict[str, str] = {}
    for line in done.stdout.splitlines():
        found = re.match(r"samples\.ts\((\d+),\d+\): (.*)", line)
        if found is not None:
            wrong[list(TYPESCRIPT)[int(found[1]) - 2]] = found[2]
        elif "error" in line:
            pytest.fail(line)
    assert wrong.keys() == TYPESCRIPT_DIFFERS.keys(), wrong
    for name, part in TYPESCRIPT_DIFFERS.items():
        assert part in wrong[name], wrong[name]
