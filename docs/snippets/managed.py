import json
from concurrent.futures import ThreadPoolExecutor

import boto3

from lambda_sandbox import connect, package

sandbox = connect()

# --8<-- [start:code]
CODE = """
import os
import time

def handler(event, context):
    if event.get("crash"):
        os._exit(1)  # the process is gone, in the middle of a call
    time.sleep(event.get("seconds", 0))
    return {"total_cents": 650 * event["jars"]}
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="jars",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="jars")


# --8<-- [start:calls]
def call(**event):
    answer = lambda_client.invoke(
        FunctionName="jars", Payload=json.dumps(event)
    )
    return answer.get("FunctionError", "fine"), json.load(answer["Payload"])


print("a crash:  ", call(crash=True)[0])
print("after it: ", call(jars=1))
with ThreadPoolExecutor(8) as pool:
    burst = list(pool.map(lambda _: call(jars=1, seconds=0.5), range(8)))
print(
    "a burst:  ",
    len(burst),
    "calls at once,",
    [kind for kind, _ in burst].count("fine"),
    "fine",
)
print("a mistake:", call(jars=-3))
# --8<-- [end:calls]
