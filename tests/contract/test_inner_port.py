"""One address of the sandbox, outside and in its functions: what a function signs or hands out is good for its caller."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server

SIGNER = """
import boto3, os, urllib.request

def handler(event, context):
    if "url" in event:
        return urllib.request.urlopen(event["url"]).read().decode()
    sign = boto3.client("s3").generate_presigned_url
    where = {"Bucket": "shared", "Key": "sent.txt"}
    return {
        "put": sign("put_object", Params=where),
        "get": sign("get_object", Params=where),
        "queue": boto3.client("sqs").get_queue_url(QueueName="shared")["QueueUrl"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
    }
"""


@pytest.fixture(scope="module")
def signer(server: Server) -> str:
    server.client("s3").create_bucket(Bucket="shared")
    server.client("sqs").create_queue(QueueName="shared")
    return server.deploy("signer", SIGNER, Timeout=30, MemorySize=512)


def ask(server: Server, function: str, event: dict[str, Any]) -> Any:
    answer = server.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    result = json.load(answer["Payload"])
    assert "FunctionError" not in answer, result
    return result


def test_a_url_that_a_function_presigns_takes_and_gives_outside(server: Server, signer: str) -> None:
    links = ask(server, signer, {})
    sending = urllib.request.Request(links["put"], data=b"from outside", method="PUT")
    assert urllib.request.urlopen(sending).status == 200
    assert urllib.request.urlopen(links["get"]).read() == b"from outside"


def test_a_url_that_is_presigned_outside_gives_inside(server: Server, signer: str) -> None:
    s3 = server.client("s3")
    s3.put_object(Bucket="shared", Key="own.txt", Body=b"for the function")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "shared", "Key": "own.txt"})
    assert ask(server, signer, {"url": link}) == "for the function"


def test_the_queues_address_is_the_same_on_both_sides(server: Server, signer: str) -> None:
    links = ask(server, signer, {})
    assert links["queue"] == server.client("sqs").get_queue_url(QueueName="shared")["QueueUrl"]
    assert urlsplit(links["endpoint"]).port == urlsplit(server.endpoint).port
