"""What lab 07 asks for: events that are tried as configured, endings that are told, and work that is done once."""

from __future__ import annotations

import json
import re
import time

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    configuration_of,
    error_of,
    expect_guesses,
    expect_observed,
    queue_url,
    require_destination,
    require_function,
    table_item,
    until,
)

INVOICE = "cloudberry-invoice"
PARCEL = "cloudberry-parcel"
TOLD_WITHIN_S = 20.0  # a retry is a second away: this lab's clock runs sixty times as fast


def send_event(sandbox, name, event):
    """Hand an event over, asynchronously; return its request id."""
    require_function(sandbox, name)
    answer = sandbox.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(event)
    )
    return answer["ResponseMetadata"]["RequestId"]


class Mailbox:
    """What has come into a queue since this was made; messages of earlier runs are left where they are."""

    def __init__(self, sandbox, name):
        self._sqs = sandbox.client("sqs")
        self._url = queue_url(sandbox, name)
        self._messages = []

    def tell_of(self, request_id, timeout_s=TOLD_WITHIN_S, unless=None):
        """Return the messages that name this request, once there is one or the time is over."""
        until(lambda: self._found(request_id), timeout_s, unless)
        return self._found(request_id)

    def _found(self, request_id):
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=120,
        )
        self._messages += answer.get("Messages", ())
        return [message for message in self._messages if request_id in json.dumps(message)]

    def record_of(self, request_id, look_at, timeout_s=TOLD_WITHIN_S, unless=None):
        """Return the destination's record of a request; fail the check if there is none."""
        bodies = [json.loads(message["Body"]) for message in self.tell_of(request_id, timeout_s, unless)]
        records = [body for body in bodies if isinstance(body, dict) and "requestContext" in body]
        if not records:
            wanted("a record of how the event ended", "nothing came into the queue", look_at)
        return records[0]


def not_ended(sandbox, name, request_id, condition):
    """Return an ``unless``: it fails the check once an event has ended in the other way, which another place is told of."""

    def look():
        runs = [row for row in sandbox.history()["invocations"] if row["request_id"] == request_id]
        if not runs:
            return
        succeeded, over = runs[-1]["status"] == "success", runs[-1]["why"].endswith("is dropped")
        expect_true(
            not (over if condition == "Success" else succeeded),
            wanted=f"an event that ends as {condition}",
            got=f"run {runs[-1]['attempt']} of {name} "
            + ("succeeded" if succeeded else f"was the last, and failed: {error_of(sandbox, runs[-1])}"),
            look_at=f"the handler of {name}; sandbox.logs('{name}') has what it printed and raised",
        )

    return look


def ending(record):
    """Return how an event ended: condition, number of runs, and the event itself."""
    context = record["requestContext"]
    return [context["condition"], context["approximateInvokeCount"], record["requestPayload"]]


def invoice(order_id, *lines):
    return {
        "order_id": order_id,
        "lines": [{"quantity": quantity, "price_cents": cents} for quantity, cents in lines],
    }


def parcel_of(sandbox, order):
    """Invoke cloudberry-parcel and return the parcel's number; fail the check if that is none."""
    require_function(sandbox, PARCEL)
    result = sandbox.invoke(PARCEL, order)
    expect_true(
        result.function_error is None,
        wanted=f"a parcel for {json.dumps(order)}",
        got=result.payload,
        look_at="the handler of cloudberry-parcel; sandbox.logs('cloudberry-parcel') has the stack trace",
    )
    answer = result.payload if isinstance(result.payload, dict) else {}
    number = answer.get("parcel")
    expect_true(
        set(answer) == {"order_id", "parcel"}
        and answer["order_id"] == order["order_id"]
        and isinstance(number, str)
        and re.fullmatch(r"P-[0-9a-f]{8}", number) is not None,
        wanted='an answer {"order_id": the order, "parcel": "P-" and eight hexadecimal characters}',
        got=result.payload,
        look_at="what the handler returns",
    )
    return number


def stored_parcel(sandbox, order_id):
    """Return the number in the table, None where the order has no parcel."""
    return (table_item(sandbox, "Parcels", order_id=order_id) or {}).get("parcel")


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(submission.literal("predict-1"), {"status_code": int, "runs": int, "request_ids": int})


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down how often and when Lambda tries again

    One event keeps one request id through all its tries, and the caller got its 202 before the first of
    them began.
    """
    right = [
        ("status_code", 202, "the first lines under 'Example'"),
        ("runs", 3, "the tries of the broken event under 'Example'"),
        ("request_ids", 1, "the request ids of those tries"),
        ("minutes_before_the_first_retry", 1, "the minutes of those tries, without the tenths"),
        ("minutes_between_the_retries", 2, "the minutes of those tries: from the second to the third"),
        ("condition", "RetriesExhausted", "what the destination got, under 'Fill in'"),
        ("invoice_runs", 2, "approximateInvokeCount under 'Fill in', once gap 1 is filled"),
        (
            "attribute_with_the_message_of_the_exception",
            "ErrorMessage",
            "the attributes of the dead letter, under 'Fill in'",
        ),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_failed_invoice_is_told_after_one_retry(sandbox):
    """An invoice that cannot be written is tried twice, and its end is told

    MaximumRetryAttempts counts what comes after the first run. The record carries the event, so whoever
    reads it can send it again.
    """
    failed = Mailbox(sandbox, f"{INVOICE}-failed")
    look_at = "gap 1: DestinationConfig with OnFailure"
    require_destination(sandbox, INVOICE, "OnFailure", f"{INVOICE}-failed", look_at)
    event = invoice("check-1", (0, 650))
    request_id = send_event(sandbox, INVOICE, event)
    unless = not_ended(sandbox, INVOICE, request_id, "RetriesExhausted")
    record = failed.record_of(request_id, look_at, unless=unless)
    expect(
        ending(record),
        wanted=["RetriesExhausted", 2, event],
        look_at="gap 1: MaximumRetryAttempts (condition, number of runs and event are compared)",
    )


@pytest.mark.points(1)
def test_old_invoices_are_given_up(sandbox):
    """No event of the invoice is kept for longer than an hour

    A throttled event is tried again for as long as it may wait, however few retries it has: only its age
    ends it.
    """
    require_function(sandbox, INVOICE)
    try:
        found = sandbox.client("lambda").get_function_event_invoke_config(FunctionName=INVOICE)
    except ClientError:
        found = {}
    expect(
        found.get("MaximumEventAgeInSeconds"),
        wanted=3600,
        look_at="gap 1: MaximumEventAgeInSeconds, which counts seconds",
    )


@pytest.mark.points(2)
def test_dead_letter_is_the_event_as_it_was_sent(sandbox):
    """The dead-letter queue gets the event itself, and the error in attributes

    A dead letter can be sent again as it is. What a destination says in its record stands here in three
    attributes, and what the function answered is not told at all.
    """
    dead = Mailbox(sandbox, f"{INVOICE}-dead")
    look_at = "gap 2: DeadLetterConfig with its TargetArn"
    target = configuration_of(sandbox, INVOICE).get("DeadLetterConfig", {}).get("TargetArn", "none")
    expect_true(
        target.split(":")[-1] == f"{INVOICE}-dead",
        wanted=f"the dead-letter queue {INVOICE}-dead",
        got=f"the TargetArn is {target}",
        look_at=look_at,
    )
    event = invoice("check-2", (3, 0), (1, -5))
    request_id = send_event(sandbox, INVOICE, event)
    letters = dead.tell_of(request_id, unless=not_ended(sandbox, INVOICE, request_id, "RetriesExhausted"))
    if not letters:
        wanted("one dead letter", "nothing came into the queue", look_at)
    attributes = letters[0].get("MessageAttributes", {})
    expect(
        [json.loads(letters[0]["Body"]), attributes.get("ErrorMessage", {}).get("StringValue")],
        wanted=[event, "an invoice over -5 cents"],
        look_at="gap 2: the queue named by TargetArn, and the handler of cloudberry-invoice as it was given",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_each_invoice_is_told_where_it_belongs(sandbox, seeded):
    """Of a mixture of invoices, the good ones are told as successes and the others as failures"""
    done, failed = Mailbox(sandbox, f"{INVOICE}-done"), Mailbox(sandbox, f"{INVOICE}-failed")
    for condition, queue in [("OnSuccess", f"{INVOICE}-done"), ("OnFailure", f"{INVOICE}-failed")]:
        require_destination(sandbox, INVOICE, condition, queue, "both destinations of gap 1")
    sent = []
    for number in range(4):
        good = number % 2 == 0
        lines = [(seeded.randint(1, 9) if good else 0, seeded.randint(100, 900)) for _ in range(3)]
        event = invoice(f"held-{seeded.randrange(10**9)}", *lines)
        total = sum(quantity * cents for quantity, cents in lines)
        sent.append((good, event, total, send_event(sandbox, INVOICE, event)))
    for good, event, total, request_id in sent:
        unless = not_ended(sandbox, INVOICE, request_id, "Success" if good else "RetriesExhausted")
        record = (done if good else failed).record_of(request_id, "both destinations of gap 1", unless=unless)
        expect(
            ending(record),
            wanted=["Success", 1, event] if good else ["RetriesExhausted", 2, event],
            look_at="gap 1: which queue is told of what, and after how many tries",
        )
        told = record["responsePayload"].get("total_cents" if good else "errorMessage")
        expect(
            told,
            wanted=total if good else "an invoice over 0 cents",
            look_at="the handler of cloudberry-invoice, as it was given",
        )


@pytest.mark.points(2)
def test_an_order_that_comes_again_gets_the_same_parcel(sandbox):
    """The same order twice is one parcel, two orders are two

    The first run writes down what it did; every later one reads that and says the same.
    """
    order = {"order_id": f"check-{time.time_ns()}", "address": "Ada, Lovelace Lane 1"}
    first, again = parcel_of(sandbox, order), parcel_of(sandbox, order)
    expect_true(
        first == again,
        wanted=f"{first} both times",
        got=again,
        look_at="what the handler does when the condition on Parcels fails: read the number that is there",
    )
    expect(
        stored_parcel(sandbox, order["order_id"]), wanted=first, look_at="the attribute parcel in the table"
    )
    other = parcel_of(sandbox, {**order, "order_id": f"{order['order_id']}-other"})
    expect_true(
        other != first,
        wanted="another number for another order",
        got=other,
        look_at="where the number is made: inside the handler, once a call",
    )


@pytest.mark.points(2)
def test_parcel_without_an_address_is_told_as_a_failure(sandbox):
    """An order without an address books nothing, is tried once more and is told

    A handler that raises is the only way to tell Lambda that an event failed: an answer such as
    {"error": ...} is a success.
    """
    failed = Mailbox(sandbox, f"{PARCEL}-failed")
    event = {"order_id": f"check-{time.time_ns()}", "address": "   "}
    look_at = "OnFailure of cloudberry-parcel, and that the handler raises"
    require_destination(sandbox, PARCEL, "OnFailure", f"{PARCEL}-failed", look_at)
    request_id = send_event(sandbox, PARCEL, event)
    unless = not_ended(sandbox, PARCEL, request_id, "RetriesExhausted")
    record = failed.record_of(request_id, look_at, unless=unless)
    expect(
        ending(record),
        wanted=["RetriesExhausted", 2, event],
        look_at="MaximumRetryAttempts of cloudberry-parcel",
    )
    expect(
        stored_parcel(sandbox, event["order_id"]), wanted=None, look_at="look at the address before you store"
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_orders_at_the_same_moment_get_one_parcel_each(sandbox, seeded):
    """Orders that come several times, all at once, are booked once each and told each time"""
    booked = Mailbox(sandbox, f"{PARCEL}-booked")
    orders = [
        {"order_id": f"held-{seeded.randrange(10**9)}", "address": f"Street {seeded.randint(1, 99)}"}
        for _ in range(2)
    ]
    look_at = "OnSuccess of cloudberry-parcel"
    require_destination(sandbox, PARCEL, "OnSuccess", f"{PARCEL}-booked", look_at)
    sent = [(order, send_event(sandbox, PARCEL, order)) for _ in range(4) for order in orders]
    numbers = {order["order_id"]: set() for order in orders}
    for order, request_id in sent:
        unless = not_ended(sandbox, PARCEL, request_id, "Success")
        record = booked.record_of(request_id, look_at, timeout_s=30, unless=unless)
        answer = record.get("responsePayload")
        numbers[order["order_id"]].add(str(answer.get("parcel")) if isinstance(answer, dict) else "none")
    for order_id, told in numbers.items():
        expect(
            sorted(told),
            wanted=[stored_parcel(sandbox, order_id) or "a parcel's number"],
            look_at="two runs may both look and find nothing: let put_item's condition decide who is first",
        )


@pytest.mark.points(2)
@pytest.mark.held
def test_orders_that_say_nothing_book_nothing(sandbox, seeded):
    """Ids and addresses that are missing, empty or no texts are failures"""
    require_function(sandbox, PARCEL)
    order_id = f"held-{seeded.randrange(10**9)}"
    broken = [
        {"order_id": order_id},
        {"order_id": order_id, "address": None},
        {"order_id": order_id, "address": ""},
        {"order_id": order_id, "address": ["Street 1"]},
        {"order_id": order_id, "address": seeded.randint(1, 99)},
        {"order_id": seeded.randint(1, 99), "address": "Street 1"},
        {"address": "Street 1"},
    ]
    seeded.shuffle(broken)
    for event in broken:
        result = sandbox.invoke(PARCEL, event)
        expect_true(
            result.function_error is not None,
            wanted=f"an exception for {json.dumps(event)}",
            got=result.payload,
            look_at="both texts are looked at before anything is written",
        )
    expect(stored_parcel(sandbox, order_id), wanted=None, look_at="look at the address before you store")
    parcel_of(sandbox, {"order_id": order_id, "address": "Street 1"})
