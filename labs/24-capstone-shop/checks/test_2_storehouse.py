"""What lab 24 asks of the storehouse, wishes 5 to 8: packed once, from a stock that holds, and told."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import until

NEWS = "arn:aws:sns:us-east-1:000000000000:cloudberry-news"


@pytest.mark.points(3)
def test_orders_are_packed_and_the_news_says_so(shop):
    """Wishes 5, 6 and 8: two orders are packed, the one between them is in trouble, and all three are told

    What cannot be packed is an answer and no accident. So it gets a status, and the next order its turn.
    """
    ada, sku, news = shop.customer("ada"), shop.product("apple", 250, 10), listen(shop.sandbox)
    first = ada.places(sku, 4, "one")
    greedy = ada.places(sku, 50, "two")
    last = ada.places(sku, 5, "three")
    right = {first: "packed", greedy: "trouble", last: "packed"}
    look_at = "wishes 5 and 6: what packs, and what becomes of an order of 50 when there are 10"
    shop.expect_settled(ada, {order_id: [status] for order_id, status in right.items()}, look_at)
    expect(shop.stock(sku), wanted="1", look_at="wish 5: 10 were there, orders of 4 and 5 were packed")
    expect_heard(shop, news, right)


def listen(sandbox):
    """Subscribe a queue to the news; return its URL."""
    sqs, sns = sandbox.client("sqs"), sandbox.client("sns")
    url = sqs.create_queue(QueueName=f"check-news-{time.time_ns()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    try:
        sns.subscribe(TopicArn=NEWS, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    except ClientError:
        wanted("the topic cloudberry-news", "there is none", "the cell with what is there already")
    return url


def expect_heard(shop, url, right):
    """Fail the check unless the news tells the status of each of these orders, and no other one."""
    sqs, bodies = shop.sandbox.client("sqs"), []

    def heard():
        found = {}
        for body in bodies:
            try:
                said = json.loads(body)
            except ValueError:
                continue
            if type(said) is dict and type(said.get("order_id")) is str:
                found.setdefault(said["order_id"], set()).add(str(said.get("status")))
        return found

    def told():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages", ()
        ):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(message["Body"])
        return set(right) <= set(heard())

    until(told, timeout_s=10)
    look_at = f'wish 8: sns.publish, with {{"order_id": …, "status": …}} as the Message{shop.refusals()}'
    for order_id, status in right.items():
        got = sorted(heard().get(order_id, ()))
        none = f"{len(bodies)} messages, and none with its order_id: {' '.join(bodies)[:200]}"
        expect_true(
            got == [status], wanted=f"news of an order that is {status}", got=got or none, look_at=look_at
        )


@pytest.mark.points(3)
def test_what_comes_twice_is_packed_once(shop, seeded):
    """Wish 7: messages, records and events come twice, and the stock falls once

    Queues, streams and rules all deliver at least once. A step that asks for the state that it changes can be done
    twice without harm.
    """
    sandbox, quantity = shop.sandbox, seeded.randint(2, 9)
    sku, customer = shop.product("twice", seeded.randint(1, 999), 100), shop.customer("twice")
    look_at = "wish 7: does the step that packs ask whether the order is still placed?"
    queues, events = mappings(sandbox, "sqs"), sandbox.client("events")
    again = call_twice(events)
    try:
        switch(sandbox, queues, False)
        order_id = customer.places(sku, quantity, "good")
        send_twice(sandbox, [mapping["EventSourceArn"] for mapping in queues])
        switch(sandbox, queues, True)
        shop.expect_settled(customer, {order_id: ["packed"]}, look_at)
        for mapping in mappings(sandbox, "dynamodb") + mappings(sandbox, "kinesis"):
            read_again(sandbox, mapping)
        rest(sandbox)
    finally:
        switch(sandbox, queues, True)
        for rule, target in again:
            events.remove_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Ids=[target["Id"]])
    got = f"{look_at} 100 were there, and {quantity} were ordered"
    expect(shop.stock(sku), wanted=str(100 - quantity), look_at=got)
    expect(customer.statuses([order_id]), wanted={order_id: "packed"}, look_at=look_at)


def call_twice(events):
    """Give each rule that calls a function for events a second target, the same; return those rules and targets."""
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    rules = [
        rule
        for bus in buses
        for rule in events.list_rules(EventBusName=bus)["Rules"]
        if "EventPattern" in rule
    ]
    made = []
    for rule in rules:
        where = {"Rule": rule["Name"], "EventBusName": rule["EventBusName"]}
        for target in events.list_targets_by_rule(**where)["Targets"]:
            if ":lambda:" in target["Arn"]:
                same = {**target, "Id": f"{target['Id'][:50]}-again"}
                events.put_targets(**where, Targets=[same])
                made.append((rule, same))
    return made


def mappings(sandbox, service):
    """Return the mappings that are on, from sources of one service."""
    found = sandbox.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    on = [each for each in found if each["State"] == "Enabled"]
    return [each for each in on if each.get("EventSourceArn", "").split(":")[2:3] == [service]]


def switch(sandbox, found, on):
    """Turn mappings on or off, and wait until they are."""
    client, state = sandbox.client("lambda"), "Enabled" if on else "Disabled"
    for mapping in found:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
    for mapping in found:
        until(
            lambda uuid=mapping["UUID"]: client.get_event_source_mapping(UUID=uuid)["State"] == state,
            timeout_s=25,
        )


def send_twice(sandbox, queue_arns):
    """Wait for a message in these queues, and put it there once more: a queue may do so by itself."""
    sqs = sandbox.client("sqs")
    urls = [sqs.get_queue_url(QueueName=arn.split(":")[-1])["QueueUrl"] for arn in queue_arns]
    parts = ("DataType", "StringValue", "BinaryValue")

    def sent():
        found = []
        for url in urls:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
            found += [(url, message) for message in answer.get("Messages", ())]
        for url, message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            attributes = message.get("MessageAttributes", {}).items()
            given = {
                name: {part: value[part] for part in parts if part in value} for name, value in attributes
            }
            for number in range(2):
                first_in = {
                    "MessageGroupId": "check",
                    "MessageDeduplicationId": f"{message['MessageId']}-{number}",
                }
                more = first_in if url.endswith(".fifo") else {}
                sqs.send_message(QueueUrl=url, MessageBody=message["Body"], MessageAttributes=given, **more)
        return found

    if urls:
        until(sent, timeout_s=8)


def read_again(sandbox, mapping):
    """Hand a function all that its stream holds once more: by a second mapping, with the same settings, to a version of it."""
    client, name = sandbox.client("lambda"), mapping["FunctionArn"].split(":")[6]
    version = client.publish_version(FunctionName=name)["Version"]
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=version)
    same = {
        key: mapping[key]
        for key in ("FilterCriteria", "FunctionResponseTypes", "BatchSize")
        if mapping.get(key)
    }
    made = client.create_event_source_mapping(
        EventSourceArn=mapping["EventSourceArn"],
        FunctionName=name if mapping["FunctionArn"].endswith(f":{version}") else f"{name}:{version}",
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=1,
        **same,
    )

    def metrics(uuid):
        found = sandbox.history()["mapping_metrics"].get(uuid, {})
        return [found.get(f"{name}EventCount", 0) for name in ("Polled", "FilteredOut", "Invoked")]

    def caught_up():
        polled, passed_over, handed_over = metrics(made["UUID"])
        return polled >= metrics(mapping["UUID"])[0] and passed_over + handed_over >= polled

    try:
        until(caught_up, timeout_s=20)
    finally:
        client.delete_event_source_mapping(UUID=made["UUID"])


def rest(sandbox):
    """Return once no function has ended for a second, or after five."""
    seen = [-1, 0.0]

    def quiet():
        count, now = len(sandbox.history()["invocations"]), time.monotonic()
        if count != seen[0]:
            seen[:] = [count, now]
        return now - seen[1] > 1.0

    until(quiet, timeout_s=5)


@pytest.mark.points(4)
@pytest.mark.held
def test_a_rush_sells_what_there_is(shop, seeded):
    """Wishes 5 and 6: more is ordered than there is, by several at once, and a product in between nobody can pack"""
    left, cents = seeded.randint(7, 12), seeded.randint(1, 999)
    scarce, plenty = shop.product("scarce", cents, left), shop.product("plenty", cents, 1_000)
    lost = shop.product("lost", cents)  # no stock at all
    orders = [(scarce, seeded.randint(1, 4)) for _ in range(8)]
    orders += [(plenty, seeded.randint(1, 9)) for _ in range(3)]
    seeded.shuffle(orders)
    orders.insert(5, (lost, 1))
    customer, run = shop.customer("rush"), seeded.randrange(10**9)
    with ThreadPoolExecutor(3) as phones:
        ids = list(
            phones.map(lambda number: customer.places(*orders[number], f"{run} {number}"), range(len(orders)))
        )
    bought = [(order_id, *order) for order_id, order in zip(ids, orders, strict=True)]
    possible = {scarce: ["packed", "trouble"], plenty: ["packed"], lost: ["trouble"]}
    look_at = "wishes 5 and 6: a rush, with one product that has no stock"
    now = shop.expect_settled(customer, {order_id: possible[sku] for order_id, sku, _ in bought}, look_at)
    packed = sum(
        quantity for order_id, sku, quantity in bought if sku == scarce and now[order_id] == "packed"
    )
    look_at = f"wish 5: {left} were there, {packed} were packed; is it one step that asks for the stock and takes from it?"
    expect(shop.stock(scarce), wanted=str(left - packed), look_at=look_at)
    rest = left - packed
    refused = [quantity for order_id, sku, quantity in bought if sku == scarce and now[order_id] == "trouble"]
    expect_true(
        rest >= 0 and all(quantity > rest for quantity in refused),
        wanted="a stock that is not below 0, and trouble only for orders of more than is left",
        got=f"{rest} left, and orders of {refused} in trouble",
        look_at="wish 6",
    )
    taken = sum(quantity for _, sku, quantity in bought if sku == plenty)
    expect(
        shop.stock(plenty), wanted=str(1_000 - taken), look_at="wish 5: the stock of what there is plenty of"
    )
    expect(
        shop.stock(lost),
        wanted=None,
        look_at="wish 6: a product without a stock gives nothing, and gets none",
    )
