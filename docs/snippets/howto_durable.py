import json
import time

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import boto3
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration

def charge(order):
    print("charged", order)
    return f"receipt-{order}"

def ask(callback_id):
    print("waiting for a person")

@durable_execution
def handler(event, context):
    receipt = context.step(lambda step: charge(event["order"]), name="charge")
    context.wait(Duration.from_seconds(1), name="cool down")
    limit = CallbackConfig(timeout=Duration.from_minutes(30))
    approval = context.create_callback(name="approval", config=limit)
    context.step(lambda step: ask(approval.callback_id), name="ask")
    return {"receipt": receipt, "approved by": approval.result()}
"""
# --8<-- [end:code]
# --8<-- [start:create]
sandbox.deploy(
    CODE,
    FunctionName="orders",
    Timeout=30,
    MemorySize=1769,
    DurableConfig={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 7},
)
# --8<-- [end:create]

# --8<-- [start:start]
lambda_client = boto3.client("lambda")
started = lambda_client.invoke(
    FunctionName="orders",
    Qualifier="$LATEST",
    InvocationType="Event",
    DurableExecutionName="order-7",
    Payload=json.dumps({"order": 7}),
)
arn = started["DurableExecutionArn"]
# --8<-- [end:start]


# --8<-- [start:answer]
def history(kind=""):
    pages = lambda_client.get_paginator("get_durable_execution_history")
    found = pages.paginate(DurableExecutionArn=arn)
    events = [event for page in found for event in page["Events"]]
    return [event for event in events if kind in event["EventType"]]


while len(history("InvocationCompleted")) < 2:  # until it waits for an answer
    time.sleep(0.1)

[asked] = history("CallbackStarted")
lambda_client.send_durable_execution_callback_success(
    CallbackId=asked["CallbackStartedDetails"]["CallbackId"], Result="Ann"
)
while not history("ExecutionSucceeded"):
    time.sleep(0.1)
print(lambda_client.get_durable_execution(DurableExecutionArn=arn)["Result"])
# --8<-- [end:answer]

# --8<-- [start:seen]
for event in history():
    print(event["EventType"], event.get("Name", ""))

[cost] = sandbox.bill()["durable"]["rows"]
print(cost["operations"], "operations")
# --8<-- [end:seen]
