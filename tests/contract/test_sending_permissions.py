"""With ``--enforce-iam``, what services and Lambda send arrives where a policy or the execution role lets it."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.iam_stage import ACCOUNT, OTHER, allow, deploy, role, root, user
from tests.contract.iam_stage import guarded as guarded  # one server for the module
from tests.refusals import refused

FAILS = "def handler(event, context):\n    raise RuntimeError('no')\n"


class Queue:
    """A queue of the root user's."""

    def __init__(self, server: Server, name: str) -> None:
        self.sqs = root(server, "sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def let_in(self, service: str, source_arn: str) -> None:
        condition = {"ArnEquals": {"aws:SourceArn": source_arn}}
        self.set_policy(statement({"Service": service}, "sqs:SendMessage", self.arn, condition))

    def set_policy(self, document: str) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": document})

    def message(self, wait_s: int = 20) -> Any:
        """Return the body of the next message, ``None`` where none comes in time."""
        got = self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=wait_s).get("Messages", [])
        if not got:
            return None
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=got[0]["ReceiptHandle"])
        try:
            return json.loads(got[0]["Body"])
        except ValueError:
            return got[0]["Body"]


def statement(principal: Any, action: str, resource: str, condition: dict[str, Any] | None = None) -> str:
    made = {"Sid": "mine", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    if condition:
        made["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [made]})


def why(server: Server, resource: str) -> str:
    """Return why something was denied on ``resource``; waits for the denial."""
    for _ in range(200):
        with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history") as answer:
            denials = json.load(answer)["denials"]
        found = [str(each["why"]) for each in denials if each["resource"] == resource]
        if found:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError(f"nothing was denied on {resource}")


def test_a_topic_reaches_a_queue_only_through_the_queues_policy(guarded: Server) -> None:
    queue, sns = Queue(guarded, "subscribed"), root(guarded, "sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    sns.publish(TopicArn=topic, Message="lost")
    said = why(guarded, queue.arn)
    assert f"allows sqs:SendMessage on {queue.arn}, in a resource-based policy" in said
    queue.let_in("sns.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:other")
    sns.publish(TopicArn=topic, Message="lost too")
    assert f"aws:SourceArn wants arn:aws:sns:us-east-1:{ACCOUNT}:other" in why(guarded, queue.arn)
    queue.let_in("sns.amazonaws.com", topic)
    sns.publish(TopicArn=topic, Message="heard")
    assert queue.message()["Message"] == "heard"
    assert queue.message(0) is None


def test_what_a_queue_refuses_goes_to_the_subscriptions_dead_letter_queue_if_that_lets_sns_in(
    guarded: Server,
) -> None:
    queue, dead, sns = Queue(guarded, "closed"), Queue(guarded, "closed-dead"), root(guarded, "sns")
    topic = sns.create_topic(Name="redriven")["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription,
        AttributeName="RedrivePolicy",
        AttributeValue=json.dumps({"deadLetterTargetArn": dead.arn}),
    )
    sns.publish(TopicArn=topic, Message="lost")
    assert "allows sqs:SendMessage" in why(guarded, dead.arn)
    dead.let_in("sns.amazonaws.com", topic)
    sns.publish(TopicArn=topic, Message="kept")
    assert dead.message()["Message"] == "kept"
    assert queue.message(0) is None


def test_a_bucket_notifies_only_queues_and_topics_that_let_it(guarded: Server) -> None:
    s3, sns = root(guarded, "s3"), root(guarded, "sns")
    s3.create_bucket(Bucket="loud")
    queue = Queue(guarded, "heard")
    topic = sns.create_topic(Name="heard")["TopicArn"]
    configure = s3.put_bucket_notification_configuration
    to_queue = {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"]}
    to_topic = {"TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}
    both = {
        "Bucket": "loud",
        "NotificationConfiguration": {
            "QueueConfigurations": [to_queue],
            "TopicConfigurations": [to_topic],
        },
    }
    invalid = ("InvalidArgument", 400, "Unable to validate the following destination configurations")
    assert refused(configure, **both) == invalid
    queue.let_in("s3.amazonaws.com", "arn:aws:s3:::loud")
    # AWS: a topic's own default policy is not enough for S3.
    assert refused(configure, **both) == invalid
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=statement({"Service": "s3.amazonaws.com"}, "SNS:Publish", topic, condition),
    )
    configure(**both)
    assert queue.message()["Event"] == "s3:TestEvent"
    s3.put_object(Bucket="loud", Key="k", Body=b"")
    assert queue.message()["Records"][0]["s3"]["object"]["key"] == "k"
    queue.set_policy(statement({"AWS": ACCOUNT}, "sqs:*", queue.arn))
    s3.put_object(Bucket="loud", Key="unheard", Body=b"")
    assert "allows it, but to another principal" in why(guarded, queue.arn)
    assert queue.message(0) is None


def test_a_rule_needs_its_queues_policy_and_so_does_its_dead_letter_queue(guarded: Server) -> None:
    queue, dead, events = Queue(guarded, "ruled"), Queue(guarded, "ruled-dead"), root(guarded, "events")
    rule = events.put_rule(Name="all", EventPattern='{"source": ["mine"]}')["RuleArn"]
    target = {"Id": "queue", "Arn": queue.arn, "DeadLetterConfig": {"Arn": dead.arn}}
    events.put_targets(Rule="all", Targets=[target])
    entry = {"Source": "mine", "DetailType": "told", "Detail": '{"n": 1}'}
    dead.let_in("events.amazonaws.com", rule)
    events.put_events(Entries=[entry])
    assert dead.message()["detail"] == {"n": 1}
    assert "allows sqs:SendMessage" in why(guarded, queue.arn)
    queue.let_in("events.amazonaws.com", rule)
    events.put_events(Entries=[entry])
    assert queue.message()["detail"] == {"n": 1}


def test_an_alarm_publishes_as_a_topics_default_policy_lets_it_and_no_further(guarded: Server) -> None:
    queue, sns, cloudwatch = Queue(guarded, "alarmed"), root(guarded, "sns"), root(guarded, "cloudwatch")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue.let_in("sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    cloudwatch.put_metric_alarm(
        AlarmName="mine",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    cloudwatch.set_alarm_state(AlarmName="mine", StateValue="ALARM", StateReason="a test")
    assert json.loads(queue.message()["Message"])["AlarmName"] == "mine"
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=statement({"Service": "s3.amazonaws.com"}, "sns:Publish", topic),
    )
    cloudwatch.set_alarm_state(AlarmName="mine", StateValue="OK", StateReason="a test")
    cloudwatch.set_alarm_state(AlarmName="mine", StateValue="ALARM", StateReason="again")
    assert "allows sns:Publish" in why(guarded, topic)


@pytest.mark.parametrize(
    ("service", "told"),
    [
        ("sqs", "SendMessage on SQS"),
        ("sns", "Publish on SNS"),
    ],
)
def test_a_dead_letter_target_needs_a_role_that_may_send_there(
    guarded: Server, service: str, told: str
) -> None:
    arn = f"arn:aws:{service}:us-east-1:{ACCOUNT}:lost-{service}"
    name = f"letters-{service}"
    deploy(guarded, name, Role=role(guarded, name))
    update = root(guarded, "lambda").update_function_configuration
    given: dict[str, Any] = {"FunctionName": name, "DeadLetterConfig": {"TargetArn": arn}}
    assert refused(update, **given) == (
        "InvalidParameterValueException",
        400,
        f"The provided execution role does not have permissions to call {told}",
    )
    action = "sqs:SendMessage" if service == "sqs" else "sns:Publish"
    assert update(Role=role(guarded, f"{name}-may", allow(action, arn)), **given)["DeadLetterConfig"]


def test_a_destination_needs_a_role_that_may_send_there(guarded: Server) -> None:
    queue = Queue(guarded, "results")
    deploy(guarded, "telling", Role=role(guarded, "telling"))
    put = root(guarded, "lambda").put_function_event_invoke_config
    given = {"FunctionName": "telling", "DestinationConfig": {"OnSuccess": {"Destination": queue.arn}}}
    assert refused(put, **given) == (
        "InvalidParameterValueException",
        400,
        f"The function's execution role does not have permissions to call SendMessage on {queue.arn}",
    )
    # The queue's own policy may allow it as well: that is the account's own role.
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/telling"
    queue.set_policy(statement({"AWS": role_arn}, "sqs:SendMessage", queue.arn))
    assert put(**given)["DestinationConfig"]["OnSuccess"]["Destination"] == queue.arn


def test_the_on_failure_destination_of_a_mapping_needs_a_role_that_may_send_there(guarded: Server) -> None:
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/read"
    root(guarded, "kinesis").create_stream(StreamName="read", ShardCount=1)
    deploy(guarded, "reading", Role=role(guarded, "reading", allow("kinesis:*")))
    create = root(guarded, "lambda").create_event_source_mapping
    dead = f"arn:aws:sqs:us-east-1:{ACCOUNT}:unread"
    given = {
        "FunctionName": "reading",
        "EventSourceArn": stream,
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": dead}},
    }
    assert refused(create, **given)[::2] == (
        "InvalidParameterValueException",
        "The function execution role does not have permissions to call SendMessage on SQS",
    )


def test_a_record_is_not_sent_once_the_role_has_lost_its_permission(guarded: Server) -> None:
    queue, iam, client = Queue(guarded, "kept"), root(guarded, "iam"), root(guarded, "lambda")
    role_arn = role(guarded, "forgetful", allow("sqs:SendMessage", queue.arn))
    deploy(guarded, "forgetful", FAILS, Role=role_arn, DeadLetterConfig={"TargetArn": queue.arn})
    client.put_function_event_invoke_config(FunctionName="forgetful", MaximumRetryAttempts=0)
    client.invoke(FunctionName="forgetful", InvocationType="Event", Payload=b'{"n": 1}')
    assert queue.message() == {"n": 1}
    iam.delete_role_policy(RoleName="forgetful", PolicyName="inline")
    client.invoke(FunctionName="forgetful", InvocationType="Event", Payload=b'{"n": 2}')
    said = why(guarded, queue.arn)
    assert f"allows sqs:SendMessage on {queue.arn}, in an identity-based policy of {role_arn}" in said
    assert queue.message(0) is None


def test_a_topics_policy_lets_another_account_publish(guarded: Server) -> None:
    queue, sns = Queue(guarded, "abroad"), root(guarded, "sns")
    topic = sns.create_topic(Name="abroad")["TopicArn"]
    queue.let_in("sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    theirs = guarded.client("sns", **user(guarded, "abroad", allow("sns:*"), account=OTHER))
    message = refused(theirs.publish, TopicArn=topic, Message="x")[2]
    assert message.endswith("because no resource-based policy allows the sns:Publish action")
    document = statement({"AWS": OTHER}, "sns:Publish", topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    theirs.publish(TopicArn=topic, Message="heard")
    assert queue.message()["Message"] == "heard"


def test_who_may_send_one_message_may_send_many(guarded: Server) -> None:
    queue = Queue(guarded, "batched")
    sqs = guarded.client("sqs", **user(guarded, "sender", allow("sqs:SendMessage", queue.arn)))
    entries = [{"Id": "a", "MessageBody": "hello"}]
    assert sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)["Successful"]
    assert refused(sqs.delete_message_batch, QueueUrl=queue.url, Entries=[{"Id": "a", "ReceiptHandle": "h"}])


def test_a_user_without_policies_may_do_what_a_queue_allows_and_no_more(guarded: Server) -> None:
    queue = Queue(guarded, "named")
    sqs = guarded.client("sqs", **user(guarded, "guest"))
    guest = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/guest"}
    queue.set_policy(statement(guest, "sqs:SendMessage", queue.arn))
    sqs.send_message(QueueUrl=queue.url, MessageBody="hello")
    assert refused(sqs.receive_message, QueueUrl=queue.url)[0] in ("AccessDenied", "AccessDeniedException")


def test_a_topics_default_policy_is_no_permission_for_users(guarded: Server) -> None:
    topic = root(guarded, "sns").create_topic(Name="private")["TopicArn"]
    sns = guarded.client("sns", **user(guarded, "curious"))
    assert refused(sns.publish, TopicArn=topic, Message="x")[1] == 403
    allowed = guarded.client("sns", **user(guarded, "writer", allow("sns:Publish", topic)))
    batch = [{"Id": "a", "Message": "x"}]
    assert allowed.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)["Successful"]


def test_without_enforcement_queues_take_what_any_service_sends(server: Server) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    url = sqs.create_queue(QueueName="trusting")["QueueUrl"]
    topic = sns.create_topic(Name="trusted")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:trusting")
    sns.publish(TopicArn=topic, Message="heard")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
