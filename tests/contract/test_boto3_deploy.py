"""What a stack does, done by hand with boto3: function, layer, alias, address, mapping and permission, up and down again."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.packaging import package
from tests.contract.conftest import ROLE, Server

SOURCE = """
import json, os, boto3, words
def handler(event, context):
    if "Records" in event:
        sqs = boto3.client("sqs")
        for record in event["Records"]:
            sqs.send_message(QueueUrl=os.environ["DONE"], MessageBody=words.say(record["body"]))
        return None
    return {"statusCode": 200, "body": words.say(event.get("rawPath", "direct")) + context.function_version}
"""
LAYER = {"python/words.py": "def say(word): return word.upper()"}


def test_deployment_by_hand_works_and_leaves_nothing(server: Server) -> None:
    functions, sqs = server.client("lambda"), server.client("sqs")
    orders = sqs.create_queue(QueueName="orders")["QueueUrl"]
    done = sqs.create_queue(QueueName="done")["QueueUrl"]
    layer = functions.publish_layer_version(LayerName="words", Content={"ZipFile": package(LAYER)})
    functions.create_function(
        FunctionName="by-hand",
        Runtime="python3.12",
        Handler="app.handler",
        Role=ROLE,
        Timeout=10,
        Code={"ZipFile": package(SOURCE)},
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"DONE": done}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="by-hand")
    version = functions.publish_version(FunctionName="by-hand")["Version"]
    alias = functions.create_alias(FunctionName="by-hand", Name="live", FunctionVersion=version)["AliasArn"]
    url = open_address(functions, alias)
    mapping = functions.create_event_source_mapping(
        FunctionName=alias, EventSourceArn="arn:aws:sqs:us-east-1:000000000000:orders"
    )["UUID"]

    assert fetch(server, url, "/kiwi") == f"/KIWI{version}"
    sqs.send_message(QueueUrl=orders, MessageBody="three kiwis")
    (message,) = sqs.receive_message(QueueUrl=done, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "THREE KIWIS"

    functions.delete_event_source_mapping(UUID=mapping)
    functions.delete_function_url_config(FunctionName="by-hand", Qualifier="live")
    functions.remove_permission(FunctionName="by-hand", Qualifier="live", StatementId="everyone")
    functions.delete_alias(FunctionName="by-hand", Name="live")
    functions.delete_function(FunctionName="by-hand")
    functions.delete_layer_version(LayerName="words", VersionNumber=layer["Version"])
    nothing_is_left(functions, alias)


def open_address(functions: Any, alias: str) -> str:
    url: str = functions.create_function_url_config(FunctionName=alias, AuthType="NONE")["FunctionUrl"]
    functions.add_permission(
        FunctionName=alias,
        StatementId="everyone",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    policy = json.loads(functions.get_policy(FunctionName=alias)["Policy"])
    assert [each["Resource"] for each in policy["Statement"]] == [alias]
    return url


def fetch(server: Server, url: str, path: str) -> str:
    """Ask the address as a browser does; not every resolver knows names below localhost, so the host goes in the header."""
    request = urllib.request.Request(f"{server.endpoint}{path}", headers={"Host": urlsplit(url).netloc})
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
    return body.decode()


def nothing_is_left(functions: Any, alias: str) -> None:
    assert functions.list_functions()["Functions"] == []
    assert functions.list_layers()["Layers"] == []
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
    for ask in (functions.get_policy, functions.get_function_url_config, functions.get_function):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            ask(FunctionName=alias)
    usage = functions.get_account_settings()["AccountUsage"]
    assert usage == {"TotalCodeSize": 0, "FunctionCount": 0}
