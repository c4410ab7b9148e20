import json
import time

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:code]
CODE = """
import json
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    order = json.loads(event["Records"][0]["body"])
    sqs.send_message(QueueUrl=order["queue"], MessageBody=json.dumps(order))  # "I'll try again later"
"""
# --8<-- [end:code]
sandbox.deploy(CODE, FunctionName="impatient", Timeout=2, MemorySize=1769)

sqs, lambda_client = boto3.client("sqs"), boto3.client("lambda")
aside = sqs.create_queue(QueueName="retry-aside")["QueueUrl"]
redrive = {
    "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:retry-aside",
    "maxReceiveCount": 1,
}
queue = sqs.create_queue(
    QueueName="retry",
    Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "2"},
)["QueueUrl"]
lambda_client.create_event_source_mapping(
    FunctionName="impatient",
    EventSourceArn="arn:aws:sqs:us-east-1:000000000000:retry",
    BatchSize=1,
)

# --8<-- [start:start]
sqs.send_message(
    QueueUrl=queue, MessageBody=json.dumps({"order": 7, "queue": queue})
)

while "Messages" not in sqs.receive_message(QueueUrl=aside, WaitTimeSeconds=1):
    time.sleep(0.1)
print(
    "one message, runs:",
    len(sandbox.history("impatient", status="success").invocations),
)
# --8<-- [end:start]
