import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from lambda_sandbox import connect, package

connect()

# --8<-- [start:client]
# One attempt: an SDK would try throttled calls again, and hide them from us.
lambda_client = boto3.client(
    "lambda", config=Config(retries={"total_max_attempts": 1})
)
# --8<-- [end:client]

# --8<-- [start:code]
CODE = """
import os
import time

def handler(event, context):
    time.sleep(event["seconds"])
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
# --8<-- [end:code]
lambda_client.create_function(
    FunctionName="slow",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="slow")

# --8<-- [start:reserve]
lambda_client.put_function_concurrency(
    FunctionName="slow", ReservedConcurrentExecutions=2
)


def call(_):
    try:
        lambda_client.invoke(
            FunctionName="slow", Payload=json.dumps({"seconds": 1})
        )
    except lambda_client.exceptions.TooManyRequestsException as error:
        return error.response["ResponseMetadata"][
            "HTTPStatusCode"
        ], error.response["Reason"]
    return 200, "ran"


with ThreadPoolExecutor(5) as pool:
    for (status, reason), count in sorted(
        Counter(pool.map(call, range(5))).items()
    ):
        print(count, "×", status, reason)
# --8<-- [end:reserve]

# --8<-- [start:account]
limits = lambda_client.get_account_settings()["AccountLimit"]
print(limits["ConcurrentExecutions"], "in the account")
print(limits["UnreservedConcurrentExecutions"], "for all others")

try:
    lambda_client.put_function_concurrency(
        FunctionName="slow", ReservedConcurrentExecutions=950
    )
except lambda_client.exceptions.InvalidParameterValueException as error:
    print(error.response["Error"]["Code"])
# --8<-- [end:account]

# --8<-- [start:provision]
version = lambda_client.publish_version(FunctionName="slow")["Version"]
lambda_client.put_provisioned_concurrency_config(
    FunctionName="slow", Qualifier=version, ProvisionedConcurrentExecutions=1
)
while True:
    state = lambda_client.get_provisioned_concurrency_config(
        FunctionName="slow", Qualifier=version
    )
    if state["Status"] == "READY":
        break
    time.sleep(0.1)

for qualifier in (version, "$LATEST"):
    answer = lambda_client.invoke(
        FunctionName="slow", Qualifier=qualifier, Payload='{"seconds": 0}'
    )
    print(f"{qualifier:7}", json.load(answer["Payload"]))
# --8<-- [end:provision]
