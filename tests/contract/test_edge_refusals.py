"""What a distribution refuses: functions that may not go to the edge, and settings that the sandbox does not serve."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.edge_stage import Edge
from tests.contract.edge_stage import edge as edge
from tests.contract.edge_stage import origin as origin


def test_a_slow_function_is_refused_and_one_of_an_origin_event_may_have_more_memory(edge: Edge) -> None:
    client = edge.server.client("lambda")
    arn = edge.publish("roomy", MemorySize=512)
    assert edge.distribution(lambdas=("origin-request",), arn=arn)
    client.update_function_configuration(FunctionName="roomy", Timeout=31)
    slow = client.publish_version(FunctionName="roomy")["FunctionArn"]
    with pytest.raises(ClientError, match="31 Max allowed: 30"):
        edge.distribution(lambdas=("origin-request",), arn=slow)


def test_reserved_concurrency_is_refused(edge: Edge) -> None:
    arn = edge.publish("kept-apart")
    edge.server.client("lambda").put_function_concurrency(
        FunctionName="kept-apart", ReservedConcurrentExecutions=1
    )
    with pytest.raises(ClientError, match="cannot have reserved concurrency"):
        edge.distribution(lambdas=("origin-request",), arn=arn)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda arn: arn.rpartition(":")[0], "must reference a specific function version"),
        (lambda arn: arn.rpartition(":")[0] + ":$LATEST", "must reference a specific function version"),
        (lambda arn: arn.rpartition(":")[0] + ":live", "must reference a specific function version"),
        (lambda arn: arn.replace("us-east-1", "eu-central-1"), "must be in region 'us-east-1'"),
        (lambda arn: arn + "9", "cannot be found"),
        (lambda arn: arn.replace("000000000000", "111122223333"), "must belong to the account"),
    ],
    ids=["no version", "$LATEST", "an alias", "another Region", "no such version", "another account"],
)
def test_only_a_numbered_version_of_us_east_1_goes_to_the_edge(
    edge: Edge, change: Any, sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence.replace("$", r"\$")):
        edge.distribution(lambdas=("viewer-request",), arn=change(edge.version))


def test_an_update_is_checked_as_well_and_changes_nothing_when_refused(edge: Edge) -> None:
    made = edge.cloudfront.create_distribution(DistributionConfig=edge.config())
    config, tag = made["Distribution"]["DistributionConfig"], made["ETag"]
    items = [{"LambdaFunctionARN": edge.version.rpartition(":")[0], "EventType": "viewer-request"}]
    config["DefaultCacheBehavior"]["LambdaFunctionAssociations"] = {"Quantity": 1, "Items": items}
    with pytest.raises(ClientError, match="must reference a specific function version"):
        edge.cloudfront.update_distribution(
            Id=made["Distribution"]["Id"], IfMatch=tag, DistributionConfig=config
        )
    items[0]["LambdaFunctionARN"] = edge.version
    edge.cloudfront.update_distribution(Id=made["Distribution"]["Id"], IfMatch=tag, DistributionConfig=config)
    name = made["Distribution"]["DomainName"]
    assert edge.fetch(name, "/", X_Do="redirect")[0].status == 302


def test_two_functions_for_one_event_are_refused(edge: Edge) -> None:
    with pytest.raises(ClientError, match="can have one function for the event type viewer-request"):
        edge.distribution(lambdas=("viewer-request", "viewer-request"))


def test_the_body_is_for_request_events(edge: Edge) -> None:
    config = edge.config(lambdas=("viewer-response",))
    association = config["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"][0]
    association["IncludeBody"] = True
    with pytest.raises(ClientError, match="IncludeBody is for request events only"):
        edge.cloudfront.create_distribution(DistributionConfig=config)


@pytest.mark.parametrize(
    "option",
    [
        {"OriginRequestPolicyId": "216adef6-5c7f-47e4-b989-5492eafa07d3"},
        {"ResponseHeadersPolicyId": "60669652-455b-4ae9-85a4-c4c02393f86c"},
        {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["pears"]}},
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_a_behaviour_would_do_and_does_not_is_refused_by_name(
    edge: Edge, option: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=f"does not serve {next(iter(option))}: leave it out"):
        edge.distribution(**option)


@pytest.mark.parametrize(
    "option",
    [
        {"Aliases": {"Quantity": 1, "Items": ["www.example.com"]}},
        {"CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 10}]}},
        {"WebACLId": "pears"},
        {
            "Restrictions": {
                "GeoRestriction": {"RestrictionType": "blacklist", "Quantity": 1, "Items": ["AQ"]}
            }
        },
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_a_distribution_would_do_and_does_not_is_refused_by_name(
    edge: Edge, option: dict[str, Any]
) -> None:
    name = "GeoRestriction" if "Restrictions" in option else next(iter(option))
    with pytest.raises(ClientError, match=f"does not serve {name}: leave it out"):
        edge.cloudfront.create_distribution(DistributionConfig={**edge.config(), **option})
