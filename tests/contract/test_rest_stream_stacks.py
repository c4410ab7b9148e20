"""REST APIs that stream, as stacks declare them: resources, documents and SAM events."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.contract.api_stack_stage import deploy, rest_host
from tests.contract.conftest import Server
from tests.contract.http_api_stage import call
from tests.contract.rest_stream_stage import PYTHON

TELLER = """
  Teller:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: |
""" + "".join(f"        {line}\n" for line in PYTHON.splitlines())
URI = (
    "arn:aws:apigateway:${AWS::Region}:lambda:path/2021-11-15/functions/"
    "${Teller.Arn}/response-streaming-invocations"
)
LET_IN = """
  LetIn:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Teller, Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com}
"""
RESOURCES = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
{TELLER}{LET_IN}
  Api: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: resources}}}}
  Made: {{Type: AWS::ApiGateway::Resource, Properties: {{RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: made}}}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Made
      HttpMethod: GET
      AuthorizationType: NONE
      Integration:
        Type: AWS_PROXY
        IntegrationHttpMethod: POST
        ResponseTransferMode: STREAM
        TimeoutInMillis: 60000
        Uri: !Sub "{URI}"
  Deployed: {{Type: AWS::ApiGateway::Deployment, DependsOn: Get, Properties: {{RestApiId: !Ref Api, StageName: prod}}}}
Outputs: {{Rest: {{Value: !Ref Api}}}}
"""
DOCUMENT = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
{TELLER}{LET_IN}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        openapi: 3.0.1
        info: {{title: document, version: "1"}}
        paths:
          /made:
            get:
              x-amazon-apigateway-integration:
                {{type: aws_proxy, httpMethod: POST, responseTransferMode: STREAM, timeoutInMillis: 60000, uri: !Sub "{URI}"}}
  Deployed: {{Type: AWS::ApiGateway::Deployment, Properties: {{RestApiId: !Ref Api, StageName: prod}}}}
Outputs: {{Rest: {{Value: !Ref Api}}}}
"""
SAM = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {{Type: AWS::Serverless::Api, Properties: {{StageName: prod}}}}
{TELLER}      Events:
        Told: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /made, Method: get, ResponseTransferMode: RESPONSE_STREAM}}}}
Outputs: {{Rest: {{Value: !Ref Api}}}}
"""


@pytest.mark.parametrize(
    ("name", "template", "timeout_ms"),
    [("resources", RESOURCES, 60_000), ("document", DOCUMENT, 60_000), ("sam", SAM, None)],
)
def test_a_stack_declares_an_answer_that_streams(
    server: Server, name: str, template: str, timeout_ms: int | None
) -> None:
    api_id = deploy(server, name, template)["Rest"]
    answer, body = call(server, rest_host(server, api_id), "GET", "/prod/made", None, {})
    assert (answer.status, body) == (201, bytes(range(256)))
    assert answer.getheader("transfer-encoding") == "chunked"
    client = server.client("apigateway")
    made = next(each for each in client.get_resources(restApiId=api_id)["items"] if each["path"] == "/made")
    shown = client.get_integration(restApiId=api_id, resourceId=made["id"], httpMethod="GET")
    assert (shown["responseTransferMode"], shown.get("timeoutInMillis")) == ("STREAM", timeout_ms)


def test_a_stack_is_told_which_types_stream(server: Server) -> None:
    stacks = server.client("cloudformation")
    wrong = RESOURCES.replace("Type: AWS_PROXY", "Type: AWS").replace("Name: resources", "Name: wrong")
    with pytest.raises((AssertionError, ClientError), match="and this is AWS"):
        deploy(server, "wrong", wrong)
    stacks.delete_stack(StackName="wrong")
