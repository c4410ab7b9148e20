import json
from concurrent.futures import ThreadPoolExecutor

import boto3

from lambda_sandbox import connect, package

connect()

# --8<-- [start:code]
CODE = """
import time
import uuid

ENVIRONMENT = uuid.uuid4().hex  # once in each environment
calls = 0

def handler(event, context):
    global calls
    calls += 1
    time.sleep(event.get("seconds", 0))
    return {"environment": ENVIRONMENT, "calls": calls}
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="counter",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="counter")


def call(event):
    answer = lambda_client.invoke(
        FunctionName="counter", Payload=json.dumps(event)
    )
    return json.load(answer["Payload"])


# --8<-- [start:one-by-one]
answers = [call({}) for _ in range(5)]
print(
    len({each["environment"] for each in answers}),
    "environment, calls:",
    [each["calls"] for each in answers],
)
# --8<-- [end:one-by-one]

# --8<-- [start:at-once]
with ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(call, [{"seconds": 0.5}] * 4))
print(len({each["environment"] for each in answers}), "environments")
# --8<-- [end:at-once]
