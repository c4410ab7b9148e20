"""Topic rules for tests: functions that print what starts them, messages, and what arrived."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/things"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:news"
PRINTS = "import json\ndef handler(event, context):\n    print('GOT ' + json.dumps(event))\n"


def until(what: Callable[[], Any], limit_s: float = 30) -> Any:
    end = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
    return found


def events(server: Server, function: str) -> list[Any]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={function}") as answer:
        lines = [event["message"] for event in json.load(answer)["events"]]
    return [json.loads(line[4:]) for line in lines if line.startswith("GOT ")]


def notes(server: Server) -> list[str]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history") as answer:
        return [each["why"] for each in json.load(answer)["deliveries"]]


def rule(server: Server, name: str, sql: str, *, permitted: bool = True, **settings: Any) -> str:
    """Deploy a function called like the rule, and the rule that starts it; return the function's name."""
    arn = server.deploy(name, PRINTS)
    if permitted:
        permit(server, name)
    payload = {"sql": sql, "actions": [{"lambda": {"functionArn": arn}}], **settings}
    server.client("iot").create_topic_rule(ruleName=name, topicRulePayload=payload)
    return name


def permit(server: Server, name: str, rule_name: str = "") -> None:
    """Let a rule start a function; the one that is called like the function, unless another is named."""
    server.client("lambda").add_permission(
        FunctionName=name,
        StatementId="iot",
        Action="lambda:InvokeFunction",
        Principal="iot.amazonaws.com",
        SourceArn=f"arn:aws:iot:us-east-1:{ACCOUNT}:rule/{rule_name or name}",
        SourceAccount=ACCOUNT,
    )


def publish(server: Server, topic: str, payload: Any) -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    server.client("iot-data").publish(topic=topic, qos=1, payload=data)


def refusal(server: Server, sql: str, **settings: Any) -> tuple[str, str]:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none"
    payload = {"sql": sql, "actions": [{"lambda": {"functionArn": arn}}], **settings}
    with pytest.raises(ClientError) as caught:
        server.client("iot").create_topic_rule(ruleName="refused", topicRulePayload=payload)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def to_function(name: str) -> dict[str, Any]:
    return {"lambda": {"functionArn": function_arn(name)}}
