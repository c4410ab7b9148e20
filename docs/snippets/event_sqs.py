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
import json

def handler(event, context):
    failures = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        if order["jars"] < 1:
            failures.append({"itemIdentifier": record["messageId"]})
    counts = [r["attributes"]["ApproximateReceiveCount"] for r in event["Records"]]
    print(f"{len(counts)} messages, receive counts {counts}, failed: {len(failures)}")
    return {"batchItemFailures": failures}
"""
# --8<-- [end:code]
sandbox.deploy(CODE, FunctionName="cloudberry-orders", Timeout=1)

# --8<-- [start:queues]
sqs, lambda_client = boto3.client("sqs"), boto3.client("lambda")
aside = sqs.create_queue(QueueName="orders-aside")["QueueUrl"]
redrive = {
    "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders-aside",
    "maxReceiveCount": 2,
}
queue = sqs.create_queue(
    QueueName="orders",
    Attributes={"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(redrive)},
)["QueueUrl"]
# --8<-- [end:queues]

# --8<-- [start:send]
bodies = [json.dumps({"jars": number}) for number in (3, 0, 2)]
sqs.send_message_batch(
    QueueUrl=queue,
    Entries=[
        {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)
    ],
)
# --8<-- [end:send]

# --8<-- [start:connect]
lambda_client.create_event_source_mapping(
    FunctionName="cloudberry-orders",
    EventSourceArn="arn:aws:sqs:us-east-1:000000000000:orders",
    BatchSize=10,
    FunctionResponseTypes=["ReportBatchItemFailures"],
)
# --8<-- [end:connect]

# --8<-- [start:use]
print("\n".join(printed("cloudberry-orders", lines=2)))
poison = sqs.receive_message(QueueUrl=aside, WaitTimeSeconds=20)["Messages"]
print("set aside:", [message["Body"] for message in poison])
# --8<-- [end:use]
