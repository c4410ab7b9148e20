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
from urllib.parse import unquote_plus

def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        written = record["s3"]["object"]["key"]
        key = unquote_plus(written)
        print(f"{record['eventName']} in {bucket}: {written}")
        print(f"which is {key}")
"""
# --8<-- [end:code]
function = sandbox.deploy(CODE, FunctionName="cloudberry-labels")

# --8<-- [start:connect]
s3, lambda_client = boto3.client("s3"), boto3.client("lambda")
s3.create_bucket(Bucket="cloudberry-photos")

lambda_client.add_permission(
    FunctionName="cloudberry-labels",
    StatementId="photos",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn="arn:aws:s3:::cloudberry-photos",
    SourceAccount="000000000000",  # a bucket's ARN has no account in it
)
s3.put_bucket_notification_configuration(
    Bucket="cloudberry-photos",
    NotificationConfiguration={
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": function.arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {
                    "Key": {
                        "FilterRules": [{"Name": "suffix", "Value": ".jpg"}]
                    }
                },
            }
        ]
    },
)
# --8<-- [end:connect]

# --8<-- [start:use]
s3.put_object(Bucket="cloudberry-photos", Key="notes.txt", Body=b"not a photo")
s3.put_object(
    Bucket="cloudberry-photos", Key="june/plum jam (1).jpg", Body=b"..."
)
print("\n".join(printed("cloudberry-labels", lines=2)))
# --8<-- [end:use]
