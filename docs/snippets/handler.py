import json

import boto3

from lambda_sandbox import connect, package

connect()
lambda_client = boto3.client("lambda")


def deploy(name, code):
    lambda_client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/cloudberry",
        Timeout=10,
        Code={"ZipFile": package(code, filename="app.py")},
    )
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)


# --8<-- [start:context]
CONTEXT = """
import time

def handler(event, context):
    before = context.get_remaining_time_in_millis()
    time.sleep(0.2)
    return {
        "id": context.aws_request_id,
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "log group": context.log_group_name,
        "spent": (before - context.get_remaining_time_in_millis()) // 100 * 100,
    }
"""
# --8<-- [end:context]
deploy("context", CONTEXT)

# --8<-- [start:look]
answer = lambda_client.invoke(FunctionName="context", Payload="{}")
seen = json.load(answer["Payload"])
print(seen.pop("id") == answer["ResponseMetadata"]["RequestId"])
for name, value in seen.items():
    print(f"{name:9} {value!r}")
# --8<-- [end:look]

# --8<-- [start:json]
ECHO = """
import datetime

ANSWERS = {
    "tuple": lambda: ("jam", 3),
    "numbers as keys": lambda: {1: "one", 2: "two"},
    "no return": lambda: None,
    "a text": lambda: "jam",
    "umlauts": lambda: "Käse",
    "a set": lambda: {"jam", "tea"},
    "a date": lambda: datetime.date(2026, 11, 21),
}

def handler(event, context):
    return ANSWERS[event]()
"""
# --8<-- [end:json]
deploy("echo", ECHO)

# --8<-- [start:through]
for event in (
    "tuple",
    "numbers as keys",
    "no return",
    "a text",
    "umlauts",
    "a set",
    "a date",
):
    answer = lambda_client.invoke(
        FunctionName="echo", Payload=json.dumps(event)
    )
    payload = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        payload = json.loads(payload)["errorType"]
    print(f"{event:16} {payload}")
# --8<-- [end:through]
