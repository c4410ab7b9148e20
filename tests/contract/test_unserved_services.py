"""What the neighbours do not do is said at once, by name, in a shape that each client reads, and no client tries it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server
from tests.contract.trigger_stage import ACCOUNT

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:called"
PROCESSOR = {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": FUNCTION}]}
Call = Callable[[Any], Any]


def refusal(server: Server, service: str, call: Call) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        call(server.client(service))
    return dict(refused.value.response)


@pytest.mark.parametrize(
    ("service", "call", "code", "named"),
    [
        (
            "dynamodb",
            lambda c: c.list_contributor_insights(),
            "NotImplementedException",
            "ListContributorInsights of dynamodb",
        ),
        (
            "cloudformation",
            lambda c: c.detect_stack_drift(StackName="s"),
            "NotImplemented",
            "DetectStackDrift of cloudformation",
        ),
        ("sns", lambda c: c.list_origination_numbers(), "NotImplemented", "ListOriginationNumbers of sns"),
        (
            "verifiedpermissions",
            lambda c: c.list_policy_stores(),
            "NotImplementedException",
            "The service verifiedpermissions",
        ),
        (
            "accessanalyzer",
            lambda c: c.list_analyzers(),
            "NotImplementedException",
            "The service access-analyzer",
        ),
        (
            "appconfigdata",
            lambda c: c.start_configuration_session(
                ApplicationIdentifier="a", EnvironmentIdentifier="e", ConfigurationProfileIdentifier="p"
            ),
            "NotImplementedException",
            "POST /configurationsessions of appconfig",
        ),
        (
            "appconfig",
            lambda c: c.create_environment(ApplicationId="abcdefg", Name="prod"),
            "NotImplementedException",
            "POST /applications/abcdefg/environments of appconfig",
        ),
    ],
    ids=[
        "JSON",
        "query",
        "another query",
        "unknown service",
        "unknown service that sends nothing",
        "unknown service with a known signing name",
        "REST",
    ],
)
def test_operation_that_nobody_has_is_named(
    server: Server, service: str, call: Call, code: str, named: str
) -> None:
    answer = refusal(server, service, call)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"] == f"{named} is not emulated by this sandbox."


@pytest.mark.parametrize(
    ("service", "call", "words"),
    [
        (
            "pipes",
            lambda c: c.create_pipe(Name="p", Source=FUNCTION, Target=FUNCTION, RoleArn=ROLE),
            "event source mapping",
        ),
        (
            "application-autoscaling",
            lambda c: c.register_scalable_target(
                ServiceNamespace="lambda",
                ResourceId="function:called:live",
                ScalableDimension="lambda:function:ProvisionedConcurrency",
            ),
            "PutProvisionedConcurrencyConfig",
        ),
        (
            "batch",
            lambda c: c.submit_job(jobName="job", jobQueue="queue", jobDefinition="definition"),
            "starts no containers",
        ),
        (
            "codedeploy",
            lambda c: c.create_application(applicationName="a", computePlatform="Lambda"),
            "UpdateAlias",
        ),
        (
            "cognito-idp",
            lambda c: c.create_user_pool(PoolName="p", LambdaConfig={"PreSignUp": FUNCTION}),
            "send-event cognito-userpool",
        ),
        (
            "firehose",
            lambda c: c.create_delivery_stream(
                DeliveryStreamName="s",
                ExtendedS3DestinationConfiguration={
                    "RoleARN": ROLE,
                    "BucketARN": "arn:aws:s3:::b",
                    "ProcessingConfiguration": {"Enabled": True, "Processors": [PROCESSOR]},
                },
            ),
            "send-event firehose",
        ),
        (
            "config",
            lambda c: c.put_config_rule(
                ConfigRule={
                    "ConfigRuleName": "r",
                    "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": FUNCTION},
                }
            ),
            "send-event config",
        ),
        (
            "ses",
            lambda c: c.create_receipt_rule(
                RuleSetName="s", Rule={"Name": "r", "Actions": [{"LambdaAction": {"FunctionArn": FUNCTION}}]}
            ),
            "send-event ses",
        ),
    ],
    ids=["pipes", "scaling", "jobs", "deployments", "user pools", "streams to S3", "rules of Config", "mail"],
)
def test_what_a_service_would_not_start_is_refused(
    server: Server, service: str, call: Call, words: str
) -> None:
    answer = refusal(server, service, call)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert words in answer["Error"]["Message"]


def test_the_same_services_work_where_no_function_is_asked_for(server: Server) -> None:
    server.client("codedeploy").create_application(applicationName="machines", computePlatform="Server")
    pool = server.client("cognito-idp").create_user_pool(PoolName="people")["UserPool"]
    assert "LambdaConfig" not in pool or not pool["LambdaConfig"]
    server.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId="table/t",
        ScalableDimension="dynamodb:table:ReadCapacityUnits",
        MinCapacity=1,
        MaxCapacity=2,
    )


def test_target_of_a_rule_that_nothing_serves_is_refused(server: Server) -> None:
    rules = server.client("events")
    rules.put_rule(Name="to-a-cluster", EventPattern='{"source": ["a"]}')
    with pytest.raises(ClientError, match="does not emulate ecs as a target of rules") as refused:
        rules.put_targets(
            Rule="to-a-cluster",
            Targets=[{"Id": "1", "Arn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/c", "RoleArn": ROLE}],
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert rules.list_targets_by_rule(Rule="to-a-cluster")["Targets"] == []
