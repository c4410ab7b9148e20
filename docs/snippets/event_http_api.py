import json
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import json

PRICES = {"plum-jam": 650}

def handler(event, context):
    sku = event["pathParameters"]["sku"]
    count = int(event.get("queryStringParameters", {}).get("jars", "1"))
    if sku not in PRICES:
        return {"statusCode": 404, "body": json.dumps({"error": f"no {sku}"})}
    return {"cents": PRICES[sku] * count}  # no statusCode: an HTTP API makes it 200 and JSON
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-prices")

# --8<-- [start:connect]
gateway, lambda_client = boto3.client("apigatewayv2"), boto3.client("lambda")
api = gateway.create_api(Name="shop", ProtocolType="HTTP")
integration = gateway.create_integration(
    ApiId=api["ApiId"],
    IntegrationType="AWS_PROXY",
    IntegrationUri=function.arn,
    PayloadFormatVersion="2.0",
)["IntegrationId"]
gateway.create_route(
    ApiId=api["ApiId"],
    RouteKey="GET /prices/{sku}",
    Target=f"integrations/{integration}",
)
gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
lambda_client.add_permission(
    FunctionName="cloudberry-prices",
    StatementId="shop-api",
    Action="lambda:InvokeFunction",
    Principal="apigateway.amazonaws.com",
    SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api['ApiId']}/*/GET/prices/*",
)
# --8<-- [end:connect]

# --8<-- [start:use]
for path in ("/prices/plum-jam?jars=3", "/prices/pear-jam", "/basket"):
    try:
        answer = urlopen(api["ApiEndpoint"] + path)
    except HTTPError as error:
        answer = error
    print(path, "->", answer.status, json.load(answer))
# --8<-- [end:use]
