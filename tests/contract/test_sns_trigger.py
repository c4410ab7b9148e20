"""Topics that start functions, through boto3: the event, filter policies, permission, redrive policies, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.trigger_stage import ACCOUNT, Queue, Reporter, deliveries


@pytest.fixture(scope="module")
def reporter(server: Server) -> Reporter:
    made = Reporter(server, "on-news")
    made.permit("sns.amazonaws.com", f"arn:aws:sns:us-east-1:{ACCOUNT}:news-*", "topics")
    return made


def _topic(server: Server, name: str, endpoint: str, **attributes: str) -> str:
    sns = server.client("sns")
    arn: str = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=endpoint, Attributes=attributes)
    return arn


def _string(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _message(reporter: Reporter) -> str:
    text: str = reporter.body()["Records"][0]["Sns"]["Message"]
    return text


class TestEvent:
    def test_a_message_has_every_field(self, server: Server, reporter: Reporter) -> None:
        topic = _topic(server, "news-fields", reporter.function_arn)
        sent = server.client("sns").publish(
            TopicArn=topic,
            Message="hi",
            MessageAttributes={
                "kind": _string("a"),
                "raw": {"DataType": "Binary", "BinaryValue": b"\x01"},
                "number": {"DataType": "Number", "StringValue": "7"},
            },
        )
        (record,) = reporter.body()["Records"]
        assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
        assert record["EventSubscriptionArn"].startswith(f"{topic}:")
        message = record["Sns"]
        assert (message["Type"], message["MessageId"], message["TopicArn"]) == (
            "Notification",
            sent["MessageId"],
            topic,
        )
        assert (message["Subject"], message["Message"]) == (None, "hi")
        assert message["MessageAttributes"] == {
            "kind": {"Type": "String", "Value": "a"},
            "raw": {"Type": "Binary", "Value": "AQ=="},
            "number": {"Type": "Number", "Value": "7"},
        }

    def test_a_structured_message_has_its_part_for_lambda(self, server: Server, reporter: Reporter) -> None:
        topic = _topic(server, "news-structured", reporter.function_arn)
        parts = json.dumps({"default": "for all", "lambda": "for functions"})
        server.client("sns").publish(TopicArn=topic, Message=parts, MessageStructure="json")
        assert _message(reporter) == "for functions"

    def test_a_batch_is_an_event_a_message(self, server: Server, reporter: Reporter) -> None:
        topic = _topic(server, "news-batch", reporter.function_arn)
        entries = [{"Id": str(number), "Message": f"m{number}"} for number in range(3)]
        server.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        assert sorted(_message(reporter) for _ in entries) == ["m0", "m1", "m2"]


class TestFilters:
    @pytest.mark.parametrize(
        ("policy", "attributes"),
        [
            ({"kind": ["wanted"]}, {"kind": _string("wanted")}),
            ({"kind": [{"anything-but": ["other"]}]}, {"kind": _string("wanted")}),
            ({"price": [{"numeric": [">", 100]}]}, {"price": {"DataType": "Number", "StringValue": "101.5"}}),
            ({"sizes": ["m"]}, {"sizes": {"DataType": "String.Array", "StringValue": '["s", "m"]'}}),
            ({"from": [{"cidr": "10.0.0.0/24"}]}, {"from": _string("10.0.0.7")}),
            ({"$or": [{"a": ["1"]}, {"b": [{"suffix": "2"}]}]}, {"b": _string("x2")}),
            ({"kind": [{"exists": False}]}, {}),
        ],
        ids=str,
    )
    def test_attributes_decide(
        self,
        server: Server,
        reporter: Reporter,
        policy: dict[str, Any],
        attributes: dict[str, Any],
        request: pytest.FixtureRequest,
    ) -> None:
        name = f"news-attributes-{abs(hash(request.node.name))}"
        topic = _topic(server, name, reporter.function_arn, FilterPolicy=json.dumps(policy))
        kept_away = {"kind": _string("other")}
        server.client("sns").publish(TopicArn=topic, Message="other", MessageAttributes=kept_away)
        server.client("sns").publish(TopicArn=topic, Message="wanted", MessageAttributes=attributes)
        assert _message(reporter) == "wanted"

    def test_the_body_decides_where_the_scope_says_so(self, server: Server, reporter: Reporter) -> None:
        policy = json.dumps({"order": {"total": [{"numeric": [">=", 100]}]}})
        topic = _topic(
            server, "news-body", reporter.function_arn, FilterPolicy=policy, FilterPolicyScope="MessageBody"
        )
        for text in ("no JSON", '{"order": {"total": 99}}', '{"order": {"total": 100}}'):
            server.client("sns").publish(TopicArn=topic, Message=text)
        assert _message(reporter) == '{"order": {"total": 100}}'

    @pytest.mark.parametrize(
        ("policy", "sentence"),
        [
            ({"a": {"b": ["c"]}}, "does not support nested filter policy"),
            ({"a": [{"greater": 1}]}, "unrecognized match type greater"),
            ({name: ["v"] for name in "abcdef"}, "can not have more than 5 keys"),
            ({"a": ["v"] * 20, "b": ["v"] * 20}, "too complex"),
        ],
    )
    def test_a_policy_that_cannot_be_is_refused(
        self, server: Server, reporter: Reporter, policy: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(ClientError, match=sentence):
            _topic(server, "news-refused", reporter.function_arn, FilterPolicy=json.dumps(policy))

    def test_a_policy_that_is_no_json_is_refused(self, server: Server, reporter: Reporter) -> None:
        with pytest.raises(ClientError, match="FilterPolicy: failed to parse JSON") as refused:
            _topic(server, "news-unread", reporter.function_arn, FilterPolicy="{'a': ['b']}")
        assert refused.value.response["Error"]["Code"] == "InvalidParameter"


class TestFailures:
    def test_without_permission_the_message_goes_to_the_dead_letter_queue(
        self, server: Server, reporter: Reporter
    ) -> None:
        dead = Queue(server, "dead-news")
        redrive = json.dumps({"deadLetterTargetArn": dead.arn})
        topic = _topic(server, "forbidden", reporter.function_arn, RedrivePolicy=redrive)
        sent = server.client("sns").publish(TopicArn=topic, Message="lost", Subject="s")
        message = dead.message()
        body = json.loads(message["Body"])
        assert (body["Message"], body["Subject"], body["MessageId"]) == ("lost", "s", sent["MessageId"])
        assert dead.attributes(message)["ErrorCode"] == "403"
        assert any("NO_PERMISSIONS" in why and topic in why for why in deliveries(server))

    def test_a_deleted_function_is_a_dead_letter_too(self, server: Server) -> None:
        dead = Queue(server, "dead-news-2")
        gone = Reporter(server, "soon-gone")
        gone.permit("sns.amazonaws.com", f"arn:aws:sns:us-east-1:{ACCOUNT}:news-*", "topics")
        redrive = json.dumps({"deadLetterTargetArn": dead.arn})
        topic = _topic(server, "news-gone", gone.function_arn, RedrivePolicy=redrive)
        server.client("lambda").delete_function(FunctionName="soon-gone")
        server.client("sns").publish(TopicArn=topic, Message="too late")
        assert dead.body()["Message"] == "too late"

    def test_a_function_that_fails_is_lambdas_to_retry_and_no_dead_letter_of_the_topic(
        self, server: Server, reporter: Reporter
    ) -> None:
        dead, failed = Queue(server, "dead-news-3"), Queue(server, "failed-news")
        client = server.client("lambda")
        arn = server.deploy("always-fails", "def handler(event, context):\n    raise ValueError('no')\n")
        client.put_function_event_invoke_config(
            FunctionName="always-fails",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": failed.arn}},
        )
        client.add_permission(
            FunctionName="always-fails",
            StatementId="sns",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
        )
        redrive = json.dumps({"deadLetterTargetArn": dead.arn})
        topic = _topic(server, "news-fails", arn, RedrivePolicy=redrive)
        server.client("sns").publish(TopicArn=topic, Message="m")
        record = failed.body()
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestPayload"]["Records"][0]["Sns"]["Message"] == "m"
        counted = server.client("sqs").get_queue_attributes(
            QueueUrl=dead.url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert counted["Attributes"]["ApproximateNumberOfMessages"] == "0"


class TestRefusals:
    def test_raw_delivery_is_for_queues(self, server: Server, reporter: Reporter) -> None:
        with pytest.raises(ClientError, match="does not support raw message delivery"):
            _topic(server, "news-raw", reporter.function_arn, RawMessageDelivery="true")
        sns, queue = server.client("sns"), Queue(server, "raw")
        topic = sns.create_topic(Name="news-raw-queue")["TopicArn"]
        for raw in ("true", "false"):
            subscribed = sns.subscribe(
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=queue.arn,
                Attributes={"RawMessageDelivery": raw},
                ReturnSubscriptionArn=True,
            )
            sns.publish(TopicArn=topic, Message=raw)
            text = queue.message()["Body"]
            assert (text == raw) is (raw == "true")
            sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])

    def test_a_fifo_topic_takes_no_function(self, server: Server, reporter: Reporter) -> None:
        sns = server.client("sns")
        topic = sns.create_topic(Name="news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        with pytest.raises(ClientError, match="FIFO SQS"):
            sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=reporter.function_arn)

    @pytest.mark.parametrize("endpoint", ["on-news", "arn:aws:lambda:us-east-1"])
    def test_an_endpoint_that_is_no_function_is_refused(self, server: Server, endpoint: str) -> None:
        with pytest.raises(ClientError, match="Lambda endpoint ARN"):
            _topic(server, "news-endpoint", endpoint)

    @pytest.mark.parametrize("policy", ["{}", "nonsense", '{"deadLetterTargetArn": "arn:aws:sns:a:b:c"}'])
    def test_a_redrive_policy_names_a_queue(self, server: Server, reporter: Reporter, policy: str) -> None:
        with pytest.raises(ClientError, match="RedrivePolicy"):
            _topic(server, "news-redrive", reporter.function_arn, RedrivePolicy=policy)
