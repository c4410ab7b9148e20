"""Usage plans and API keys from templates: the very same things as by API Gateway's own calls, and SAM's among them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.api_stack_stage import FUNCTION, deploy, get, outputs, rest_host
from tests.contract.conftest import Server

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
PEARS, PLUMS = "pears-pears-pears-pears", "plums-plums-plums-plums"

PLAN = """
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    Properties:
      UsagePlanName: gold
      Description: for guests
      ApiStages:
        - ApiId: !Ref Web
          Stage: !Ref Prod
          Throttle: {"/a/GET": {RateLimit: 0, BurstLimit: 2}}
      Quota: {Limit: 5, Period: DAY}
      Throttle: {RateLimit: 1000, BurstLimit: 500}
      Tags: [{Key: team, Value: fruit}]
"""

STACK = (
    """
Resources:
  Web: {Type: AWS::ApiGateway::RestApi, Properties: {Name: web}}
  A:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Web, ParentId: !GetAtt Web.RootResourceId, PathPart: a}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Web
      ResourceId: !Ref A
      HttpMethod: GET
      AuthorizationType: NONE
      ApiKeyRequired: true
      MethodResponses: [{StatusCode: 200}]
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses: [{StatusCode: 200, ResponseTemplates: {application/json: '{"ok": 1}'}}]
  Deployed: {Type: AWS::ApiGateway::Deployment, DependsOn: [Get], Properties: {RestApiId: !Ref Web}}
  Prod:
    Type: AWS::ApiGateway::Stage
    Properties: {RestApiId: !Ref Web, DeploymentId: !Ref Deployed, StageName: prod}
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Description: of pears, Enabled: true, Value: pears-pears-pears-pears}
  KeyOfPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
Outputs:
  Api: {Value: !Ref Web}
  Key: {Value: !Ref Key}
  SameKey: {Value: !GetAtt Key.APIKeyId}
  Plan: {Value: !Ref Plan}
  SamePlan: {Value: !GetAtt Plan.Id}
  Pair: {Value: !Ref KeyOfPlan}
"""
).replace("Outputs:", PLAN.lstrip("\n") + "Outputs:")


def update(server: Server, name: str, template: str) -> dict[str, str]:
    server.client("cloudformation").update_stack(
        StackName=name, TemplateBody=template, Capabilities=CAPABILITIES
    )
    return outputs(server, name)


def plan(server: Server, plan_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.client("apigateway").get_usage_plan(usagePlanId=plan_id)
    return shown


def test_a_stacks_plan_lets_its_key_in_and_throttles_it(server: Server) -> None:
    out = deploy(server, "plans", STACK)
    assert (out["SameKey"], out["SamePlan"]) == (out["Key"], out["Plan"])
    assert out["Pair"] == f"{out['Key']}:{out['Plan']}"
    shown = plan(server, out["Plan"])
    assert (shown["name"], shown["description"], shown["tags"]) == ("gold", "for guests", {"team": "fruit"})
    assert shown["quota"] == {"limit": 5, "period": "DAY"}
    assert shown["throttle"] == {"burstLimit": 500, "rateLimit": 1000.0}
    host = rest_host(server, out["Api"])
    assert get(server, host, "/prod/a")[0] == 403
    assert [get(server, host, "/prod/a", X_Api_Key=PEARS)[0] for _ in range(3)] == [200, 200, 429]

    changed = (
        STACK.replace("gold", "silver")
        .replace("      Description: for guests\n", "")
        .replace(
            'Throttle: {"/a/GET": {RateLimit: 0, BurstLimit: 2}}',
            'Throttle: {"/b/GET": {RateLimit: 1, BurstLimit: 1}}',
        )
        .replace("Quota: {Limit: 5, Period: DAY}", "Quota: {Limit: 100, Period: WEEK, Offset: 1}")
        .replace("      Throttle: {RateLimit: 1000, BurstLimit: 500}\n", "")
        .replace("of pears", "of apples")
    )
    again = update(server, "plans", changed)
    assert again == out
    shown = plan(server, out["Plan"])
    assert (shown["name"], shown.get("description")) == ("silver", None)
    assert shown["quota"] == {"limit": 100, "period": "WEEK", "offset": 1}
    assert not shown.get("throttle")
    assert shown["apiStages"][0]["throttle"] == {"/b/GET": {"burstLimit": 1, "rateLimit": 1.0}}
    client = server.client("apigateway")
    assert client.get_api_key(apiKey=out["Key"])["description"] == "of apples"
    assert [get(server, host, "/prod/a", X_Api_Key=PEARS)[0] for _ in range(3)] == [200] * 3

    update(server, "plans", changed.replace("Enabled: true", "Enabled: false"))
    assert get(server, host, "/prod/a", X_Api_Key=PEARS)[0] == 403
    replaced = update(server, "plans", changed.replace(PEARS, PLUMS))
    assert replaced["Key"] != out["Key"]
    assert replaced["Pair"] == f"{replaced['Key']}:{out['Plan']}"
    assert get(server, host, "/prod/a", X_Api_Key=PLUMS)[0] == 200
    assert get(server, host, "/prod/a", X_Api_Key=PEARS)[0] == 403

    server.client("cloudformation").delete_stack(StackName="plans")
    assert client.get_usage_plans()["items"] == []
    assert client.get_api_keys()["items"] == []


def test_a_plan_without_its_stage_lets_nobody_in(server: Server) -> None:
    out = deploy(server, "stageless", STACK)
    host = rest_host(server, out["Api"])
    assert get(server, host, "/prod/a", X_Api_Key=PEARS)[0] == 200
    stage = STACK[STACK.index("      ApiStages:") : STACK.index("      Quota:")]
    update(server, "stageless", STACK.replace(stage, ""))
    assert get(server, host, "/prod/a", X_Api_Key=PEARS)[0] == 403
    update(server, "stageless", STACK)
    assert plan(server, out["Plan"])["apiStages"][0]["throttle"]["/a/GET"]["burstLimit"] == 2
    server.client("cloudformation").delete_stack(StackName="stageless")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Period: DAY", "Period: YEAR", "quota period must be one of"),
        ("RateLimit: 1000", "RateLimit: -1", "must not be negative"),
        ("Description: for guests", "Colour: red", "extraneous key \\[Colour\\]"),
        ("Value: pears-pears-pears-pears", "Value: short", "at least 20 characters"),
    ],
    ids=["no such period", "negative rate", "unknown property", "short value"],
)
def test_a_plan_that_cannot_be_made_rolls_the_stack_back(
    server: Server, old: str, new: str, why: str
) -> None:
    with pytest.raises((AssertionError, ClientError), match=why):
        deploy(server, "wrong-" + why[:5].replace(" ", "-").lower(), STACK.replace(old, new))
    client = server.client("apigateway")  # describing the stack has not made what its outputs name
    assert (client.get_usage_plans()["items"], client.get_api_keys()["items"]) == ([], [])


def test_tags_of_an_api_its_stage_its_plan_and_its_key_change_with_the_stack(server: Server) -> None:
    def tagged(tags: str) -> str:
        return (
            STACK.replace("{Name: web}", f"{{Name: web, Tags: {tags}}}")
            .replace("StageName: prod}", f"StageName: prod, Tags: {tags}}}")
            .replace("Enabled: true, ", f"Enabled: true, Tags: {tags}, ")
            .replace("[{Key: team, Value: fruit}]", tags)
        )

    def tags(*paths: str) -> list[dict[str, str]]:
        arns = [f"arn:aws:apigateway:us-east-1::{path}" for path in paths]
        return [client.get_tags(resourceArn=arn)["tags"] for arn in arns]

    client = server.client("apigateway")
    out = deploy(server, "tagged", tagged("[{Key: team, Value: fruit}, {Key: old, Value: '0'}]"))
    api = f"/restapis/{out['Api']}"
    places = (api, f"{api}/stages/prod", f"/usageplans/{out['Plan']}", f"/apikeys/{out['Key']}")
    assert tags(*places) == [{"team": "fruit", "old": "0"}] * 4
    again = update(server, "tagged", tagged("[{Key: team, Value: berries}, {Key: new, Value: '1'}]"))
    assert again == out, "nothing is replaced for its tags"
    assert tags(*places) == [{"team": "berries", "new": "1"}] * 4
    assert plan(server, out["Plan"])["tags"] == {"team": "berries", "new": "1"}
    update(server, "tagged", tagged("[]"))
    assert tags(*places) == [{}] * 4
    server.client("cloudformation").delete_stack(StackName="tagged")


def test_tags_of_anything_else_are_refused_by_name(server: Server) -> None:
    client = server.client("apigateway")
    with pytest.raises(ClientError, match="not of arn:aws:apigateway:us-east-1::/clientcertificates/a"):
        client.tag_resource(
            resourceArn="arn:aws:apigateway:us-east-1::/clientcertificates/a", tags={"team": "fruit"}
        )
    with pytest.raises(ClientError, match="NotFoundException"):
        client.get_tags(resourceArn="arn:aws:apigateway:us-east-1::/usageplans/nobody")


SAM = (
    """
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        ApiKeyRequired: true
        UsagePlan:
          CreateUsagePlan: PER_API
          Quota: {Limit: 2, Period: MONTH}
"""
    + FUNCTION
    + """
      Events:
        Open: {Type: Api, Properties: {RestApiId: !Ref Web, Path: /a, Method: get}}
Outputs:
  Api: {Value: !Ref Web}
  Key: {Value: !Ref WebApiKey}
"""
)


@pytest.mark.parametrize("plan", ["PER_API", "SHARED"])
def test_sams_usage_plan_has_a_key_and_a_quota(server: Server, plan: str) -> None:
    key = "WebApiKey" if plan == "PER_API" else "ServerlessApiKey"
    template = SAM.replace("PER_API", plan).replace("!Ref WebApiKey", f"!Ref {key}")
    out = deploy(server, f"sam-{plan.lower().replace('_', '-')}", template)
    client = server.client("apigateway")
    value = client.get_api_key(apiKey=out["Key"], includeValue=True)["value"]
    host = rest_host(server, out["Api"])
    assert get(server, host, "/prod/a")[0] == 403
    assert [get(server, host, "/prod/a", X_Api_Key=value)[0] for _ in range(3)] == [200, 200, 429]
