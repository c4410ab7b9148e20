import json
import time

import boto3

from lambda_sandbox import connect

sandbox = connect()

# --8<-- [start:function]
CODE = """
class CardRefused(Exception):
    pass

def handler(event, context):
    if event["card"] == "expired":
        raise CardRefused("the card has expired")
    return f"receipt-{event['order']}"
"""
sandbox.deploy(CODE, FunctionName="charge", MemorySize=1769)
# --8<-- [end:function]

# --8<-- [start:machine]
queue = boto3.client("sqs")
approvals = queue.create_queue(QueueName="approvals")["QueueUrl"]
DEFINITION = {
    "StartAt": "Charge",
    "States": {
        "Charge": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "charge", "Payload.$": "$"},
            "ResultSelector": {"receipt.$": "$.Payload"},
            "Catch": [{"ErrorEquals": ["CardRefused"], "Next": "Refused"}],
            "Next": "Ask",
        },
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {
                "QueueUrl": approvals,
                "MessageBody": {"token.$": "$$.Task.Token"},
            },
            "TimeoutSeconds": 1800,
            "ResultPath": "$.approval",
            "End": True,
        },
        "Refused": {
            "Type": "Fail",
            "Error": "NoPayment",
            "Cause": "ask for another card",
        },
    },
}
workflows = boto3.client("stepfunctions")
machine = workflows.create_state_machine(
    name="orders",
    definition=json.dumps(DEFINITION),
    roleArn="arn:aws:iam::000000000000:role/orders",
)["stateMachineArn"]
# --8<-- [end:machine]


# --8<-- [start:start]
def start(order):
    started = workflows.start_execution(
        stateMachineArn=machine, input=json.dumps(order)
    )
    return started["executionArn"]


good = start({"order": 7, "card": "valid"})
bad = start({"order": 8, "card": "expired"})
# --8<-- [end:start]

# --8<-- [start:answer]
[asked] = queue.receive_message(QueueUrl=approvals, WaitTimeSeconds=20)[
    "Messages"
]
workflows.send_task_success(
    taskToken=json.loads(asked["Body"])["token"], output='"Ann"'
)
# --8<-- [end:answer]

# --8<-- [start:seen]
for execution in good, bad:
    while (found := workflows.describe_execution(executionArn=execution))[
        "status"
    ] == "RUNNING":
        time.sleep(0.1)
    print(found["status"], found.get("output") or found["error"])

for event in workflows.get_execution_history(executionArn=bad)["events"]:
    print(event["type"])
# --8<-- [end:seen]
