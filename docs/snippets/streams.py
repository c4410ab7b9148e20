import json
import time

import boto3

from lambda_sandbox import connect, package

sandbox = connect(clock="scaled:60")  # a minute of waiting takes a second

# --8<-- [start:code]
CODE = """
import base64

def handler(event, context):
    orders = [base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]]
    print("batch:", *orders)
    for order in orders:
        if not order.isdigit():
            raise ValueError(order + " is no order")
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")
function = lambda_client.create_function(
    FunctionName="tally",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="tally")

# --8<-- [start:stream]
kinesis, sqs = boto3.client("kinesis"), boto3.client("sqs")
kinesis.create_stream(StreamName="orders", ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName="orders")
for order in ("1", "2", "3", "jam", "5", "6"):
    kinesis.put_record(
        StreamName="orders", Data=order.encode(), PartitionKey="shop"
    )
queue = sqs.create_queue(QueueName="not-handled")["QueueUrl"]

lambda_client.create_event_source_mapping(
    FunctionName="tally",
    EventSourceArn=kinesis.describe_stream_summary(StreamName="orders")[
        "StreamDescriptionSummary"
    ]["StreamARN"],
    StartingPosition="TRIM_HORIZON",
    BatchSize=6,
    BisectBatchOnFunctionError=True,
    MaximumRetryAttempts=1,
    DestinationConfig={
        "OnFailure": {
            "Destination": "arn:aws:sqs:us-east-1:000000000000:not-handled"
        }
    },
)
# --8<-- [end:stream]

# --8<-- [start:look]
while "batch: 6" not in str(sandbox.logs("tally")):
    time.sleep(0.2)
print(
    *(line for line in sandbox.logs("tally") if line.startswith("batch:")),
    sep="\n",
)
letter = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"][0]
told = json.loads(letter["Body"])
print(
    "given up:",
    told["requestContext"]["condition"],
    "of",
    told["KinesisBatchInfo"]["batchSize"],
    "record",
)
# --8<-- [end:look]
