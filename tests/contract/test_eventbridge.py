"""Rules on buses, through boto3: patterns, inputs, other targets, permission, retries' dead letters, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.trigger_stage import ACCOUNT, Queue, Reporter, deliveries

ORDER = {
    "Source": "shop",
    "DetailType": "OrderPlaced",
    "Resources": ["arn:aws:shop:::order/7"],
    "Detail": json.dumps({"id": 7, "name": 'the "best" pear', "lines": [{"sku": "a"}, {"sku": "b"}]}),
}


@pytest.fixture(scope="module")
def reporter(server: Server) -> Reporter:
    made = Reporter(server, "on-events")
    made.permit("events.amazonaws.com", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/*", "rules")
    return made


def _rule(server: Server, name: str, target: dict[str, Any], pattern: Any = None, **options: Any) -> str:
    events = server.client("events")
    text = json.dumps(pattern or {"source": [name]})
    arn: str = events.put_rule(Name=name, EventPattern=text, **options)["RuleArn"]
    bus = {key: value for key, value in options.items() if key == "EventBusName"}
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}], **bus)
    return arn


def _put(server: Server, **members: Any) -> str:
    answer = server.client("events").put_events(Entries=[{**ORDER, **members}])
    assert answer["FailedEntryCount"] == 0, answer
    event_id: str = answer["Entries"][0]["EventId"]
    return event_id


class TestEvents:
    def test_a_function_gets_the_whole_event(self, server: Server, reporter: Reporter) -> None:
        _rule(server, "whole", {"Arn": reporter.function_arn})
        event_id = _put(server, Source="whole")
        event = reporter.body()
        time = event.pop("time")
        assert time.endswith("Z")
        assert event == {
            "version": "0",
            "id": event_id,
            "detail-type": "OrderPlaced",
            "source": "whole",
            "account": ACCOUNT,
            "region": "us-east-1",
            "resources": ["arn:aws:shop:::order/7"],
            "detail": json.loads(str(ORDER["Detail"])),
        }

    @pytest.mark.parametrize(
        "alternative",
        [
            {"anything-but": {"prefix": "no"}},
            {"wildcard": "y*s"},
            {"equals-ignore-case": "YES"},
            {"suffix": {"equals-ignore-case": "ES"}},
        ],
        ids=str,
    )
    def test_the_whole_pattern_language_decides(
        self, server: Server, reporter: Reporter, alternative: dict[str, Any]
    ) -> None:
        _rule(
            server,
            "language",
            {"Arn": reporter.function_arn},
            {"source": ["language"], "detail": {"answer": [alternative]}},
        )
        for answer in ("no", "yes"):
            _put(server, Source="language", Detail=json.dumps({"answer": answer}))
        assert reporter.body()["detail"] == {"answer": "yes"}

    def test_numbers_networks_and_alternatives_match_together(
        self, server: Server, reporter: Reporter
    ) -> None:
        pattern = {
            "source": ["together"],
            "detail": {
                "$or": [{"n": [{"numeric": [">", 5, "<=", 7]}]}, {"ip": [{"cidr": "10.0.0.0/8"}]}],
                "gone": [{"exists": False}],
            },
        }
        _rule(server, "together", {"Arn": reporter.function_arn}, pattern)
        for detail in ({"n": 8}, {"n": 7, "gone": 1}, {"ip": "11.0.0.1"}, {"ip": "10.9.9.9"}):
            _put(server, Source="together", Detail=json.dumps(detail))
        assert reporter.body()["detail"] == {"ip": "10.9.9.9"}

    def test_a_disabled_rule_sends_nothing_until_it_is_enabled(
        self, server: Server, reporter: Reporter
    ) -> None:
        _rule(server, "switched", {"Arn": reporter.function_arn}, State="DISABLED")
        _put(server, Source="switched", DetailType="unheard")
        server.client("events").enable_rule(Name="switched")
        _put(server, Source="switched", DetailType="heard")
        assert reporter.body()["detail-type"] == "heard"

    def test_test_event_pattern_says_whether_an_event_would_match(self, server: Server) -> None:
        events = server.client("events")
        event = {"id": "1", "source": "shop", "detail-type": "d", "detail": {"n": 3}}
        for limit, expected in ((2, True), (3, False)):
            pattern = {"detail": {"n": [{"numeric": [">", limit]}]}}
            answer = events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
            assert answer["Result"] is expected


class TestInputs:
    def test_a_path_takes_a_part(self, server: Server, reporter: Reporter) -> None:
        _rule(server, "part", {"Arn": reporter.function_arn, "InputPath": "$.detail.lines[1]"})
        _put(server, Source="part")
        assert reporter.body() == {"sku": "b"}

    def test_a_constant_replaces_the_event(self, server: Server, reporter: Reporter) -> None:
        _rule(server, "constant", {"Arn": reporter.function_arn, "Input": '{"fixed": true}'})
        _put(server, Source="constant")
        assert reporter.body() == {"fixed": True}

    def test_a_template_is_filled(self, server: Server, reporter: Reporter) -> None:
        template = (
            '{"order": <id>, "text": "<name> is order <id>", "lines": <skus>, "rule": "<aws.events.rule-name>", '
            '"whole": <aws.events.event.json>}'
        )
        paths = {"id": "$.detail.id", "name": "$.detail.name", "skus": "$.detail.lines[*].sku"}
        transformer = {"InputTemplate": template, "InputPathsMap": paths}
        _rule(server, "filled", {"Arn": reporter.function_arn, "InputTransformer": transformer})
        _put(server, Source="filled")
        got = reporter.body()
        assert got["whole"]["source"] == "filled"
        assert {**got, "whole": None} == {
            "order": 7,
            "text": 'the "best" pear is order 7',
            "lines": ["a", "b"],
            "rule": "filled",
            "whole": None,
        }


class TestBusesAndOtherTargets:
    def test_a_bus_of_ones_own_has_rules_of_its_own(self, server: Server, reporter: Reporter) -> None:
        server.client("events").create_event_bus(Name="orders")
        arn = _rule(server, "mine", {"Arn": reporter.function_arn}, EventBusName="orders")
        assert arn.endswith(":rule/orders/mine")
        _put(server, Source="mine", DetailType="on the default bus")
        _put(server, Source="mine", DetailType="on mine", EventBusName="orders")
        assert reporter.body()["detail-type"] == "on mine"

    def test_an_event_goes_from_bus_to_bus_unchanged_but_not_to_a_third(
        self, server: Server, reporter: Reporter
    ) -> None:
        for bus in ("second", "third"):
            server.client("events").create_event_bus(Name=bus)
        buses = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus"
        _rule(server, "hop", {"Arn": f"{buses}/second"})
        _rule(server, "hop-2", {"Arn": f"{buses}/third"}, {"source": ["hop"]}, EventBusName="second")
        reached = {"Arn": reporter.function_arn, "Input": '"second"'}
        _rule(server, "on-second", reached, {"source": ["hop"]}, EventBusName="second")
        never = {"Arn": reporter.function_arn, "Input": '"third"'}
        _rule(server, "on-third", never, {"source": ["hop"]}, EventBusName="third")
        _put(server, Source="hop")
        assert reporter.body() == "second"
        _rule(server, "after", {"Arn": reporter.function_arn, "Input": '"after"'})
        _put(server, Source="after")
        assert reporter.body() == "after"

    def test_queues_topics_log_groups_and_streams_get_the_input_as_well(
        self, server: Server, reporter: Reporter
    ) -> None:
        queue, behind_topic = Queue(server, "orders-queue"), Queue(server, "orders-topic")
        sns, logs, kinesis = server.client("sns"), server.client("logs"), server.client("kinesis")
        topic = sns.create_topic(Name="orders")["TopicArn"]
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=behind_topic.arn, Attributes={"RawMessageDelivery": "true"}
        )  # fmt: skip
        logs.create_log_group(logGroupName="/aws/events/orders")
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        part = {"InputPath": "$.detail.id"}
        events = server.client("events")
        events.put_rule(Name="several", EventPattern='{"source": ["several"]}')
        group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/orders"
        stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders"
        targets = [
            {"Id": str(number), "Arn": arn, **part}
            for number, arn in enumerate([queue.arn, topic, group, stream])
        ]
        events.put_targets(Rule="several", Targets=targets)
        _put(server, Source="several")
        assert queue.body() == 7
        assert behind_topic.body() == 7
        (logged,) = logs.filter_log_events(logGroupName="/aws/events/orders")["events"]
        assert logged["message"] == "7"
        shard = kinesis.list_shards(StreamName="orders")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        assert [record["Data"] for record in records] == [b"7"]


class TestFailures:
    def _dead(self, server: Server, name: str, arn: str, **target: Any) -> dict[str, Any]:
        dead = Queue(server, f"dead-{name}")
        rule_arn = _rule(server, name, {"Arn": arn, "DeadLetterConfig": {"Arn": dead.arn}, **target})
        _put(server, Source=name)
        message = dead.message()
        attributes = dead.attributes(message)
        assert attributes["RULE_ARN"] == rule_arn
        assert attributes["TARGET_ARN"] == arn
        return {"event": json.loads(message["Body"]), **attributes}

    def test_without_permission_the_event_is_a_dead_letter_at_once(self, server: Server) -> None:
        arn = server.deploy("forbidden", "def handler(event, context): pass\n")
        dead = self._dead(server, "forbidden", arn)
        assert (dead["ERROR_CODE"], dead["RETRY_ATTEMPTS"]) == ("NO_PERMISSIONS", "0")
        assert dead["event"]["source"] == "forbidden"
        assert any("NO_PERMISSIONS" in why and arn in why for why in deliveries(server))

    def test_a_permission_for_another_rule_does_not_help(self, server: Server) -> None:
        other = Reporter(server, "for-another-rule")
        other.permit("events.amazonaws.com", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/another", "one")
        dead = self._dead(server, "this-rule", other.function_arn)
        assert "aws:SourceArn" in dead["ERROR_MESSAGE"] or "AWS:SourceArn" in dead["ERROR_MESSAGE"]

    def test_a_target_that_is_gone_is_a_dead_letter_with_the_original_event(self, server: Server) -> None:
        gone = Reporter(server, "gone-target")
        gone.permit("events.amazonaws.com", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/*", "rules")
        server.client("lambda").delete_function(FunctionName="gone-target")
        dead = self._dead(server, "gone", gone.function_arn, Input='"not this"')
        assert dead["event"]["detail-type"] == "OrderPlaced"

    def test_a_queue_that_is_gone_is_a_dead_letter(self, server: Server) -> None:
        dead = self._dead(server, "gone-queue", f"arn:aws:sqs:us-east-1:{ACCOUNT}:never-was")
        assert dead["ERROR_CODE"] == "NO_RESOURCE"

    def test_an_input_that_is_not_json_is_a_dead_letter(self, server: Server, reporter: Reporter) -> None:
        transformer = {"InputTemplate": "<name> without quotes", "InputPathsMap": {"name": "$.detail.id"}}
        dead = self._dead(server, "not-json", reporter.function_arn, InputTransformer=transformer)
        assert dead["ERROR_CODE"] == "INVALID_JSON"

    def test_a_function_that_fails_is_tried_again_by_lambda_not_by_eventbridge(self, server: Server) -> None:
        failed = Queue(server, "failed-events")
        arn = server.deploy("fails-on-events", "def handler(event, context):\n    raise ValueError('no')\n")
        client = server.client("lambda")
        client.put_function_event_invoke_config(
            FunctionName="fails-on-events",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": failed.arn}},
        )
        client.add_permission(
            FunctionName="fails-on-events",
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )
        _rule(server, "fails", {"Arn": arn})
        _put(server, Source="fails")
        assert failed.body()["requestPayload"]["source"] == "fails"


class TestRefusals:
    @pytest.mark.parametrize(
        ("pattern", "sentence"),
        [
            ('{"source": []}', "mpty arrays"),
            ('{"source": "shop"}', "must be an object or an array"),
            ('{"detail": {"n": [{"numeric": ["<>", 1]}]}}', "numeric"),
            ("nonsense", "not JSON"),
        ],
    )
    def test_a_pattern_that_is_none(self, server: Server, pattern: str, sentence: str) -> None:
        with pytest.raises(ClientError, match=sentence) as refused:
            server.client("events").put_rule(Name="bad", EventPattern=pattern)
        assert refused.value.response["Error"]["Code"] == "InvalidEventPatternException"

    @pytest.mark.parametrize(
        ("target", "sentence"),
        [
            ({"Input": "{}", "InputPath": "$.detail"}, "Only one of"),
            ({"Input": "nonsense"}, "JSON syntax error"),
            ({"InputPath": "detail"}, "InputPath"),
            ({"InputTransformer": {"InputTemplate": '"<x>"'}}, "placeholder <x>"),
            (
                {"RetryPolicy": {"MaximumRetryAttempts": 186, "MaximumEventAgeInSeconds": 60}},
                "MaximumRetryAttempts",
            ),
            ({"DeadLetterConfig": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}}, "is no queue"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_a_target_that_cannot_be(
        self, server: Server, reporter: Reporter, target: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(ClientError, match=sentence):
            _rule(server, "refused", {"Arn": reporter.function_arn, **target})

    def test_a_rule_has_five_targets_at_most(self, server: Server, reporter: Reporter) -> None:
        _rule(server, "crowded", {"Arn": reporter.function_arn})
        more = [{"Id": str(number), "Arn": reporter.function_arn} for number in range(2, 7)]
        with pytest.raises(ClientError, match="LimitExceeded"):
            server.client("events").put_targets(Rule="crowded", Targets=more)

    def test_nobody_speaks_for_aws(self, server: Server) -> None:
        answer = server.client("events").put_events(Entries=[ORDER, {**ORDER, "Source": "aws.s3"}])
        assert answer["FailedEntryCount"] == 1
        assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
            None,
            "NotAuthorizedForSourceException",
        ]
