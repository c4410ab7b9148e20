import json

import boto3

from lambda_sandbox import connect, package

connect()  # leave this line out, and the rest talks to real AWS

# --8<-- [start:code]
CODE = """
def handler(event, context):
    return {"sku": event["sku"], "total_cents": 650 * event["count"]}
"""
# --8<-- [end:code]

# --8<-- [start:deploy]
lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="quote",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="quote")
# --8<-- [end:deploy]

# --8<-- [start:invoke]
answer = lambda_client.invoke(
    FunctionName="quote", Payload=json.dumps({"sku": "jam", "count": 3})
)
print(answer["StatusCode"], json.load(answer["Payload"]))
# --8<-- [end:invoke]

# --8<-- [start:error]
answer = lambda_client.invoke(
    FunctionName="quote", Payload=json.dumps({"sku": "jam"})
)
print(
    answer["StatusCode"],
    answer["FunctionError"],
    json.load(answer["Payload"])["errorType"],
)
# --8<-- [end:error]

# --8<-- [start:event]
answer = lambda_client.invoke(
    FunctionName="quote",
    InvocationType="Event",
    Payload=json.dumps({"sku": "tea", "count": 1}),
)
print(answer["StatusCode"], answer["Payload"].read())
# --8<-- [end:event]
