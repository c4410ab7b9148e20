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
import base64, gzip, json

def handler(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    if data["messageType"] == "CONTROL_MESSAGE":  # sent once, to try the destination
        return
    for line in data["logEvents"]:
        print(f"{data['logGroup']} says {line['message'].strip()}")
"""
# --8<-- [end:code]
watcher = sandbox.deploy(CODE, FunctionName="cloudberry-watch")

# --8<-- [start:shop]
SHOP = """
def handler(event, context):
    print(f"looking for {event['sku']}")
    if event["sku"] == "pear-jam":
        print("ERROR out of pear-jam")
"""
shop = sandbox.deploy(SHOP, FunctionName="cloudberry-shop")
# --8<-- [end:shop]

# --8<-- [start:connect]
logs, lambda_client = boto3.client("logs"), boto3.client("lambda")
GROUP = "/aws/lambda/cloudberry-shop"
logs.create_log_group(logGroupName=GROUP)
lambda_client.add_permission(
    FunctionName="cloudberry-watch",
    StatementId="shop-logs",
    Action="lambda:InvokeFunction",
    Principal="logs.amazonaws.com",
    SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*",
    SourceAccount="000000000000",
)
logs.put_subscription_filter(
    logGroupName=GROUP,
    filterName="errors",
    filterPattern="ERROR",
    destinationArn=watcher.arn,
)
# --8<-- [end:connect]

# --8<-- [start:use]
shop.invoke({"sku": "plum-jam"})
shop.invoke({"sku": "pear-jam"})
print("\n".join(printed("cloudberry-watch")))
# --8<-- [end:use]
