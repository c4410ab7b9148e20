"""Records of asynchronous events, delivered to moto's queues, topics, buses and buckets and to other functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import boto3
import pytest

from lambda_sandbox.notebook import InProcessSandbox, connect, disconnect
from lambda_sandbox.packaging import package

ACCOUNT = "us-east-1:000000000000"
ARN = f"arn:aws:lambda:{ACCOUNT}:function:work"
ECHO = "def handler(event, context):\n    return {'got': event}\n"
FAIL = "def handler(event, context):\n    raise ValueError('no ' + event['what'])\n"


@pytest.fixture
def sandbox() -> Iterator[InProcessSandbox]:
    connected = connect(driver="in_process", quiet=True)
    assert isinstance(connected, InProcessSandbox)
    yield connected
    disconnect()


def create(source: str, name: str = "work", **settings: Any) -> None:
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/lab",
        Handler="app.handler",
        Code={"ZipFile": package(dedent(source))},
        **({"Timeout": 30} | settings),  # three seconds can pass on a busy machine
    )


def configure(on_success: str = "", on_failure: str = "", **settings: Any) -> None:
    boto3.client("lambda").put_function_event_invoke_config(
        FunctionName="work",
        DestinationConfig={
            "OnSuccess": {"Destination": on_success} if on_success else {},
            "OnFailure": {"Destination": on_failure} if on_failure else {},
        },
        **({"MaximumRetryAttempts": 0} | settings),
    )


def send(event: Any) -> str:
    """Invoke asynchronously and return the request id."""
    answer = boto3.client("lambda").invoke(
        FunctionName="work", InvocationType="Event", Payload=json.dumps(event)
    )
    identity: str = answer["ResponseMetadata"]["RequestId"]
    return identity


def queue(name: str = "results") -> tuple[str, str]:
    """Make a queue and return its URL and ARN."""
    return boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{ACCOUNT}:{name}"


def received(url: str) -> list[dict[str, Any]]:
    answer = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def test_record_of_success_has_the_request_and_the_response(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    url, arn = queue()
    configure(on_success=arn)
    identity = send({"n": 1})
    sandbox.run_until_idle()
    [message] = received(url)
    record = json.loads(message["Body"])
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": identity,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"n": 1}},
    }


def test_failure_is_told_once_all_retries_are_used_up(sandbox: InProcessSandbox) -> None:
    create(FAIL)
    url, arn = queue()
    configure(on_failure=arn, MaximumRetryAttempts=1)
    send({"what": "luck"})
    sandbox.run_until_idle()
    assert received(url) == []
    sandbox.advance(60)
    [message] = received(url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no luck"


def test_success_is_not_told_to_the_destination_of_failures(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    url, arn = queue()
    configure(on_failure=arn)
    send({})
    sandbox.run_until_idle()
    assert received(url) == []


def test_event_that_grew_too_old_is_told_as_such(sandbox: InProcessSandbox) -> None:
    create(FAIL)
    url, arn = queue()
    configure(on_failure=arn, MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60)
    send({"what": "luck"})
    sandbox.advance(300)
    [message] = received(url)
    context = json.loads(message["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 1)


def test_event_for_a_function_that_may_not_run_goes_to_its_destination_at_once(
    sandbox: InProcessSandbox,
) -> None:
    create(ECHO)
    url, arn = queue()
    configure(on_failure=arn)
    boto3.client("lambda").put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=0)
    send({"n": 1})
    sandbox.run_until_idle()
    [message] = received(url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record


def test_another_function_gets_the_record_as_its_event(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    create("def handler(event, context):\n    print('told', event['responsePayload'])\n", name="listener")
    configure(on_success=f"arn:aws:lambda:{ACCOUNT}:function:listener")
    send({"n": 1})
    sandbox.run_until_idle()
    assert "told {'got': {'n': 1}}" in str(sandbox.logs("listener"))


def test_topic_passes_the_record_on(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    url, queue_arn = queue()
    topic = boto3.client("sns").create_topic(Name="news")["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    configure(on_success=topic)
    send({"n": 1})
    sandbox.run_until_idle()
    [message] = received(url)
    assert json.loads(json.loads(message["Body"])["Message"])["requestPayload"] == {"n": 1}


def test_bus_gets_an_event_of_lambda(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    url, queue_arn = queue()
    events = boto3.client("events")
    events.put_rule(
        Name="results",
        EventPattern=json.dumps({"detail-type": ["Lambda Function Invocation Result - Success"]}),
    )
    events.put_targets(Rule="results", Targets=[{"Id": "q", "Arn": queue_arn}])
    configure(on_success=f"arn:aws:events:{ACCOUNT}:event-bus/default")
    send({"n": 1})
    sandbox.run_until_idle()
    [message] = received(url)
    event = json.loads(message["Body"])
    assert event["source"] == "lambda"
    assert event["detail"]["responsePayload"] == {"got": {"n": 1}}


def test_bucket_keeps_the_record_of_a_failure(sandbox: InProcessSandbox) -> None:
    create(FAIL)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="failures")
    configure(on_failure="arn:aws:s3:::failures")
    send({"what": "luck"})
    sandbox.run_until_idle()
    [found] = s3.list_objects_v2(Bucket="failures")["Contents"]
    assert found["Key"].startswith("aws/lambda/async/work/20")
    record = json.loads(s3.get_object(Bucket="failures", Key=found["Key"])["Body"].read())
    assert record["responsePayload"]["errorMessage"] == "no luck"


def test_dead_letter_queue_gets_the_event_itself_and_why_it_failed(sandbox: InProcessSandbox) -> None:
    url, arn = queue("dead")
    create(FAIL, DeadLetterConfig={"TargetArn": arn})
    configure()
    identity = send({"what": "luck"})
    sandbox.run_until_idle()
    [message] = received(url)
    assert json.loads(message["Body"]) == {"what": "luck"}
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes == {"RequestID": identity, "ErrorCode": "200", "ErrorMessage": "no luck"}


def test_payloads_that_a_queue_cannot_take_are_left_out(sandbox: InProcessSandbox) -> None:
    create("def handler(event, context):\n    return 'x' * 1_100_000\n")
    url, arn = queue()
    configure(on_success=arn)
    send({"n": 1})
    sandbox.run_until_idle()
    [message] = received(url)
    record = json.loads(message["Body"])
    assert (record["requestPayload"], record["responsePayload"]) == (None, None)


def test_delivery_that_fails_is_written_down(sandbox: InProcessSandbox) -> None:
    create(ECHO)
    configure(on_success=f"arn:aws:sqs:{ACCOUNT}:nowhere")
    send({"n": 1})
    sandbox.run_until_idle()
    [delivery] = sandbox.history()["deliveries"]
    assert "failed: 400" in delivery["why"]


def test_two_functions_that_are_each_others_destination_are_stopped(sandbox: InProcessSandbox) -> None:
    create(FAIL)
    create(FAIL, name="other")
    configure(on_failure=f"arn:aws:lambda:{ACCOUNT}:function:other")
    boto3.client("lambda").put_function_event_invoke_config(
        FunctionName="other",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": ARN}},
    )
    send({})
    sandbox.run_until_idle()
    history = sandbox.history()
    runs = [each["why"] for each in history["invocations"]]
    assert len(runs) == 33  # sixteen each, and the one that was stopped
    assert runs[-1].startswith("recursion: the function ran 16 times")
    refused = [each for each in history["deliveries"] if "is not sent to a function" in each["why"]]
    assert len(refused) == 1


def test_record_that_is_too_large_for_an_event_is_not_sent_to_a_function(sandbox: InProcessSandbox) -> None:
    create("def handler(event, context):\n    return 'x' * 1_100_000\n")
    create(ECHO, name="other")
    configure(on_success=f"arn:aws:lambda:{ACCOUNT}:function:other")
    send({})
    sandbox.run_until_idle()
    [delivery] = sandbox.history()["deliveries"]
    assert "more than an event may have" in delivery["why"]
