import json
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import json

def handler(event, context):
    if event["path"].endswith("/bare"):
        return {"cents": 650}
    return {"statusCode": 200, "body": json.dumps({"cents": 650})}
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-rest")

rest, lambda_client = boto3.client("apigateway"), boto3.client("lambda")
api = rest.create_rest_api(name="shop")
resource = rest.create_resource(
    restApiId=api["id"], parentId=api["rootResourceId"], pathPart="{proxy+}"
)
rest.put_method(
    restApiId=api["id"],
    resourceId=resource["id"],
    httpMethod="GET",
    authorizationType="NONE",
)
rest.put_integration(
    restApiId=api["id"],
    resourceId=resource["id"],
    httpMethod="GET",
    type="AWS_PROXY",
    integrationHttpMethod="POST",
    uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function.arn}/invocations",
)
rest.create_deployment(restApiId=api["id"], stageName="prod")
lambda_client.add_permission(
    FunctionName="cloudberry-rest",
    StatementId="rest-api",
    Action="lambda:InvokeFunction",
    Principal="apigateway.amazonaws.com",
    SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api['id']}/*/GET/*",
)
port = sandbox.endpoint.rpartition(":")[2]

# --8<-- [start:use]
for path in ("/prod/whole", "/prod/bare"):
    try:
        answer = urlopen(
            f"http://{api['id']}.execute-api.us-east-1.localhost:{port}{path}"
        )
    except HTTPError as error:
        answer = error
    print(path, "->", answer.status, json.load(answer))
# --8<-- [end:use]
