import json

import boto3
from botocore.exceptions import ClientError

from lambda_sandbox import connect, package
from lambda_sandbox.telemetry.meters import (
    Usage,
    charges,
    gb_seconds,
    total_usd,
)
from lambda_sandbox.telemetry.prices import Prices

sandbox = connect()

# --8<-- [start:rounding]
for year, prices in {
    2019: Prices.load(rules="2019"),
    "now": Prices.load(),
}.items():
    step_ms = prices.rules.rounding_ms
    billed_ms = -(-12 // step_ms) * step_ms  # a call of 12 ms, rounded up
    usage = Usage(
        1_000_000, {"x86_64": gb_seconds(1024, billed_ms / 1000) * 1_000_000}
    )
    print(
        f"{year}: billed {billed_ms} ms; a million calls: {total_usd(charges(usage, prices)):.2f} USD"
    )
# --8<-- [end:rounding]

# --8<-- [start:code]
CODE = """
basket = []

def handler(event, context):
    basket.append(event["sku"])
    return basket
"""
# --8<-- [end:code]
lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="basket",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="basket")


# --8<-- [start:container]
def call(sku):
    return json.load(
        lambda_client.invoke(
            FunctionName="basket", Payload=json.dumps({"sku": sku})
        )["Payload"]
    )


print(
    "environments of a function that is ready:",
    len(sandbox.history("basket").environments),
)
call("jam")
print("after its first call:", len(sandbox.history("basket").environments))
print("what the next customer gets:", call("tea"))
# --8<-- [end:container]

# --8<-- [start:always]
lambda_client.put_function_concurrency(
    FunctionName="basket", ReservedConcurrentExecutions=0
)
try:
    call("salt")
except ClientError as error:
    print("a setting to tune:", error.response["Error"]["Code"])
# --8<-- [end:always]
