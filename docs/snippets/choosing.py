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

connect()
lambda_client = boto3.client("lambda")

# --8<-- [start:long]
try:
    lambda_client.create_function(
        FunctionName="film",
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/cloudberry",
        Code={
            "ZipFile": package(
                "def handler(event, context): ...", filename="app.py"
            )
        },
        Timeout=3600,  # an hour of work in one call
    )
except ClientError as error:
    print(error.response["Error"]["Message"].split(";")[0])
# --8<-- [end:long]

# --8<-- [start:waiting]
ORDERS, WAIT_S = 100_000, 600  # each order waits ten minutes for the warehouse
prices = Prices.load()

asleep = Usage(ORDERS, {"x86_64": gb_seconds(128, WAIT_S) * ORDERS})
awake = Usage(2 * ORDERS, {"x86_64": gb_seconds(128, 0.1) * 2 * ORDERS})
print(f"one call that sleeps: {total_usd(charges(asleep, prices)):>7.2f} USD")
print(f"two calls of 100 ms:  {total_usd(charges(awake, prices)):>7.2f} USD")
# --8<-- [end:waiting]
