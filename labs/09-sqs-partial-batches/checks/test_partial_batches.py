"""What lab 09 asks for: failures reported one by one, poison put aside, and money taken once."""

from __future__ import annotations

import hashlib
import json
import time
import uuid

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import (
    configuration_of,
    expect_guesses,
    expect_observed,
    layer_of,
    mapping_of,
    queue_url,
    require_function,
    table_item,
    table_items,
    until,
)

ORDERS = "cloudberry-orders"
TILL = "cloudberry-till"
MOST_OWN_BYTES = 20_000


def record_of(body, queue):
    """Return what a mapping makes of a message that it received for the first time."""
    now = str(int(time.time() * 1000))
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": uuid.uuid4().hex,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": now,
            "SenderId": "000000000000",
            "ApproximateFirstReceiveTimestamp": now,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode()).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
        "awsRegion": "us-east-1",
    }


def hand_over(sandbox, name, bodies, all_bad=False):
    """Give a function a batch directly; return its report, as ``report_of`` has it, and the messages' ids.

    Where ``all_bad`` an exception says the same as naming all of them, and Powertools raises one.
    """
    require_function(sandbox, name)
    records = [record_of(body, name) for body in bodies]
    ids = [record["messageId"] for record in records]
    result = sandbox.invoke(name, {"Records": records})
    if all_bad and result.function_error is not None:
        return report_of(ids), ids
    expect_true(
        result.function_error is None,
        wanted="a report of single failures",
        got=result.payload,
        look_at="an exception that leaves the handler fails the whole batch: catch it for each record",
    )
    return as_report(result.payload), ids


def as_report(answer):
    """Return an answer as a mapping reads it: failures in any order, and nothing at all where nothing failed."""
    if answer is None or answer == {} or answer == {"batchItemFailures": None}:
        return report_of([])
    try:
        return report_of([failure["itemIdentifier"] for failure in answer["batchItemFailures"]])
    except (TypeError, KeyError):
        return answer


def report_of(ids, failed=None):
    places = range(len(ids)) if failed is None else failed
    return {
        "batchItemFailures": [{"itemIdentifier": each} for each in sorted(ids[place] for place in places)]
    }


def send(sandbox, name, bodies):
    """Send up to ten messages."""
    entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)]
    sandbox.client("sqs").send_message_batch(QueueUrl=queue_url(sandbox, name), Entries=entries)


def left_in(sandbox, name):
    """Return how many messages a queue holds, waiting or being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sandbox.client("sqs").get_queue_attributes(
        QueueUrl=queue_url(sandbox, name), AttributeNames=names
    )
    return sum(int(answer["Attributes"][name]) for name in names)


def found_in(sandbox, name, good, poison, timeout_s):
    """Return which of the bodies turn up in a queue's dead-letter queue; wait until all the poison did, or none is left to."""
    sqs, url, seen = sandbox.client("sqs"), queue_url(sandbox, f"{name}-dlq"), set()

    def all_there():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5)
        seen.update(message["Body"] for message in answer.get("Messages", ()))
        return set(poison) <= seen

    def all_over():
        if left_in(sandbox, name):
            return False
        # What has not been put aside by now was deleted; and what was put aside has been seen if none is visible.
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return found["Attributes"]["ApproximateNumberOfMessages"] == "0"

    until(lambda: all_there() or all_over(), timeout_s)
    return sorted(seen & {*poison, *good})


def expect_orders_stored(sandbox, *poison):
    """Fail the check unless the function stores what a mapping would hand it: else there is nothing to wait for."""
    mapping_of(sandbox, ORDERS)
    order_id = f"direct-{time.time_ns()}"
    hand_over(sandbox, ORDERS, [*poison, order(order_id)])
    expect(
        sorted(stored_orders(sandbox, [order_id])),
        wanted=[order_id],
        look_at="gap 1 of the handler: store(json.loads(...)) for the body of each record",
    )


def require_redrive(sandbox, name):
    """Pass if the queue has a dead-letter queue at all: without it there is nothing to wait for."""
    found = sandbox.client("sqs").get_queue_attributes(
        QueueUrl=queue_url(sandbox, name), AttributeNames=["RedrivePolicy"]
    )
    expect_true(
        "RedrivePolicy" in found.get("Attributes", {}),
        wanted=f"a RedrivePolicy of the queue {name}",
        got="it has none",
        look_at="gap 1 of the wiring: deadLetterTargetArn, and maxReceiveCount 3",
    )


def stored_orders(sandbox, ids):
    """Return what the table Orders holds of these orders."""
    return {item["order_id"]: item for item in table_items(sandbox, "Orders") if item["order_id"] in ids}


def cents_in_the_till(sandbox):
    return int((table_item(sandbox, "Till", till="today") or {}).get("cents", "0"))


def order(order_id, quantity=1, sku="jam"):
    return json.dumps({"order_id": order_id, "sku": sku, "quantity": quantity})


def payment(order_id, total_cents):
    return json.dumps({"order_id": order_id, "total_cents": total_cents})


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {
            "deliveries_of_a_good_order": int,
            "messages_in_the_dead_letter_queue": int,
            "deliveries_with_partial_response": int,
        },
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what became of the good orders and of the bad ones

    Without a report one bad message makes its whole batch fail, and the good ones beside it are
    delivered again.
    """
    right = [
        ("good_order_was_delivered", 3, "the list of deliveries under 'One bad apple'"),
        (
            "good_orders_in_the_dead_letter_queue",
            9,
            "the messages in that dead-letter queue: how many are good orders?",
        ),
        ("good_orders_stored", 8, "the table under 'Fill in', once both gaps are filled"),
        ("messages_set_aside", 2, "the dead-letter queue under 'Fill in', once both gaps are filled"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_handler_names_the_failed_records(sandbox):
    """Of three records, the handler reports the one in the middle and stores the others

    Who is named in batchItemFailures stays in the queue, and everybody else is deleted: success is what
    you do not mention.
    """
    got, ids = hand_over(sandbox, ORDERS, [order("check-1"), order("check-2", 0), order("check-3")])
    shape = 'the answer: {"batchItemFailures": [{"itemIdentifier": messageId}]}'
    expect(got, wanted=report_of(ids, [1]), look_at=shape)
    expect(
        sorted(stored_orders(sandbox, ["check-1", "check-2", "check-3"])),
        wanted=["check-1", "check-3"],
        look_at="a failure must not keep the records after it from being stored",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_handler_reports_any_batch_right(sandbox, seeded):
    """Other batches, unreadable bodies among them, are reported exactly"""
    broken = ["", "three jars, please", "[]", '{"order_id": "half', '{"sku": "jam", "quantity": 2}', "null"]
    for number in range(3):
        size = seeded.randint(3, 10)
        bad = sorted(seeded.sample(range(size), k=seeded.randint(1, 3))) if number else list(range(size))
        bodies = [order(f"held-{number}-{place}", 1 + place) for place in range(size)]
        for place in bad:
            bodies[place] = seeded.choice([*broken, order(f"held-{number}-{place}", -1)])
        got, ids = hand_over(sandbox, ORDERS, bodies, all_bad=len(bad) == size)
        expect(
            got, wanted=report_of(ids, bad), look_at="each record is tried, and whatever it raises is caught"
        )


@pytest.mark.points(1)
def test_mapping_expects_a_report(sandbox):
    """The mapping knows that the function reports single failures

    The report is read only where the mapping asks for it; without ReportBatchItemFailures the same
    answer means that all went well.
    """
    expect(
        mapping_of(sandbox, ORDERS).get("FunctionResponseTypes", []),
        wanted=["ReportBatchItemFailures"],
        look_at="gap 2 of the wiring: response_types",
    )


@pytest.mark.points(1)
def test_good_orders_reach_the_table(sandbox):
    """Orders that are sent to the queue are stored

    The mapping polls, invokes and deletes; the function sees a batch, and neither side knows the
    other's address.
    """
    expect_orders_stored(sandbox)
    ids = [f"sent-{n}" for n in range(3)]
    send(sandbox, ORDERS, [order(order_id, 2, "tea") for order_id in ids])
    until(lambda: len(stored_orders(sandbox, ids)) == 3, timeout_s=15)
    expect(
        stored_orders(sandbox, ids),
        wanted={order_id: {"order_id": order_id, "quantity": "2", "sku": "tea"} for order_id in ids},
        look_at="gap 1 of the handler: store(json.loads(...)) for the body of each record",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_poison_alone_goes_to_the_dead_letter_queue(sandbox, seeded):
    """Of a mixed batch, the good orders are stored and just the poison is set aside"""
    run = seeded.randrange(10**9)
    expect_orders_stored(sandbox, "no jars, please")
    require_redrive(sandbox, ORDERS)
    ids = [f"mixed-{run}-{n}" for n in range(seeded.randint(3, 6))]
    good = [order(order_id, seeded.randint(1, 9)) for order_id in ids]
    poison = [f"{run} jars, please", order(f"poison-{run}", 0)]
    mixed = [*good, *poison]
    seeded.shuffle(mixed)
    send(sandbox, ORDERS, mixed)
    until(lambda: len(stored_orders(sandbox, ids)) == len(ids), timeout_s=15)
    expect(
        sorted(stored_orders(sandbox, ids)), wanted=sorted(ids), look_at="each record is handled by itself"
    )
    expect(
        found_in(sandbox, ORDERS, good, poison, timeout_s=30),
        wanted=sorted(poison),
        look_at="gap 1 of the wiring (deadLetterTargetArn, maxReceiveCount 3), and whether failures are reported",
    )


@pytest.mark.points(1)
def test_till_has_its_library_from_the_layer(sandbox):
    """The till has Powertools from the layer, and a small zip

    What is the same in every function comes from a layer, tested by many; the zip holds what only this
    function knows.
    """
    layer_of(sandbox, TILL, "cloudberry-powertools")
    own_bytes = configuration_of(sandbox, TILL)["CodeSize"]
    expect_true(
        own_bytes < MOST_OWN_BYTES,
        wanted=f"a zip of {TILL} without a library in it",
        got=f"{own_bytes} bytes",
        look_at="what lies in work/till",
    )


@pytest.mark.points(2)
def test_till_takes_the_money_once(sandbox):
    """Three orders, one of them three times: each is paid once

    SQS delivers at least once, so a handler must recognise what it has done already: that is what
    idempotent means.
    """
    before = cents_in_the_till(sandbox)
    orders = [("till-1", 650), ("till-2", 420), ("till-1", 650), ("till-3", 390), ("till-1", 650)]
    got, ids = hand_over(sandbox, TILL, [payment(*each) for each in orders])
    expect(got, wanted=report_of(ids, []), look_at="an order that is paid already is no failure: it is done")
    expect(
        cents_in_the_till(sandbox) - before,
        wanted=1460,
        look_at="the condition on Paid: attribute_not_exists(order_id), and the sum only when it holds",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_till_survives_a_batch_that_comes_again(sandbox, seeded):
    """A repeated batch with bad orders in it leaves the right sum"""
    run = seeded.randrange(10**9)
    orders = [(f"{run}-{n}", seeded.randint(100, 9_000)) for n in range(3)]
    bad = [payment(f"{run}-x", 0), payment(f"{run}-y", -5), payment(f"{run}-z", "650"), "no order"]
    good = [payment(*each) for each in orders]
    bodies = [good[0], bad[0], good[1], bad[1], good[2], bad[2], good[0], bad[3]]
    before = cents_in_the_till(sandbox)
    for _ in range(2):
        got, ids = hand_over(sandbox, TILL, bodies)
        expect(got, wanted=report_of(ids, [1, 3, 5, 7]), look_at="which totals are a whole number above 0")
    expect(
        cents_in_the_till(sandbox) - before,
        wanted=sum(cents for _, cents in orders),
        look_at="what is left of a batch that comes a second time: nothing new to pay",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_till_is_fed_by_its_queue(sandbox, seeded):
    """Orders that come through the queue, some of them again, are paid once"""
    run = seeded.randrange(10**9)
    orders = [(f"{run}-{n}", seeded.randint(100, 9_000)) for n in range(4)]
    before, total = cents_in_the_till(sandbox), sum(cents for _, cents in orders)
    expect(
        mapping_of(sandbox, TILL).get("FunctionResponseTypes", []),
        wanted=["ReportBatchItemFailures"],
        look_at="FunctionResponseTypes of the till's mapping",
    )
    send(sandbox, TILL, [payment(*each) for each in [*orders, orders[0], orders[2]]])
    until(lambda: cents_in_the_till(sandbox) - before >= total and not left_in(sandbox, TILL), timeout_s=15)
    expect(
        cents_in_the_till(sandbox) - before,
        wanted=total,
        look_at="the mapping, and what the handler does twice",
    )
