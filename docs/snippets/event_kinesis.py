import json
import time

import boto3

from lambda_sandbox import connect

sandbox = connect()


def printed(function, lines=1):
    """Wait until the function has printed so many lines of its own, and return them."""
    while True:
        own = [
            line
            for line in sandbox.logs(function)
            if not line.startswith(("START", "END", "REPORT", "INIT_"))
        ]
        if len(own) >= lines:
            return own
        time.sleep(0.05)


# --8<-- [start:code]
CODE = """
import base64, json

def handler(event, context):
    for record in event["Records"]:
        number = record["kinesis"]["sequenceNumber"]
        try:
            click = json.loads(base64.b64decode(record["kinesis"]["data"]))
        except ValueError:
            print("cannot be read; records before it are done")
            return {"batchItemFailures": [{"itemIdentifier": number}]}
        print(f"{record['kinesis']['partitionKey']} looked at {click['page']}")
"""
# --8<-- [end:code]
sandbox.deploy(CODE, FunctionName="cloudberry-clicks")

# --8<-- [start:connect]
kinesis, sqs, lambda_client = (
    boto3.client("kinesis"),
    boto3.client("sqs"),
    boto3.client("lambda"),
)
kinesis.create_stream(StreamName="clicks", ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName="clicks")
aside = sqs.create_queue(QueueName="clicks-aside")["QueueUrl"]

for page in [b'{"page": "/jam"}', b"no JSON", b'{"page": "/basket"}']:
    kinesis.put_record(StreamName="clicks", PartitionKey="visitor-1", Data=page)

lambda_client.create_event_source_mapping(
    FunctionName="cloudberry-clicks",
    EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
    StartingPosition="TRIM_HORIZON",
    BatchSize=10,
    MaximumRetryAttempts=1,
    BisectBatchOnFunctionError=True,
    FunctionResponseTypes=["ReportBatchItemFailures"],
    DestinationConfig={
        "OnFailure": {
            "Destination": "arn:aws:sqs:us-east-1:000000000000:clicks-aside"
        }
    },
)
# --8<-- [end:connect]

# --8<-- [start:use]
print("\n".join(printed("cloudberry-clicks", lines=6)))
told = json.loads(
    sqs.receive_message(QueueUrl=aside, WaitTimeSeconds=20)["Messages"][0][
        "Body"
    ]
)
print(
    "set aside:",
    told["requestContext"]["condition"],
    "-",
    told["KinesisBatchInfo"]["batchSize"],
    "record(s)",
)
# --8<-- [end:use]
