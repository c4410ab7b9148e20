"""AWS IoT topic rules that start functions, by boto3 and, where a broker is installed, by a real MQTT client."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/things"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:news"
PRINTS = "import json\ndef handler(event, context):\n    print('GOT ' + json.dumps(event))\n"
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


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


def test_a_message_starts_the_function_with_what_the_rule_selects(server: Server) -> None:
    rule(
        server,
        "fridges",
        "SELECT temperature AS degrees, sensor.id, topic(2) AS shop, timestamp() AS at "
        "FROM 'shops/+/fridge' WHERE temperature > 8",
    )
    publish(server, "shops/berlin/fridge", {"temperature": 4, "sensor": {"id": "a"}})
    publish(server, "shops/berlin/door", {"temperature": 40, "sensor": {"id": "b"}})
    publish(server, "shops/lyon/fridge", {"temperature": 11.5, "sensor": {"id": "c"}})
    (event,) = until(lambda: events(server, "fridges"))
    at = event.pop("at")
    assert event == {"degrees": 11.5, "id": "c", "shop": "lyon"}
    assert abs(at / 1000 - time.time()) < 60


def test_every_rule_that_takes_a_topic_runs(server: Server) -> None:
    rule(server, "all_of_it", "SELECT * FROM 'depot/#'")
    rule(server, "one_level", "SELECT *, topic() AS topic FROM 'depot/+/weight'")
    publish(server, "depot/7/weight", {"kg": 3})
    assert until(lambda: events(server, "all_of_it")) == [{"kg": 3}]
    assert until(lambda: events(server, "one_level")) == [{"kg": 3, "topic": "depot/7/weight"}]


def test_basic_ingest_starts_the_one_rule_it_names(server: Server) -> None:
    rule(server, "ingest", "SELECT n, topic() AS topic FROM 'nobody/publishes/here'")
    publish(server, "$aws/rules/ingest/meters/9", {"n": 1})
    assert until(lambda: events(server, "ingest")) == [{"n": 1, "topic": "meters/9"}]


def test_a_payload_that_is_no_json_comes_as_base64(server: Server) -> None:
    rule(server, "raw", "SELECT encode(*, 'base64') AS data, clientid() AS client FROM 'raw'")
    publish(server, "raw", b"\x00\xff")
    assert until(lambda: events(server, "raw")) == [{"data": "AP8=", "client": "n/a"}]


def test_a_disabled_rule_rests_and_an_enabled_one_runs(server: Server) -> None:
    rule(server, "sleeper", "SELECT n FROM 'sleep'", ruleDisabled=True)
    publish(server, "sleep", {"n": 1})
    server.client("iot").enable_topic_rule(ruleName="sleeper")
    publish(server, "sleep", {"n": 2})
    assert until(lambda: events(server, "sleeper")) == [{"n": 2}]


def test_a_replaced_rule_takes_other_messages(server: Server) -> None:
    name = rule(server, "changing", "SELECT 1 AS version FROM 'change'")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    server.client("iot").replace_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": "SELECT 2 AS version FROM 'change'",
            "actions": [{"lambda": {"functionArn": arn}}],
        },
    )
    publish(server, "change", {})
    assert until(lambda: events(server, name)) == [{"version": 2}]


def test_a_function_that_does_not_let_iot_in_is_not_started(server: Server) -> None:
    name = rule(server, "locked", "SELECT n FROM 'locked'", permitted=False)
    publish(server, "locked", {"n": 1})
    (why,) = until(lambda: [note for note in notes(server) if "rule/locked" in note])
    assert "iot.amazonaws.com" in why
    permit(server, name)
    publish(server, "locked", {"n": 2})
    assert until(lambda: events(server, name)) == [{"n": 2}]


# --- the error action ------------------------------------------------------------------------------------


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def to_function(name: str) -> dict[str, Any]:
    return {"lambda": {"functionArn": function_arn(name)}}


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
    assert events(server, "healthy") == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert events(server, "unneeded") == []


def test_an_error_action_that_fails_itself_is_seen_in_history(server: Server) -> None:
    rule(server, "twice", "SELECT n FROM 'twice'", permitted=False, errorAction=to_function("nobody"))
    publish(server, "twice", {"n": 1})
    until(lambda: any("rule/twice" in why and "nobody failed" in why for why in notes(server)))


# --- queues and topics -----------------------------------------------------------------------------------


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


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT aws_lambda('arn', {}) FROM 'a'", "no function aws_lambda"),
        ("SELECT machinelearning_predict('m', 'r', {}) FROM 'a'", "no function machinelearning_predict"),
        ("SELECT CASE a WHEN 1 THEN 2 END FROM 'a'", "no CASE"),
        ("SELECT (SELECT VALUE b FROM c) AS d FROM 'a'", "no nested SELECT"),
        ("SET @x = 1 SELECT @x FROM 'a'", "no SET"),
        ("SELECT * FROM 'a/#/b'", "# may only be the last level"),
        ("SELECT * FROM 'a+'", "mixes a wildcard"),
        ("SELECT * FROM a", "single quotes"),
        ("SELECT * WHERE a = 1", "FROM was expected"),
        ("SELECT a = FROM 'a'", "is not a name"),
        ("SELECT a FROM 'a' ORDER BY a", "ORDER was not expected"),
        ("DELETE FROM 'a'", "SELECT was expected"),
        ("", "SELECT was expected"),
    ],
)
def test_sql_that_the_sandbox_does_not_have_is_refused_by_name(server: Server, sql: str, why: str) -> None:
    code, message = refusal(server, sql)
    assert code == "SqlParseException"
    assert why in message


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (
            {"s3": {"bucketName": "b", "key": "k", "roleArn": ROLE}},
            "have the actions lambda, sqs, sns, not s3",
        ),
        ({"republish": {"topic": "t", "roleArn": ROLE}}, "not republish"),
        ({"sqs": {"queueUrl": "mine", "roleArn": ROLE}}, "the URL of a queue, not mine"),
        ({"sqs": {"queueUrl": f"http://h/{ACCOUNT}/a.fifo", "roleArn": ROLE}}, "no FIFO queue"),
        ({"sqs": {"queueUrl": f"http://h/{ACCOUNT}/a", "roleArn": "me"}}, "the ARN of a role, not me"),
        ({"sns": {"targetArn": "news", "roleArn": ROLE}}, "the ARN of a topic, not news"),
        (
            {"sns": {"targetArn": TOPIC, "roleArn": ROLE, "messageFormat": "JSON"}},
            "the messageFormat RAW only",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_an_action_that_is_not_carried_out_is_refused(
    server: Server, action: dict[str, Any], why: str
) -> None:
    for settings in ({"actions": [action]}, {"errorAction": action}):
        code, message = refusal(server, "SELECT * FROM 'a'", **settings)
        assert code == "InvalidRequestException"
        assert why in message


def test_other_sql_versions_and_names_of_functions_are_refused(server: Server) -> None:
    assert "not 2015-10-08" in refusal(server, "SELECT * FROM 'a'", awsIotSqlVersion="2015-10-08")[1]
    by_name = {"lambda": {"functionArn": "only-its-name"}}
    assert (
        "the ARN of a function, not only-its-name"
        in refusal(server, "SELECT * FROM 'a'", errorAction=by_name)[1]
    )


def test_a_message_goes_to_one_topic_of_bounded_depth(server: Server) -> None:
    for topic in ("a/+/b", "a/#", "/".join("abcdefghi")):
        with pytest.raises(ClientError, match="InvalidRequestException"):
            publish(server, topic, {})


# --- a real broker ---------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The address of a mosquitto of the test's own."""
    assert MOSQUITTO is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert process.poll() is None, "mosquitto did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    until(answers)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
def test_devices_at_a_real_broker_start_rules_and_hear_what_programs_publish(
    start_server: Callable[..., Server], broker: str
) -> None:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    server = start_server(mqtt_broker=broker)
    rule(server, "devices", "SELECT n, topic() AS topic FROM 'devices/#'")
    heard: list[tuple[str, bytes]] = []
    subscribed: list[bool] = []
    device = Client(CallbackAPIVersion.VERSION2)
    device.on_message = lambda client, data, message: heard.append((message.topic, bytes(message.payload)))
    device.on_subscribe = lambda *_: subscribed.append(True)
    host, _, port = broker.partition(":")
    device.connect(host, int(port))
    device.subscribe("commands/#", qos=1)
    device.loop_start()
    until(lambda: subscribed)
    publish(server, "commands/open", {"door": 7})  # the sandbox listens once this has arrived
    assert until(lambda: heard) == [("commands/open", b'{"door": 7}')]
    device.publish("devices/9", b'{"n": 5}', qos=1).wait_for_publish(10)
    assert until(lambda: events(server, "devices")) == [{"n": 5, "topic": "devices/9"}]
    device.loop_stop()
    device.disconnect()


@pytest.mark.parametrize(
    ("address", "why"),
    [("10.0.0.1:1883", "has to run on this machine"), ("localhost", "named by HOST:PORT")],
)
def test_a_broker_that_cannot_be_used_is_refused_at_the_start(address: str, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        Server(mqtt_broker=address)


def test_a_broker_that_does_not_answer_is_named_when_something_is_published(
    start_server: Callable[..., Server],
) -> None:
    with socket.socket() as nobody:  # bound, but it does not listen
        nobody.bind(("127.0.0.1", 0))
        server = start_server(mqtt_broker=f"127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ClientError, match="does not answer: start it"):
            publish(server, "a", {})
