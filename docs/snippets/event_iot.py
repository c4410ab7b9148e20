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
    print(f"{event['shop']}: {event['degrees']} degrees, is the door open?")
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-fridges")

# --8<-- [start:connect]
iot, lambda_client = boto3.client("iot"), boto3.client("lambda")
SQL = """
    SELECT temperature AS degrees, topic(2) AS shop
    FROM 'shops/+/fridge' WHERE temperature > 8
"""
lambda_client.add_permission(
    FunctionName="cloudberry-fridges",
    StatementId="fridges",
    Action="lambda:InvokeFunction",
    Principal="iot.amazonaws.com",
    SourceArn="arn:aws:iot:us-east-1:000000000000:rule/warm_fridges",
    SourceAccount="000000000000",
)
iot.create_topic_rule(
    ruleName="warm_fridges",
    topicRulePayload={
        "sql": SQL,
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{"lambda": {"functionArn": function.arn}}],
    },
)
# --8<-- [end:connect]

# --8<-- [start:use]
devices = boto3.client("iot-data")
for shop, temperature in [("lyon", 4.5), ("berlin", 11.5)]:
    devices.publish(
        topic=f"shops/{shop}/fridge",
        qos=1,
        payload=json.dumps({"temperature": temperature}),
    )
print("\n".join(printed("cloudberry-fridges")))
# --8<-- [end:use]
