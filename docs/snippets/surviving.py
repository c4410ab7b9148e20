import json

import boto3

from lambda_sandbox import connect, package

connect()

# --8<-- [start:code]
CODE = """
import os
from pathlib import Path

calls = 0

def handler(event, context):
    global calls
    calls += 1
    with Path("/tmp/notes").open("a") as notes:
        notes.write("x")
    if event.get("do") == "raise":
        raise ValueError("the jar slipped")
    if event.get("do") == "exit":
        os._exit(1)
    return {"calls": calls, "notes": len(Path("/tmp/notes").read_text())}
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")
lambda_client.create_function(
    FunctionName="memory",
    Runtime="python3.13",
    Handler="app.handler",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package(CODE, filename="app.py")},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="memory")

# --8<-- [start:calls]
for event in [{}, {"do": "raise"}, {}, {"do": "exit"}, {}]:
    answer = lambda_client.invoke(
        FunctionName="memory", Payload=json.dumps(event)
    )
    result = json.load(answer["Payload"])
    print(event, "->", result.get("errorType", result))
# --8<-- [end:calls]
