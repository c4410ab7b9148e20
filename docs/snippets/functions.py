import json

import boto3

from lambda_sandbox import connect, package

connect()
lambda_client = boto3.client("lambda")

# --8<-- [start:create]
CODE = """
import os

def handler(event, context):
    cents = int(os.environ["JAM_CENTS"]) * event["count"]
    return {"total_cents": cents, "version": context.function_version}
"""
lambda_client.create_function(
    FunctionName="quote",
    # the configuration
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    MemorySize=256,
    Timeout=5,
    Environment={"Variables": {"JAM_CENTS": "650"}},
    # the code
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="quote")
# --8<-- [end:create]


# --8<-- [start:ask]
def ask(name):
    answer = lambda_client.invoke(
        FunctionName=name, Payload=json.dumps({"count": 2})
    )
    return json.load(answer["Payload"])


print(ask("quote"))
# --8<-- [end:ask]

# --8<-- [start:publish]
one = lambda_client.publish_version(FunctionName="quote")
lambda_client.create_alias(
    FunctionName="quote", Name="live", FunctionVersion=one["Version"]
)

lambda_client.update_function_configuration(
    FunctionName="quote", Environment={"Variables": {"JAM_CENTS": "700"}}
)
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="quote")
print("quote     ", ask("quote"))
print("quote:live", ask("quote:live"))
# --8<-- [end:publish]

# --8<-- [start:again]
two = lambda_client.publish_version(FunctionName="quote")
same = lambda_client.publish_version(FunctionName="quote")
print(
    "published", two["Version"], "and, with nothing changed,", same["Version"]
)
# --8<-- [end:again]

# --8<-- [start:weights]
lambda_client.update_alias(
    FunctionName="quote",
    Name="live",
    RoutingConfig={"AdditionalVersionWeights": {two["Version"]: 0.5}},
)
print(
    "half and half:", sorted({ask("quote:live")["version"] for _ in range(60)})
)

lambda_client.update_alias(
    FunctionName="quote",
    Name="live",
    FunctionVersion=two["Version"],
    RoutingConfig={"AdditionalVersionWeights": {}},
)
print("moved:", ask("quote:live"))
# --8<-- [end:weights]

# --8<-- [start:s3]
s3 = boto3.client("s3")
s3.create_bucket(Bucket="cloudberry-packages")
s3.put_object(
    Bucket="cloudberry-packages",
    Key="quote.zip",
    Body=package(CODE, filename="app.py"),
)

answer = lambda_client.update_function_code(
    FunctionName="quote", S3Bucket="cloudberry-packages", S3Key="quote.zip"
)
print(
    "from S3:",
    answer["CodeSize"] > 0,
    answer["CodeSha256"] == two["CodeSha256"],
)
# --8<-- [end:s3]
