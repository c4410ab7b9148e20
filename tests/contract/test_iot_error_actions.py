"""What topic rules send elsewhere than to functions: queues, topics, and the error action when something fails."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

from tests.contract.conftest import Server
from tests.contract.iot_stage import (
    ACCOUNT,
    PRINTS,
    ROLE,
    events,
    function_arn,
    notes,
    permit,
    publish,
    rule,
    to_function,
    until,
)


def refused(name: str, status: int) -> dict[str, str]:
    return {
        "failedAction": "LambdaAction",
        "failedResource": function_arn(name),
        "errorMessage": "Failed to invoke lambda function. Received Server error from Lambda. "
        f"The error code is {status}",
    }


def error_function(server: Server, name: str, rule_name: str) -> str:
    """Deploy a function that a rule may start."""
    server.deploy(name, PRINTS)
    permit(server, name, rule_name)
    return name


def test_the_error_action_hears_once_of_every_action_that_failed(server: Server) -> None:
    server.deploy("shut", PRINTS)
    open_too = error_function(server, "open_too", "failing")
    error_function(server, "on_failure", "failing")
    actions = [
        to_function("shut"),
        to_function(open_too),
        to_function("nowhere"),
        to_function(f"{open_too}:no-alias"),
    ]
    payload = {
        "sql": "SELECT n FROM 'failing/+' WHERE n > 0",
        "actions": actions,
        "errorAction": to_function("on_failure"),
    }
    iot = server.client("iot")
    iot.create_topic_rule(ruleName="failing", topicRulePayload=payload)
    assert iot.get_topic_rule(ruleName="failing")["rule"]["errorAction"] == to_function("on_failure")
    publish(server, "failing/7", {"n": 0})
    publish(server, "failing/7", {"n": 1})
    (heard,) = until(lambda: events(server, "on_failure"))
    assert uuid.UUID(heard.pop("cloudwatchTraceId"))
    assert heard == {
        "ruleName": "failing",
        "topic": "failing/7",
        "clientId": "n/a",
        "base64OriginalPayload": base64.b64encode(b'{"n": 1}').decode(),
        "failures": [refused("shut", 403), refused("nowhere", 404), refused(f"{open_too}:no-alias", 404)],
    }
    assert until(lambda: events(server, open_too)) == [{"n": 1}]


def test_the_error_action_rests_while_nothing_fails(server: Server) -> None:
    error_function(server, "unneeded", "healthy")
    rule(server, "healthy", "SELECT n FROM 'healthy'", errorAction=to_function("unneeded"))
    for number in range(3):
        publish(server, "healthy", {"n": number})
    until(lambda: len(events(server, "healthy")) == 3)
    # A rule invokes asynchronously, and asynchronous invocations keep no order.
    assert sorted(each["n"] for each in events(server, "healthy")) == [0, 1, 2]
    assert events(server, "unneeded") == []


def test_an_error_action_that_fails_itself_is_seen_in_history(server: Server) -> None:
    rule(server, "twice", "SELECT n FROM 'twice'", permitted=False, errorAction=to_function("nobody"))
    publish(server, "twice", {"n": 1})
    until(lambda: any("rule/twice" in why and "nobody failed" in why for why in notes(server)))


def queue(server: Server, name: str) -> str:
    url: str = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url


def received(server: Server, url: str) -> str:
    sqs = server.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return str(message["Body"])


def to_queue(url: str, **more: Any) -> dict[str, Any]:
    return {"sqs": {"queueUrl": url, "roleArn": ROLE, **more}}


def test_a_rule_sends_to_a_queue_and_publishes_to_a_topic(server: Server) -> None:
    plain, coded, told = queue(server, "plain"), queue(server, "coded"), queue(server, "told")
    sns = server.client("sns")
    topic = sns.create_topic(Name="readings")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:told")
    actions = [
        to_queue(plain),
        to_queue(coded, useBase64=True),
        {"sns": {"targetArn": topic, "roleArn": ROLE}},
    ]
    payload = {"sql": "SELECT n FROM 'many/+'", "actions": actions}
    server.client("iot").create_topic_rule(ruleName="many", topicRulePayload=payload)
    publish(server, "many/7", {"n": 1, "m": 2})
    assert json.loads(received(server, plain)) == {"n": 1}
    assert json.loads(base64.b64decode(received(server, coded))) == {"n": 1}
    assert json.loads(json.loads(received(server, told))["Message"]) == {"n": 1}


def test_the_error_action_may_be_a_queue_and_hears_of_queues_and_topics(server: Server) -> None:
    url, open_too = queue(server, "failures"), queue(server, "open-too")
    gone = f"{server.endpoint}/{ACCOUNT}/gone"
    nowhere = f"arn:aws:sns:us-east-1:{ACCOUNT}:nowhere"
    payload = {
        "sql": "SELECT n FROM 'failing-queues'",
        "actions": [
            to_queue(gone),
            {"sns": {"targetArn": nowhere, "roleArn": ROLE}},
            to_function("not_there"),
            to_queue(open_too),
        ],
        "errorAction": to_queue(url),
    }
    server.client("iot").create_topic_rule(ruleName="failing_queues", topicRulePayload=payload)
    publish(server, "failing-queues", {"n": 1})
    heard = json.loads(received(server, url))
    assert heard["ruleName"] == "failing_queues"
    assert [(each["failedAction"], each["failedResource"]) for each in heard["failures"]] == [
        ("SqsAction", gone),
        ("SnsAction", nowhere),
        ("LambdaAction", function_arn("not_there")),
    ]
    assert (
        "The specified queue does not exist. Message arrived on: failing-queues, Action: sqs"
        in (heard["failures"][0]["errorMessage"])
    )
    assert json.loads(received(server, open_too)) == {"n": 1}


def test_an_error_action_may_be_a_topic(server: Server) -> None:
    url, sns = queue(server, "alarmed"), server.client("sns")
    topic = sns.create_topic(Name="alarming")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:alarmed")
    rule(
        server,
        "alarming",
        "SELECT n FROM 'alarming'",
        permitted=False,
        errorAction={"sns": {"targetArn": topic, "roleArn": ROLE}},
    )
    publish(server, "alarming", {"n": 1})
    heard = json.loads(json.loads(received(server, url))["Message"])
    assert heard["failures"] == [refused("alarming", 403)]


def test_where_iam_is_enforced_an_action_needs_its_role(start_server: Callable[..., Server]) -> None:
    server = start_server(enforce_iam="1")
    root = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "sandbox"}
    sqs, iam, iot = (server.client(name, **root) for name in ("sqs", "iam", "iot"))
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("readings", "failures")]
    trust = {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    for name in ("idle", "sender"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    allowed = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:*:{ACCOUNT}:failures",
    }
    iam.put_role_policy(
        RoleName="sender",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    actions = [
        {"sqs": {"queueUrl": url, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}"}}
        for url, name in zip(urls, ("idle", "sender"), strict=True)
    ]
    payload = {"sql": "SELECT n FROM 'a'", "actions": actions[:1], "errorAction": actions[1]}
    iot.create_topic_rule(ruleName="guarded", topicRulePayload=payload)
    server.client("iot-data", **root).publish(topic="a", qos=1, payload=b'{"n": 1}')
    (message,) = sqs.receive_message(QueueUrl=urls[1], WaitTimeSeconds=20)["Messages"]
    (failure,) = json.loads(message["Body"])["failures"]
    assert "allows sqs:SendMessage on" in failure["errorMessage"]
    assert "role/idle" in failure["errorMessage"]
    assert "Messages" not in sqs.receive_message(QueueUrl=urls[0])


ERROR_STACK = """
Resources:
  Rule:
    Type: AWS::IoT::TopicRule
    Properties:
      RuleName: stacked
      TopicRulePayload:
        Sql: "SELECT * FROM 'stacked'"
        Actions: [{Lambda: {FunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:gone"}}]
        ErrorAction: {Lambda: {FunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:of_stack"}}
"""


def test_a_stacks_rule_has_its_error_action(server: Server) -> None:
    error_function(server, "of_stack", "stacked")
    stacks = server.client("cloudformation")
    stacks.create_stack(StackName="errors", TemplateBody=ERROR_STACK)
    publish(server, "stacked", b"no JSON")
    (heard,) = until(lambda: events(server, "of_stack"))
    assert heard["failures"] == [refused("gone", 404)]
    assert base64.b64decode(heard["base64OriginalPayload"]) == b"no JSON"
    without = "\n".join(line for line in ERROR_STACK.splitlines() if "ErrorAction" not in line)
    stacks.update_stack(StackName="errors", TemplateBody=without)
    assert not server.client("iot").get_topic_rule(ruleName="stacked")["rule"].get("errorAction")
    stacks.delete_stack(StackName="errors")
    assert "stacked" not in [each["ruleName"] for each in server.client("iot").list_topic_rules()["rules"]]
