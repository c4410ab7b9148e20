"""APIs of all three kinds from templates, SAM's among them: deployed, called, changed and removed."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from tests.contract.api_stack_stage import FUNCTION, deploy, get, outputs, rest_host
from tests.contract.conftest import Server
from tests.contract.http_api_stage import call
from tests.contract.websocket_stage import ask, connect_to

SAM = (
    """
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: ["https://shop.example"], AllowMethods: [GET]}
      Auth:
        Authorizers:
          Berries:
            FunctionArn: !GetAtt Gatekeeper.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: {Headers: [X-Token]}
  Gatekeeper:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
        def handler(event, context):
            return {"isAuthorized": event["identitySource"] == ["berries"], "context": {"customer": "Ada"}}
"""
    + FUNCTION
    + """
      Events:
        Open: {Type: HttpApi, Properties: {ApiId: !Ref Web, Path: "/items/{id}", Method: get}}
        Guarded: {Type: HttpApi, Properties: {ApiId: !Ref Web, Path: /me, Method: get, Auth: {Authorizer: Berries}}}
        Rest: {Type: Api, Properties: {Path: "/things/{id}", Method: post}}
Outputs:
  Address: {Value: !GetAtt Web.ApiEndpoint}
  Rest: {Value: !Ref ServerlessRestApi}
"""
)


def test_apis_of_a_sam_template_answer_change_and_go(server: Server) -> None:
    out = deploy(server, "shop", SAM)
    host = urlsplit(out["Address"]).netloc
    assert get(server, host, "/items/5") == (200, {"route": "GET /items/{id}", "who": None})
    assert get(server, host, "/me")[0] == 401
    assert get(server, host, "/me", X_Token="nuts")[0] == 403
    assert get(server, host, "/me", X_Token="berries")[1]["who"] == {"lambda": {"customer": "Ada"}}
    preflight = {"Origin": "https://shop.example", "Access_Control_Request_Method": "GET"}
    answer, _ = call(server, host, "OPTIONS", "/me", None, preflight)
    assert answer.getheader("access-control-allow-origin") == "https://shop.example"
    rest = rest_host(server, out["Rest"])
    assert get(server, rest, "/Prod/things/5", "POST")[1]["route"] == "/things/{id}"
    changed = SAM.replace('Path: "/items/{id}"', 'Path: "/goods/{id}"').replace(
        '"/things/{id}"', '"/stuff/{id}"'
    )
    server.client("cloudformation").update_stack(
        StackName="shop", TemplateBody=changed, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    out = outputs(server, "shop")
    assert urlsplit(out["Address"]).netloc == host
    assert get(server, host, "/goods/5")[0] == 200
    assert get(server, host, "/items/5")[0] == 404
    assert get(server, rest_host(server, out["Rest"]), "/Prod/stuff/5", "POST")[0] == 200
    server.client("cloudformation").delete_stack(StackName="shop")
    assert get(server, host, "/goods/5") == (403, {"message": "Forbidden"})
    assert server.client("apigateway").get_rest_apis()["items"] == []


REST = (
    """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shop:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Cors: "'https://shop.example'"
      Variables: {currency: EUR}
      Auth:
        DefaultAuthorizer: Token
        AddDefaultAuthorizerToCorsPreflight: false
        Authorizers: {Token: {FunctionArn: !GetAtt Gatekeeper.Arn}}
  Gatekeeper:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
        def handler(event, context):
            effect = "Allow" if event["authorizationToken"] == "berries" else "Deny"
            statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
            return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""
    + FUNCTION
    + """
      Events:
        Rest: {Type: Api, Properties: {RestApiId: !Ref Shop, Path: "/things/{id}", Method: get}}
Outputs:
  Rest: {Value: !Ref Shop}
"""
)


def test_a_sam_rest_api_has_its_authorizer_and_its_cors(server: Server) -> None:
    host = rest_host(server, deploy(server, "rest", REST)["Rest"])
    assert get(server, host, "/prod/things/1") == (401, {"message": "Unauthorized"})
    assert get(server, host, "/prod/things/1", Authorization="nuts")[0] == 403
    status, body = get(server, host, "/prod/things/1", Authorization="berries")
    assert (status, body["who"]["principalId"]) == (200, "ada")
    answer, _ = call(server, host, "OPTIONS", "/prod/things/1", None, {})
    assert (answer.status, answer.getheader("access-control-allow-origin")) == (200, "https://shop.example")


PLAIN = (
    """
Transform: AWS::Serverless-2016-10-31
Resources:
"""
    + FUNCTION
    + """
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: plain}}
  Items:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: items}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Items
      HttpMethod: GET
      AuthorizationType: NONE
      Integration:
        Type: AWS_PROXY
        IntegrationHttpMethod: POST
        Uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Hello.Arn}/invocations"
  LetIn:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Hello, Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com}
  Mock:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Items
      HttpMethod: OPTIONS
      AuthorizationType: NONE
      MethodResponses: [{StatusCode: 200}]
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses: [{StatusCode: 200, ResponseTemplates: {application/json: '{"mocked": true}'}}]
  Deployed: {Type: AWS::ApiGateway::Deployment, DependsOn: [Get, Mock], Properties: {RestApiId: !Ref Api}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployed, StageName: v1}
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  ChatIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Hello.Arn}/invocations"
  Say:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: say
      RouteResponseSelectionExpression: $default
      Target: !Sub "integrations/${ChatIntegration}"
  SayBack:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref Say, RouteResponseKey: $default}
  ChatDeployed: {Type: AWS::ApiGatewayV2::Deployment, DependsOn: [SayBack], Properties: {ApiId: !Ref Chat}}
  ChatStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Chat, StageName: prod, DeploymentId: !Ref ChatDeployed}
Outputs:
  Rest: {Value: !Ref Api}
  Chat: {Value: !GetAtt Chat.ApiEndpoint}
"""
)


def test_plain_resources_make_rest_and_websocket_apis(server: Server) -> None:
    out = deploy(server, "plain", PLAIN)
    host = rest_host(server, out["Rest"])
    assert get(server, host, "/v1/items")[1]["route"] == "/items"
    assert get(server, host, "/v1/items", "OPTIONS") == (200, {"mocked": True})
    with connect_to(server, f"{out['Chat']}/prod") as client:
        assert ask(client, "say")["route"] == "say"


def test_a_property_that_no_api_has_is_refused_by_name(server: Server) -> None:
    template = json.dumps(
        {"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Nme": "x"}}}}
    )
    server.client("cloudformation").create_stack(StackName="wrong", TemplateBody=template)
    stack = server.client("cloudformation").describe_stacks(StackName="wrong")["Stacks"][0]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "extraneous key [Nme] is not permitted in AWS::ApiGatewayV2::Api" in stack["StackStatusReason"]
