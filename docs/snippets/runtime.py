import json

import boto3

from lambda_sandbox import connect, package

connect()
lambda_client = boto3.client("lambda")

# --8<-- [start:bootstrap]
BOOTSTRAP = """#!/usr/bin/env python3
import json
import os
from urllib.request import Request, urlopen

HOST = os.environ["AWS_LAMBDA_RUNTIME_API"]
API = f"http://{HOST}/2018-06-01/runtime/invocation"
ID = "Lambda-Runtime-Aws-Request-Id"

def backwards(event):  # the handler of this little language
    return event["word"][::-1]

while True:
    with urlopen(API + "/next") as event:  # waits, frozen, until there is one
        request_id = event.headers[ID]
        try:
            kind, answer = "response", backwards(json.load(event))
        except Exception as error:
            kind = "error"
            answer = {"errorType": "Words.Backwards", "errorMessage": repr(error)}
    body = json.dumps(answer).encode()
    urlopen(Request(f"{API}/{request_id}/{kind}", body)).close()
"""
# --8<-- [end:bootstrap]

# --8<-- [start:deploy]
lambda_client.create_function(
    FunctionName="words",
    Runtime="provided.al2023",
    Handler="not.used",
    Role="arn:aws:iam::000000000000:role/cloudberry",
    Code={"ZipFile": package({"bootstrap": BOOTSTRAP})},
)
lambda_client.get_waiter("function_active_v2").wait(FunctionName="words")
# --8<-- [end:deploy]

# --8<-- [start:call]
for event in ({"word": "maj"}, {}, {"word": "aet"}):
    answer = lambda_client.invoke(
        FunctionName="words", Payload=json.dumps(event)
    )
    print(answer.get("FunctionError", "fine"), json.load(answer["Payload"]))
# --8<-- [end:call]
