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
def handler(event, context):
    message = event["Records"][0]["Sns"]
    kind = message["MessageAttributes"]["kind"]["Value"]
    print(f"{context.function_name} got {kind}: {message['Message']}")
"""
# --8<-- [end:code]

# --8<-- [start:connect]
sns, lambda_client = boto3.client("sns"), boto3.client("lambda")
topic = sns.create_topic(Name="orders-news")["TopicArn"]


def subscribe(function, policy):
    lambda_client.add_permission(
        FunctionName=function.name,
        StatementId="orders-news",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(
        TopicArn=topic,
        Protocol="lambda",
        Endpoint=function.arn,
        Attributes={"FilterPolicy": json.dumps(policy)},
    )


subscribe(
    sandbox.deploy(CODE, FunctionName="cloudberry-mail"),
    {"kind": ["paid", "sent"]},
)
subscribe(
    sandbox.deploy(CODE, FunctionName="cloudberry-invoice"), {"kind": ["paid"]}
)
# --8<-- [end:connect]

# --8<-- [start:use]
for kind in ("sent", "paid"):
    sns.publish(
        TopicArn=topic,
        Message=f"order 1001 is {kind}",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
    )
lines = printed("cloudberry-mail", lines=2) + printed("cloudberry-invoice")
print("\n".join(sorted(lines)))
# --8<-- [end:use]
