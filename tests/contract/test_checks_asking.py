"""What the checks of many labs ask of a sandbox: what is there is returned; what is missing fails the check by its name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autograder.checks import CheckFailed
from autograder.checks_asking import (
    answer_of,
    call,
    configuration_of,
    layer_of,
    losses,
    mapping_of,
    put_item,
    queue_url,
    require_destination,
    require_function,
    table_item,
    table_items,
    until,
)
from autograder.sandbox import Sandbox
from lambda_sandbox import package
from tests.contract.conftest import Server

ECHO = (
    "def handler(event, context):\n"
    "    if 'raise' in event:\n"
    "        raise ValueError(event['raise'])\n"
    "    return event\n"
)


@pytest.fixture
def sandbox(server: Server) -> Sandbox:
    return Sandbox(server.endpoint)


def test_a_function_that_is_there_is_called_and_its_answer_returned(sandbox: Sandbox) -> None:
    sandbox.deploy("asked-echo", ECHO)
    require_function(sandbox, "asked-echo")
    assert configuration_of(sandbox, "asked-echo")["Handler"] == "app.handler"
    assert call(sandbox, "asked-echo", {"a": 1}).report["billed_duration_ms"] >= 1
    assert answer_of(sandbox, "asked-echo", {"a": 1}) == {"a": 1}


def test_a_function_that_raises_fails_the_check_with_its_error(sandbox: Sandbox) -> None:
    sandbox.deploy("asked-raises", ECHO)
    with pytest.raises(CheckFailed) as failed:
        answer_of(sandbox, "asked-raises", {"raise": "no jam"}, "gap 1")
    assert failed.value.wanted == 'an answer to the event {"raise": "no jam"}'
    assert "no jam" in failed.value.got
    assert failed.value.look_at.endswith("and at gap 1")


def test_a_layer_and_a_mapping_of_a_function_are_found(sandbox: Sandbox) -> None:
    content = {"ZipFile": package({"python/berry.py": ""})}
    published = sandbox.client("lambda").publish_layer_version(LayerName="berries", Content=content)
    arn = published["LayerVersionArn"]
    sandbox.deploy("asked-mapped", ECHO, Layers=[arn])
    assert layer_of(sandbox, "asked-mapped", "berries") == arn
    with pytest.raises(CheckFailed, match="a version of the layer jam"):
        layer_of(sandbox, "asked-mapped", "jam")
    sandbox.client("sqs").create_queue(QueueName="asked")
    assert queue_url(sandbox, "asked").endswith("/asked")
    made = sandbox.client("lambda").create_event_source_mapping(
        FunctionName="asked-mapped", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:asked"
    )
    assert mapping_of(sandbox, "asked-mapped")["UUID"] == made["UUID"]


def test_a_destination_is_the_queue_that_is_told(sandbox: Sandbox) -> None:
    sandbox.deploy("asked-told", ECHO)
    with pytest.raises(CheckFailed, match="the destination is none"):
        require_destination(sandbox, "asked-told", "OnFailure", "asked-failed", "gap 3")
    sandbox.client("sqs").create_queue(QueueName="asked-failed")
    arn = "arn:aws:sqs:us-east-1:000000000000:asked-failed"
    sandbox.client("lambda").put_function_event_invoke_config(
        FunctionName="asked-told", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    require_destination(sandbox, "asked-told", "OnFailure", "asked-failed", "gap 3")
    with pytest.raises(CheckFailed, match="OnSuccess"):
        require_destination(sandbox, "asked-told", "OnSuccess", "asked-failed", "gap 3")


def test_an_event_that_the_function_fails_at_for_good_ends_the_wait(sandbox: Sandbox) -> None:
    sandbox.deploy("asked-lost", ECHO)
    client = sandbox.client("lambda")
    client.put_function_event_invoke_config(FunctionName="asked-lost", MaximumRetryAttempts=0)
    lost = losses(sandbox, "asked-lost", "gap 4")
    client.invoke(FunctionName="asked-lost", InvocationType="Event", Payload=b'{"raise": "no jam"}')
    with pytest.raises(CheckFailed) as failed:
        until(lambda: False, timeout_s=30, unless=lost)
    assert failed.value.got == "ValueError: no jam (run 1, the last)"
    assert failed.value.look_at.endswith("gap 4")
    losses(sandbox, "asked-lost", "gap 4")()  # what was lost before is no longer told


def test_an_event_that_may_not_be_delivered_ends_the_wait_of_its_source_alone(sandbox: Sandbox) -> None:
    sandbox.deploy("asked-refused", ECHO)
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name="asked-refused")["TopicArn"]
    function = configuration_of(sandbox, "asked-refused")["FunctionArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    refused, others = (
        losses(sandbox, "asked-refused", "permit", f"({source})") for source in (topic, f"{topic}-other")
    )
    sns.publish(TopicArn=topic, Message="{}")
    with pytest.raises(CheckFailed, match="NO_PERMISSIONS"):
        until(lambda: False, timeout_s=30, unless=refused)
    others()


def test_items_come_back_as_the_texts_that_dynamodb_sends(sandbox: Sandbox) -> None:
    sandbox.client("dynamodb").create_table(
        TableName="Asked",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    put_item(sandbox, "Asked", id="a", cents=650)
    assert table_items(sandbox, "Asked") == [{"id": "a", "cents": "650"}]
    assert table_item(sandbox, "Asked", id="a") == {"id": "a", "cents": "650"}
    assert table_item(sandbox, "Asked", id="b") is None


@pytest.mark.parametrize(
    "ask",
    [require_function, configuration_of, mapping_of, queue_url, table_items],
    ids=lambda ask: ask.__name__,
)
def test_what_is_not_there_fails_the_check_by_its_name(
    sandbox: Sandbox, ask: Callable[[Sandbox, str], object]
) -> None:
    with pytest.raises(CheckFailed, match="cloudberry-nothing"):
        ask(sandbox, "cloudberry-nothing")
