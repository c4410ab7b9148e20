"""Throttles and quotas of API Gateway over real HTTP. A rate of nothing makes the burst all there is, whatever the clock says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.contract import test_http_api, test_websocket_api
from tests.contract.api_stack_stage import deploy, get, rest_host
from tests.contract.conftest import Server
from tests.contract.http_api_stage import call
from tests.contract.rest_api_stage import ECHO, Api, refusal
from tests.contract.websocket_stage import CHAT, ask

TOO_MANY = (429, {"message": "Too Many Requests"})
LIMIT_EXCEEDED = (429, {"message": "Limit Exceeded"})


@pytest.fixture(scope="module")
def function(server: Server) -> str:
    return server.deploy("echo", ECHO, invoked_by="apigateway", Timeout=10)


def rest_api(server: Server, name: str, function: str, **options: Any) -> Api:
    api = Api(server, name)
    for path, method in (("/", "GET"), ("/pears", "GET"), ("/pears/{id}", "ANY")):
        api.proxy(path, method, function, **options)
    api.deploy()
    return api


def patch(api: Api, *operations: tuple[str, str]) -> Any:
    return api.client.update_stage(
        restApiId=api.id,
        stageName="prod",
        patchOperations=[{"op": "replace", "path": path, "value": value} for path, value in operations],
    )


def statuses(api: Any, method: str, target: str, asked: int, **headers: str) -> list[int]:
    return [api.call(method, target, **headers)[0].status for _ in range(asked)]


def plan_of(api: Api, name: str, **settings: Any) -> str:
    """Make a usage plan for the API's stage, with one key."""
    stages = settings.pop("apiStages", [{"apiId": api.id, "stage": "prod"}])
    key = api.client.create_api_key(name=name, value=(name * 20)[:20], enabled=True)
    plan = api.client.create_usage_plan(name=name, apiStages=stages, **settings)
    api.client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    plan_id: str = plan["id"]
    return plan_id


def key(name: str) -> dict[str, str]:
    return {"X_Api_Key": (name * 20)[:20]}


def last_note(server: Server) -> str:
    _, body = call(server, "localhost", "GET", "/_sandbox/history", None, {})
    return str(json.loads(body)["deliveries"][-1])


def test_a_stages_setting_for_all_methods_gives_each_a_bucket(server: Server, function: str) -> None:
    api = rest_api(server, "all", function)
    shown = patch(api, ("/*/*/throttling/rateLimit", "0"), ("/*/*/throttling/burstLimit", "2"))
    assert shown["methodSettings"]["*/*"]["throttlingBurstLimit"] == 2
    assert statuses(api, "GET", "/prod/", 3) == [200, 200, 429]
    assert statuses(api, "GET", "/prod/pears", 3) == [200, 200, 429]
    answered = api.call("GET", "/prod/")
    assert refusal(answered) == TOO_MANY
    assert answered[0].getheader("x-amzn-errortype") == "TooManyRequestsException"
    assert "stage prod, GET /, allows 0 requests a second and bursts of 2" in last_note(server)


def test_a_methods_own_setting_takes_the_place_of_the_one_for_all(server: Server, function: str) -> None:
    api = rest_api(server, "own", function)
    patch(
        api,
        ("/*/*/throttling/burstLimit", "1"),
        ("/*/*/throttling/rateLimit", "0"),
        ("/~1pears~1{id}/ANY/throttling/rateLimit", "0"),
        ("/~1pears~1{id}/ANY/throttling/burstLimit", "3"),
    )
    assert statuses(api, "PUT", "/prod/pears/1", 2) + statuses(api, "GET", "/prod/pears/2", 2) == [
        200,
        200,
        200,
        429,
    ]
    assert statuses(api, "GET", "/prod/pears", 2) == [200, 429]
    removed = [{"op": "remove", "path": path} for path in ("/*/*", "/~1pears~1{id}/ANY")]
    stage = api.client.update_stage(restApiId=api.id, stageName="prod", patchOperations=removed)
    assert stage["methodSettings"] == {}
    assert statuses(api, "GET", "/prod/pears", 3) == [200] * 3


def test_a_bucket_outlives_changes_of_the_api_and_new_deployments(server: Server, function: str) -> None:
    api = rest_api(server, "changes", function)
    patch(api, ("/*/*/throttling/rateLimit", "0"), ("/*/*/throttling/burstLimit", "2"))
    assert statuses(api, "GET", "/prod/", 1) == [200]
    api.deploy()
    patch(api, ("/description", "another"))
    assert statuses(api, "GET", "/prod/", 2) == [200, 429]


def test_the_throttled_answer_may_be_the_apis_own(server: Server, function: str) -> None:
    api = rest_api(server, "polite", function)
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="THROTTLED",
        statusCode="503",
        responseTemplates={"application/json": '{"wait":true}'},
    )
    api.deploy()
    patch(api, ("/*/*/throttling/rateLimit", "0"), ("/*/*/throttling/burstLimit", "0"))
    assert refusal(api.call("GET", "/prod/")) == (503, {"wait": True})


def test_a_usage_plans_throttle_is_one_for_each_key(server: Server, function: str) -> None:
    api = rest_api(server, "plans", function, apiKeyRequired=True)
    plan = plan_of(api, "silver", throttle={"rateLimit": 0.0, "burstLimit": 2})
    plan_of(api, "golden", throttle={"rateLimit": 0.0, "burstLimit": 3})
    assert statuses(api, "GET", "/prod/", 1, **key("silver")) == [200]
    assert statuses(api, "GET", "/prod/pears", 2, **key("silver")) == [200, 429]
    assert statuses(api, "GET", "/prod/", 4, **key("golden")) == [200, 200, 200, 429]
    larger = [{"op": "replace", "path": "/throttle/rateLimit", "value": "2000000.5"}]
    assert (
        api.client.update_usage_plan(usagePlanId=plan, patchOperations=larger)["throttle"]["rateLimit"]
        == 2_000_000.5
    )
    assert statuses(api, "GET", "/prod/", 2, **key("silver")) == [200, 200]


def test_a_method_without_a_key_counts_for_no_usage_plan(server: Server, function: str) -> None:
    api = rest_api(server, "open", function)
    plan_of(
        api,
        "bronze",
        throttle={"rateLimit": 0.0, "burstLimit": 1},
        quota={"limit": 1, "period": "DAY"},
    )
    assert statuses(api, "GET", "/prod/", 3, **key("bronze")) == [200] * 3


def test_a_usage_plan_may_throttle_single_methods(server: Server, function: str) -> None:
    api = rest_api(server, "methods", function, apiKeyRequired=True)
    single = {"/pears/{id}/ANY": {"rateLimit": 0.0, "burstLimit": 1}}
    plan = plan_of(api, "copper", apiStages=[{"apiId": api.id, "stage": "prod", "throttle": single}])
    assert statuses(api, "GET", "/prod/pears/1", 2, **key("copper")) == [200, 429]
    assert statuses(api, "GET", "/prod/pears", 3, **key("copper")) == [200] * 3
    at = f"/apiStages/{api.id}:prod/throttle"
    operations = [
        {"op": "add", "path": f"{at}/~1pears/GET/burstLimit", "value": "1"},
        {"op": "add", "path": f"{at}//pears/GET/rateLimit", "value": "0"},
        {"op": "remove", "path": f"{at}/~1pears~1{{id}}/ANY"},
    ]
    shown = api.client.update_usage_plan(usagePlanId=plan, patchOperations=operations)
    assert shown["apiStages"][0]["throttle"] == {"/pears/GET": {"burstLimit": 1, "rateLimit": 0.0}}
    assert statuses(api, "GET", "/prod/pears", 2, **key("copper")) == [200, 429]
    assert statuses(api, "GET", "/prod/pears/1", 2, **key("copper")) == [200, 200]


def test_a_quota_that_is_used_up_is_exceeded_and_a_change_of_it_counts_at_once(
    server: Server, function: str
) -> None:
    api = rest_api(server, "quota", function, apiKeyRequired=True)
    plan = plan_of(api, "monthly", quota={"limit": 3, "period": "MONTH", "offset": 1})
    assert statuses(api, "GET", "/prod/", 2, **key("monthly")) == [200, 200]
    answered = api.call("GET", "/prod/", **key("monthly"))
    assert refusal(answered) == LIMIT_EXCEEDED
    assert answered[0].getheader("x-amzn-errortype") == "LimitExceededException"
    assert "usage plan monthly allows a key 3 requests a month" in last_note(server)
    more = [{"op": "replace", "path": "/quota/limit", "value": "4"}]
    api.client.update_usage_plan(usagePlanId=plan, patchOperations=more)
    assert statuses(api, "GET", "/prod/", 2, **key("monthly")) == [200, 429]


def test_get_usage_tells_what_each_key_has_used(server: Server, function: str) -> None:
    api = rest_api(server, "usage", function, apiKeyRequired=True)
    plan = plan_of(api, "weekly", quota={"limit": 5, "period": "WEEK"})
    unused = api.client.create_api_key(name="unused", enabled=True)["id"]
    api.client.create_usage_plan_key(usagePlanId=plan, keyId=unused, keyType="API_KEY")
    before = datetime.now(UTC).date()
    assert statuses(api, "GET", "/prod/", 3, **key("weekly")) == [200] * 3
    days = {"startDate": str(before), "endDate": str(before + timedelta(days=1))}
    told = api.client.get_usage(usagePlanId=plan, **days)
    ((used_by, used),) = told["items"].items()
    keys = {each["name"]: each["id"] for each in api.client.get_api_keys()["items"]}
    assert used_by == keys["weekly"]
    assert sum(day[0] for day in used) == 3
    assert (told["startDate"], told["endDate"]) == (days["startDate"], days["endDate"])
    first = api.client.get_usage(usagePlanId=plan, limit=1, **days)
    second = api.client.get_usage(usagePlanId=plan, position=first["position"], **days)
    assert {**first.get("items", {}), **second.get("items", {})} == told["items"]
    assert api.client.get_usage(usagePlanId=plan, keyId=unused, **days).get("items", {}) == {}
    for wrong in ({"usagePlanId": "nothing", **days}, {"usagePlanId": plan, **days, "endDate": "2001-01-01"}):
        with pytest.raises(ClientError, match="Usage"):
            api.client.get_usage(**wrong)


@pytest.mark.parametrize(
    "settings",
    [
        {"quota": {"limit": 1, "period": "YEAR"}},
        {"quota": {"period": "DAY"}},
        {"quota": {"limit": 1, "period": "DAY", "offset": -1}},
        {"throttle": {"rateLimit": -1.0}},
    ],
    ids=["no such period", "no limit", "negative offset", "negative rate"],
)
def test_a_usage_plan_that_cannot_be_kept_is_refused(server: Server, settings: dict[str, Any]) -> None:
    client = server.client("apigateway")
    with pytest.raises(ClientError, match="Usage Plan"):
        client.create_usage_plan(name="wrong", **settings)
    assert "wrong" not in [each["name"] for each in client.get_usage_plans()["items"]]


def test_a_patch_with_one_wrong_operation_changes_nothing(server: Server) -> None:
    client = server.client("apigateway")
    plan = client.create_usage_plan(name="whole", quota={"limit": 5, "period": "DAY"})["id"]
    for wrong in (
        {"op": "replace", "path": "/quota/period", "value": "YEAR"},
        {"op": "replace", "path": "/quota/limit", "value": "many"},
        {"op": "replace", "path": "/throttle/rateLimit", "value": "inf"},
        {"op": "replace", "path": "/colour", "value": "red"},
        {"op": "add", "path": "/apiStages/none:prod/throttle/~1/GET/rateLimit", "value": "1"},
        {"op": "test", "path": "/name", "value": "x"},
    ):
        good = {"op": "replace", "path": "/quota/limit", "value": "9"}
        with pytest.raises(ClientError) as caught:
            client.update_usage_plan(usagePlanId=plan, patchOperations=[good, wrong])
        assert caught.value.response["Error"]["Code"] == "BadRequestException"
        assert client.get_usage_plan(usagePlanId=plan)["quota"] == {"limit": 5, "period": "DAY"}


def test_routes_of_an_http_api_are_throttled(server: Server, function: str) -> None:
    api = test_http_api.Api(server, "http")
    target = api.integrate(server.deploy("plain", test_http_api.ECHO, invoked_by="apigateway"))
    for route in ("GET /a", "GET /b"):
        api.route(route, target)
    settings = {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 1}
    api.stage(DefaultRouteSettings=settings, RouteSettings={"GET /b": {"ThrottlingBurstLimit": 2}})
    assert statuses(api, "GET", "/a", 2) == [200, 429]
    assert statuses(api, "GET", "/b", 3) == [200, 200, 429]
    assert refusal(api.call("GET", "/a")) == TOO_MANY
    fast = {"ThrottlingRateLimit": 5_000_000.0, "ThrottlingBurstLimit": 100}
    api.client.update_stage(ApiId=api.id, StageName="$default", DefaultRouteSettings=fast, RouteSettings={})
    assert statuses(api, "GET", "/a", 3) == [200] * 3
    with pytest.raises(ClientError, match="Unable to find Route by key GET /c"):
        api.client.update_stage(ApiId=api.id, StageName="$default", RouteSettings={"GET /c": settings})


HTTP_STACK = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefaultRouteSettings: {ThrottlingRateLimit: 0, ThrottlingBurstLimit: 1}
      RouteSettings: {"GET /pears": {ThrottlingRateLimit: 0, ThrottlingBurstLimit: 2}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: "def handler(event, context): return {}"
      Events:
        Pears: {Type: HttpApi, Properties: {ApiId: !Ref Web, Path: /pears, Method: get}}
        Plums: {Type: HttpApi, Properties: {ApiId: !Ref Web, Path: /plums, Method: get}}
Outputs:
  Address: {Value: !GetAtt Web.ApiEndpoint}
"""


def test_the_route_settings_of_a_stack_throttle(server: Server) -> None:
    host = urlsplit(deploy(server, "routes", HTTP_STACK)["Address"]).netloc
    assert [get(server, host, "/plums")[0] for _ in range(2)] == [200, 429]
    assert [get(server, host, "/pears")[0] for _ in range(3)] == [200, 200, 429]


def test_messages_beyond_a_web_socket_routes_limit_are_answered_and_the_connection_stays(
    server: Server,
) -> None:
    queue = server.client("sqs").create_queue(QueueName="left")["QueueUrl"]
    function = server.deploy(
        "chat", CHAT, invoked_by="apigateway", Timeout=30, Environment={"Variables": {"QUEUE": queue}}
    )
    api = test_websocket_api.Api(server, "chat", function, ["$connect", "$default", "say"])
    settings = {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 2}
    api.client.update_stage(ApiId=api.id, StageName="prod", RouteSettings={"say": settings})
    with api.connect() as client:
        answers = [ask(client, "say", text=str(number)) for number in range(3)]
        assert [each.get("message") == "Too Many Requests" for each in answers] == [False, False, True]
        assert answers[2]["connectionId"]
        assert "message" not in ask(client, "other")


STACK = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      MethodSettings:
        - {ResourcePath: "/*", HttpMethod: "*", ThrottlingRateLimit: 0, ThrottlingBurstLimit: 1}
        - {ResourcePath: "/~1pears", HttpMethod: GET, ThrottlingRateLimit: 0, ThrottlingBurstLimit: 2}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 200, "body": "{}"}
      Events:
        Pears: {Type: Api, Properties: {RestApiId: !Ref Web, Path: /pears, Method: get}}
        Plums: {Type: Api, Properties: {RestApiId: !Ref Web, Path: /plums, Method: get}}
Outputs:
  Id: {Value: !Ref Web}
"""


def test_the_method_settings_of_a_stack_throttle_and_follow_its_changes(server: Server) -> None:
    host = rest_host(server, deploy(server, "limits", STACK)["Id"])
    assert [get(server, host, "/prod/plums")[0] for _ in range(2)] == [200, 429]
    assert [get(server, host, "/prod/pears")[0] for _ in range(3)] == [200, 200, 429]
    free = STACK.replace(
        '        - {ResourcePath: "/~1pears", HttpMethod: GET, ThrottlingRateLimit: 0, ThrottlingBurstLimit: 2}\n',
        "",
    ).replace(
        "ThrottlingRateLimit: 0, ThrottlingBurstLimit: 1}",
        "ThrottlingRateLimit: 9000000, ThrottlingBurstLimit: 1}",
    )
    server.client("cloudformation").update_stack(
        StackName="limits", TemplateBody=free, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    assert [get(server, host, "/prod/pears")[0] for _ in range(3)] == [200] * 3
