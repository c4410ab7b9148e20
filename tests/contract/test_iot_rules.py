"""AWS IoT topic rules that start functions: whose messages they take, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.iot_stage import (
    ACCOUNT,
    ROLE,
    TOPIC,
    events,
    notes,
    permit,
    publish,
    refusal,
    rule,
    until,
)


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
