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
    print(event["source"], "|", event["detail-type"], "|", event["detail"])
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-big-orders")

# --8<-- [start:connect]
events, lambda_client = boto3.client("events"), boto3.client("lambda")
pattern = {
    "source": ["cloudberry.shop"],
    "detail": {"total": [{"numeric": [">=", 100]}]},
}
rule = events.put_rule(Name="big-orders", EventPattern=json.dumps(pattern))[
    "RuleArn"
]
lambda_client.add_permission(
    FunctionName="cloudberry-big-orders",
    StatementId="big-orders",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule,
)
events.put_targets(
    Rule="big-orders", Targets=[{"Id": "function", "Arn": function.arn}]
)
# --8<-- [end:connect]

# --8<-- [start:use]
for total in (40, 250):
    entry = {
        "Source": "cloudberry.shop",
        "DetailType": "OrderPlaced",
        "Detail": json.dumps({"id": 7, "total": total}),
    }
    answer = events.put_events(Entries=[entry])
    print(
        f"total {total}: the bus took it, failed entries: {answer['FailedEntryCount']}"
    )
print("\n".join(printed("cloudberry-big-orders")))
# --8<-- [end:use]
