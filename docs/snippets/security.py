import json

import boto3
from botocore.exceptions import ClientError

from lambda_sandbox import connect, package
from lambda_sandbox.server_process import ServerProcess

connect(
    ServerProcess(0, flags=["--enforce-iam"]).endpoint
)  # a sandbox that asks IAM

iam, s3, lambda_client = (
    boto3.client("iam"),
    boto3.client("s3"),
    boto3.client("lambda"),
)

# --8<-- [start:role]
LAMBDA_MAY_TAKE_IT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ONLY_THIS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::cloudberry-prices/*",
        }
    ],
}
role = iam.create_role(
    RoleName="pricing", AssumeRolePolicyDocument=json.dumps(LAMBDA_MAY_TAKE_IT)
)
iam.put_role_policy(
    RoleName="pricing",
    PolicyName="reads-prices",
    PolicyDocument=json.dumps(ONLY_THIS),
)
# --8<-- [end:role]

s3.create_bucket(Bucket="cloudberry-prices")
s3.put_object(Bucket="cloudberry-prices", Key="jam", Body=b"650")

# --8<-- [start:code]
CODE = """
import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")

def handler(event, context):
    try:
        if event["do"] == "read":
            return s3.get_object(Bucket="cloudberry-prices", Key="jam")["Body"].read().decode()
        s3.delete_object(Bucket="cloudberry-prices", Key="jam")
    except ClientError as error:
        return error.response["Error"]["Code"]
"""
# --8<-- [end:code]

function = lambda_client.create_function(
    FunctionName="price",
    Runtime="python3.13",
    Handler="app.handler",
    Role=role["Role"]["Arn"],
    Timeout=30,
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="price")

# --8<-- [start:calls]
for do in ("read", "delete"):
    answer = lambda_client.invoke(
        FunctionName="price", Payload=json.dumps({"do": do})
    )
    print(f"the function tries to {do}:", json.load(answer["Payload"]))
# --8<-- [end:calls]

# --8<-- [start:caller]
other = boto3.client(
    "lambda", aws_access_key_id="111111111111", aws_secret_access_key="sandbox"
)
try:
    other.invoke(
        FunctionName=function["FunctionArn"], Payload=b'{"do": "read"}'
    )
except ClientError as error:
    print("another account calls:", error.response["Error"]["Code"])

lambda_client.add_permission(
    FunctionName="price",
    StatementId="the-warehouse-may-call",
    Principal="111111111111",
    Action="lambda:InvokeFunction",
)
answer = other.invoke(
    FunctionName=function["FunctionArn"], Payload=b'{"do": "read"}'
)
print("after add_permission:", json.load(answer["Payload"]))
# --8<-- [end:caller]
