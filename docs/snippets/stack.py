import json
from urllib.request import Request, urlopen

import boto3

from lambda_sandbox import connect, package

connect()

# --8<-- [start:code]
CODE = """
import html
import json

import boto3

table = boto3.resource("dynamodb").Table("Cloudberry")

def handler(event, context):
    if event["routeKey"] == "GET /":
        rows = "".join(
            f"<li>{html.escape(each['sku'])}: {each['cents']} cents"
            for each in table.scan()["Items"]
        )
        return {
            "statusCode": 200,
            "headers": {"content-type": "text/html"},
            "body": f"<h1>Cloudberry</h1><ul>{rows}</ul>",
        }
    if event["routeKey"] == "PUT /items/{sku}":
        cents = int(json.loads(event["body"])["cents"])
        item = {"sku": event["pathParameters"]["sku"], "cents": cents}
        table.put_item(Item=item)
        return {"statusCode": 201, "body": json.dumps(item)}
"""
# --8<-- [end:code]

# --8<-- [start:table]
boto3.client("dynamodb").create_table(
    TableName="Cloudberry",
    AttributeDefinitions=[{"AttributeName": "sku", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "sku", "KeyType": "HASH"}],
    BillingMode="PAY_PER_REQUEST",
)
# --8<-- [end:table]

lambda_client = boto3.client("lambda")
function = lambda_client.create_function(
    FunctionName="storefront",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Timeout=30,
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="storefront")

# --8<-- [start:gateway]
gateway = boto3.client("apigatewayv2")
api = gateway.create_api(Name="cloudberry", ProtocolType="HTTP")
integration = gateway.create_integration(
    ApiId=api["ApiId"],
    IntegrationType="AWS_PROXY",
    IntegrationUri=function["FunctionArn"],
    PayloadFormatVersion="2.0",
)
for route in ("GET /", "PUT /items/{sku}"):
    gateway.create_route(
        ApiId=api["ApiId"],
        RouteKey=route,
        Target=f"integrations/{integration['IntegrationId']}",
    )
gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
lambda_client.add_permission(
    FunctionName="storefront",
    StatementId="the-gateway-may-call",
    Principal="apigateway.amazonaws.com",
    Action="lambda:InvokeFunction",
)
# --8<-- [end:gateway]


# --8<-- [start:calls]
def fetch(path, method="GET", value=None):
    body = json.dumps(value).encode() if value else None
    request = Request(
        api["ApiEndpoint"] + path,
        body,
        {"content-type": "application/json"},
        method=method,
    )
    with urlopen(request) as answer:
        print(
            method,
            path,
            "->",
            answer.status,
            answer.headers["content-type"],
            answer.read().decode(),
        )


fetch("/items/jam", "PUT", {"cents": 650})
fetch("/items/tea", "PUT", {"cents": 420})
fetch("/")
# --8<-- [end:calls]
