import base64
import json
import re
from datetime import UTC, datetime, timedelta

import boto3

from lambda_sandbox import connect, package

connect()

# --8<-- [start:code]
CODE = """
import logging

log = logging.getLogger()
log.setLevel("INFO")

def handler(event, context):
    log.info("quote", extra={"sku": event["sku"], "jars": event["jars"]})
    return {"total_cents": 650 * event["jars"]}
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="watched",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="watched")


# --8<-- [start:report]
def call(**event):
    answer = lambda_client.invoke(
        FunctionName="watched", LogType="Tail", Payload=json.dumps(event)
    )
    return base64.b64decode(answer["LogResult"]).decode()


for what in ("cold", "warm"):
    report = next(
        line
        for line in call(sku="jam", jars=3).splitlines()
        if line.startswith("REPORT")
    )
    print(f"{what}:", ", ".join(re.findall(r"\t([A-Z][A-Za-z ]+):", report)))
# --8<-- [end:report]

# --8<-- [start:json]
lambda_client.update_function_configuration(
    FunctionName="watched", LoggingConfig={"LogFormat": "JSON"}
)
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="watched")
lines = [json.loads(line) for line in call(sku="tea", jars=1).splitlines()]
mine = next(line for line in lines if line.get("message") == "quote")
print(
    "structured:",
    {key: mine[key] for key in ("level", "message", "sku", "jars")},
)
# --8<-- [end:json]

# --8<-- [start:metrics]
call(sku="tea")  # an event without "jars": a KeyError
cloudwatch = boto3.client("cloudwatch")
now = datetime.now(UTC)
for metric in ("Invocations", "Errors", "Throttles"):
    answer = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": "watched"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Sum"],
    )
    print(f"{metric}:", sum(point["Sum"] for point in answer["Datapoints"]))
# --8<-- [end:metrics]
