import json

import boto3

from lambda_sandbox import connect, package

# --8<-- [start:connect]
connect(clock="scaled:60")  # a minute of waiting passes in a second
# --8<-- [end:connect]
lambda_client = boto3.client("lambda")
sqs = boto3.client("sqs")

# --8<-- [start:code]
CODE = """
def handler(event, context):
    if event["address"] == "":
        raise ValueError("no address")
    return {"label": "To: " + event["address"]}
"""
# --8<-- [end:code]
lambda_client.create_function(
    FunctionName="label",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="label")

# --8<-- [start:destination]
queue = sqs.create_queue(QueueName="failed-labels")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
    "Attributes"
]["QueueArn"]

lambda_client.put_function_event_invoke_config(
    FunctionName="label",
    MaximumRetryAttempts=2,
    MaximumEventAgeInSeconds=3600,
    DestinationConfig={"OnFailure": {"Destination": arn}},
)
# --8<-- [end:destination]

# --8<-- [start:sync]
bad = json.dumps({"address": ""})
answer = lambda_client.invoke(FunctionName="label", Payload=bad)
error = json.load(answer["Payload"])
print(
    "synchronous: ",
    answer["StatusCode"],
    answer["FunctionError"],
    error["errorType"],
)
# --8<-- [end:sync]

# --8<-- [start:dry]
answer = lambda_client.invoke(
    FunctionName="label", Payload=bad, InvocationType="DryRun"
)
print("dry run:     ", answer["StatusCode"])
# --8<-- [end:dry]

# --8<-- [start:async]
answer = lambda_client.invoke(
    FunctionName="label", Payload=bad, InvocationType="Event"
)
print("asynchronous:", answer["StatusCode"])

message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"][0]
record = json.loads(message["Body"])
context = record["requestContext"]
print(
    "the record:  ",
    context["condition"],
    "after",
    context["approximateInvokeCount"],
    "attempts",
)
print(
    "same request:",
    context["requestId"] == answer["ResponseMetadata"]["RequestId"],
)
print("the event:   ", record["requestPayload"])
print(
    "the error:   ",
    record["responsePayload"]["errorType"],
    record["responsePayload"]["errorMessage"],
)
# --8<-- [end:async]
