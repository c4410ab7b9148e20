from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import json

def handler(event, context):
    if event["requestContext"]["http"]["method"] != "POST":
        return {"statusCode": 405, "headers": {"Allow": "POST"}, "body": "POST, please"}
    payment = json.loads(event["body"])
    return {"taken": payment["cents"], "by": event["headers"]["user-agent"]}
"""
# --8<-- [end:code]
sandbox.deploy(CODE, FunctionName="cloudberry-payments")

# --8<-- [start:connect]
lambda_client = boto3.client("lambda")
url = lambda_client.create_function_url_config(
    FunctionName="cloudberry-payments", AuthType="NONE"
)["FunctionUrl"]
lambda_client.add_permission(
    FunctionName="cloudberry-payments",
    StatementId="public-url",
    Action="lambda:InvokeFunctionUrl",
    Principal="*",
    FunctionUrlAuthType="NONE",
)
lambda_client.add_permission(
    FunctionName="cloudberry-payments",
    StatementId="public-invoke",
    Action="lambda:InvokeFunction",
    Principal="*",
    InvokedViaFunctionUrl=True,
)
# --8<-- [end:connect]

# --8<-- [start:use]
hook = Request(
    url,
    data=b'{"cents": 1950}',
    headers={"User-Agent": "bank/1.0", "Content-Type": "application/json"},
)
print(urlopen(hook).read().decode())
try:
    urlopen(url)
except HTTPError as error:
    print(error.status, error.headers["Allow"], error.read().decode())
# --8<-- [end:use]
