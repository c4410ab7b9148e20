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
from boto3.dynamodb.types import TypeDeserializer

plain = TypeDeserializer().deserialize

def image(record, name):
    return {key: plain(value) for key, value in record["dynamodb"].get(name, {}).items()}

def handler(event, context):
    for record in event["Records"]:
        old, new = image(record, "OldImage"), image(record, "NewImage")
        print(f"{record['eventName']}: {old.get('jars')} -> {new.get('jars')}")
"""
# --8<-- [end:code]
sandbox.deploy(CODE, FunctionName="cloudberry-stock")

# --8<-- [start:connect]
dynamodb, lambda_client = boto3.client("dynamodb"), boto3.client("lambda")
table = dynamodb.create_table(
    TableName="Stock",
    KeySchema=[{"AttributeName": "sku", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "sku", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
    StreamSpecification={
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
)["TableDescription"]

lambda_client.create_event_source_mapping(
    FunctionName="cloudberry-stock",
    EventSourceArn=table["LatestStreamArn"],
    StartingPosition="TRIM_HORIZON",
    BatchSize=10,
    FilterCriteria={
        "Filters": [
            {"Pattern": json.dumps({"eventName": ["MODIFY", "REMOVE"]})}
        ]
    },
)
# --8<-- [end:connect]

# --8<-- [start:use]
key = {"sku": {"S": "plum-jam"}}
dynamodb.put_item(TableName="Stock", Item={**key, "jars": {"N": "12"}})
dynamodb.put_item(TableName="Stock", Item={**key, "jars": {"N": "11"}})
dynamodb.delete_item(TableName="Stock", Key=key)
print("\n".join(printed("cloudberry-stock", lines=2)))
# --8<-- [end:use]
