from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
from botocore.exceptions import ClientError

from lambda_sandbox import connect, package

sandbox = connect()

# --8<-- [start:code]
CODE = """
def handler(event, context):
    cf = event["Records"][0]["cf"]
    print("event:", cf["config"]["eventType"])
    return cf.get("response") or cf["request"]  # go on with what came
"""
# --8<-- [end:code]

lambda_client = boto3.client("lambda")


def deploy(name, **options):
    made = lambda_client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/cloudberry",
        Code={"ZipFile": package(CODE, filename="app.py")},
        Publish=True,  # the edge takes a numbered version, never $LATEST
        **options,
    )
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)
    return f"{made['FunctionArn'].removesuffix(':1')}:1"


s3, cloudfront = boto3.client("s3"), boto3.client("cloudfront")
s3.create_bucket(Bucket="cloudberry-site")
s3.put_object(
    Bucket="cloudberry-site",
    Key="jam.txt",
    Body=b"650 cents",
    CacheControl="max-age=60",
)


def distribution(name, version, events):
    associations = [
        {"LambdaFunctionARN": version, "EventType": event} for event in events
    ]
    behaviour = {
        "TargetOriginId": "site",
        "ViewerProtocolPolicy": "allow-all",
        "ForwardedValues": {
            "QueryString": False,
            "Cookies": {"Forward": "none"},
        },
        "MinTTL": 0,
        "LambdaFunctionAssociations": {
            "Quantity": len(associations),
            "Items": associations,
        },
    }
    bucket = {
        "Id": "site",
        "DomainName": "cloudberry-site.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    made = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": name,
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [bucket]},
            "DefaultCacheBehavior": behaviour,
        }
    )
    return made["Distribution"]["DomainName"]


# --8<-- [start:calls]
EVENTS = [
    "viewer-request",
    "origin-request",
    "origin-response",
    "viewer-response",
]
name = distribution("shop", deploy("at-the-edge"), EVENTS)
address = f"http://{name}:{urlsplit(sandbox.endpoint).port}/jam.txt"
seen = 0
for _ in range(2):
    with urlopen(address) as answer:
        print(answer.headers["X-Cache"])
    lines = [
        line
        for line in sandbox.logs("at-the-edge")
        if line.startswith("event:")
    ]
    print(*(f"  {line}" for line in lines[seen:]), sep="\n")
    seen = len(lines)
# --8<-- [end:calls]

# --8<-- [start:refused]
try:
    distribution(
        "no",
        deploy("with-a-variable", Environment={"Variables": {"TAX": "7"}}),
        EVENTS,
    )
except ClientError as error:
    print(error.response["Error"]["Code"])
    print(error.response["Error"]["Message"])
# --8<-- [end:refused]
