"""What lab 10 asks for: a shelf and totals that follow their tables, each change counted once, bad ones told."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    call,
    expect_guesses,
    expect_observed,
    mapping_of,
    queue_url,
    require_function,
    table_item,
    until,
)

SHELF = "cloudberry-shelf"
TOTALS = "cloudberry-totals"
# Seconds that a stream may take on a busy machine. Who gets as far as waiting handles by hand what the stream hands over.
SETTLED_S = 40.0


def attribute(value):
    return {"N": str(value)} if type(value) is int else {"S": value}


def typed(values):
    """Return plain texts and numbers as DynamoDB's typed ones; what is a dictionary is typed already."""
    return {k: v if isinstance(v, dict) else attribute(v) for k, v in values.items()}


def write(sandbox, table, values):
    try:
        sandbox.client("dynamodb").put_item(TableName=table, Item=typed(values))
    except ClientError:
        wanted(f"a table {table}", "there is none", "the cell that makes the tables")


def remove(sandbox, table, **key):
    sandbox.client("dynamodb").delete_item(TableName=table, Key=typed(key))


def counted(sandbox, name, metric):
    """Return one of the metrics of a function's mapping, such as FilteredOutEventCount: 0 where it counted nothing yet."""
    return sandbox.history()["mapping_metrics"].get(mapping_of(sandbox, name)["UUID"], {}).get(metric, 0)


def matches(sandbox, pattern, record):
    """Return whether a filter's pattern matches a record: EventBridge, which has the same patterns, can be asked."""
    about = {"id": "1", "account": "000000000000", "source": "check", "time": "2026-11-21T09:00:00Z"}
    event = {**about, "region": "us-east-1", "resources": [], "detail-type": "check", "detail": {}, **record}
    answer = sandbox.client("events").test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
    return answer["Result"]


def not_stuck(sandbox):
    """Return an ``unless``: it fails the check once the totals' mapping tries one batch for ever."""

    def look():
        mapping = mapping_of(sandbox, TOTALS)
        endless = mapping["MaximumRetryAttempts"] == mapping["MaximumRecordAgeInSeconds"] == -1
        expect_true(
            not (endless and mapping["LastProcessingResult"].startswith("PROBLEM")),
            wanted="a mapping that gives a bad change up, so that what is behind it gets through",
            got=f"{mapping['LastProcessingResult']}; MaximumRetryAttempts is -1, which is for ever",
            look_at="MaximumRetryAttempts of the mapping to cloudberry-totals",
        )

    return look


def expect_shelf_done(sandbox):
    """Fail the check unless the function does right what the stream would hand it: else there is nothing to wait for."""
    jar = {"sku": f"jar-direct-{time.time_ns()}", "left": 2, "price_cents": 650, "cost_cents": 310}
    new = change("INSERT", None, jar, 1, "Stock", "sku")
    filters = mapping_of(sandbox, SHELF).get("FilterCriteria", {}).get("Filters", [])
    expect_true(
        not filters or any(matches(sandbox, each["Pattern"], new) for each in filters),
        wanted="a filter that lets the changes of jars through",
        got=filters,
        look_at="gap 2: the prefix, and the names on the way to it, as they are in a record",
    )
    look_at = "gap 1: put_item with those attributes of NewImage that are FOR_EVERYBODY"
    call(sandbox, SHELF, {"Records": [new]}, look_at)
    expect(
        table_item(sandbox, "Shelf", sku=jar["sku"]),
        wanted={"sku": jar["sku"], "left": "2", "price_cents": "650"},
        look_at=look_at,
    )
    look_at = "gap 1: delete_item with change['Keys'] when eventName is REMOVE"
    call(sandbox, SHELF, {"Records": [change("REMOVE", jar, None, 2, "Stock", "sku")]}, look_at)
    expect(table_item(sandbox, "Shelf", sku=jar["sku"]), wanted=None, look_at=look_at)


def expect_totals_done(sandbox):
    """Fail the check unless the function does right what the stream would hand it: else there is nothing to wait for."""
    mapping_of(sandbox, TOTALS)
    customer = f"direct-{time.time_ns()}"
    first, second = sale(f"{customer}-1", customer, 300), sale(f"{customer}-2", customer, 40)
    records = [change("INSERT", None, first, 1), change("INSERT", None, second, 2)]
    records += [change("MODIFY", second, {**second, "cents": 50}, 3), change("REMOVE", first, None, 4)]
    expect(hand_over(sandbox, records), wanted=[], look_at="good changes are no failures")
    expect(
        totals(sandbox, [customer]),
        wanted={customer: 50},
        look_at="INSERT adds, REMOVE takes off, MODIFY does both",
    )


def change(event_name, old, new, number, table="Sales", key_name="sale_id"):
    """Return a record as the stream of a table has it."""
    key = {key_name: (new or old)[key_name]}
    images = {"OldImage": old, "NewImage": new}
    return {
        "eventID": uuid.uuid4().hex,
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": int(time.time()),
            "Keys": typed(key),
            **{name: typed(image) for name, image in images.items() if image is not None},
            "SequenceNumber": f"990000000000000000{number:06}",
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2026-01-01T00:00:00.000",
    }


def sale(sale_id, customer, cents):
    return {"sale_id": sale_id, "customer": customer, "cents": cents}


def hand_over(sandbox, records):
    """Give cloudberry-totals a batch directly; return the sequence numbers that it reports."""
    require_function(sandbox, TOTALS)
    result = sandbox.invoke(TOTALS, {"Records": records})
    expect_true(
        result.function_error is None,
        wanted="a report, and no exception",
        got=result.payload,
        look_at="an exception that leaves the handler fails the whole batch: catch it, and report the change",
    )
    answer = {} if result.payload is None else result.payload
    failures = answer.get("batchItemFailures", []) if isinstance(answer, dict) else None
    try:
        return [failure["itemIdentifier"] for failure in failures]
    except (TypeError, KeyError):
        return wanted(
            'a report {"batchItemFailures": [{"itemIdentifier": "..."}]}',
            result.payload,
            "what the handler returns",
        )


def numbers(records, *places):
    return [records[place]["dynamodb"]["SequenceNumber"] for place in places]


def totals(sandbox, customers):
    """Return the cents of each customer; who has no item has none."""
    items = {customer: table_item(sandbox, "Totals", customer=customer) for customer in customers}
    return {customer: int((item or {}).get("cents", "0")) for customer, item in items.items()}


def names(seeded, count):
    return [f"customer-{seeded.randrange(10**9)}-{number}" for number in range(count)]


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"), {"changes_of_six_writes": int, "changes_in_the_next_batch": int}
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what the stream holds and what a bad change drags along

    A stream's reader has one bookmark. What is behind a bad change comes again with it, and without
    bisecting it is given up with it.
    """
    right = [
        ("changes_of_six_writes", 5, "the lines under 'Example', one a change"),
        ("changes_in_the_second_batch", 3, "the second line that begins with batch:, in the first run"),
        ("given_up_without_bisecting", 3, "the line 'given up' of the first run"),
        ("given_up_with_bisecting", 1, "the line 'given up' of the second run"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_shelf_follows_the_stock(sandbox):
    """What is put into the stock, changed and taken out is so on the shelf, without what it cost us

    A projection shows what its readers need, in the shape that they need, and nothing else.
    """
    expect_shelf_done(sandbox)
    sku = f"jar-check-{time.time_ns()}"
    public = {"sku": sku, "left": 4, "price_cents": 700}
    for left in (9, 4):
        write(sandbox, "Stock", {**public, "left": left, "cost_cents": 300, "supplier": "Bo"})
    shown = {"sku": sku, "left": "4", "price_cents": "700"}
    until(lambda: table_item(sandbox, "Shelf", sku=sku) == shown)
    expect(
        table_item(sandbox, "Shelf", sku=sku),
        wanted=shown,
        look_at="gap 1: put_item with those attributes of NewImage that are FOR_EVERYBODY",
    )
    remove(sandbox, "Stock", sku=sku)
    until(lambda: table_item(sandbox, "Shelf", sku=sku) is None)
    expect(
        table_item(sandbox, "Shelf", sku=sku),
        wanted=None,
        look_at="gap 1: delete_item with change['Keys'] when eventName is REMOVE",
    )


@pytest.mark.points(2)
def test_boxes_are_passed_over_without_a_call(sandbox):
    """The mapping keeps boxes and labels away from the function

    A filter decides before there is a call, so what it passes over costs nothing.
    """
    look_at = "gap 2: the pattern (three changes of boxes should have been filtered out)"
    expect_true(
        bool(mapping_of(sandbox, SHELF).get("FilterCriteria", {}).get("Filters")),
        wanted=f"a filter of the mapping to {SHELF}",
        got="it has none",
        look_at=look_at,
    )
    names = ("FilteredOutEventCount", "PolledEventCount")
    before, polled = (counted(sandbox, SHELF, name) for name in names)

    def passed_over():
        return counted(sandbox, SHELF, names[0]) - before

    def all_read():
        return counted(sandbox, SHELF, names[1]) >= polled + 3

    for number in range(3):
        write(sandbox, "Stock", {"sku": f"box-{time.time_ns()}", "left": number, "price_cents": 0})
    until(lambda: all_read() or passed_over() >= 3, timeout_s=8)
    expect(passed_over(), wanted=3, look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_shelf_is_right_after_any_writes(sandbox, seeded):
    """After many writes in any order the shelf shows the last state of each jar"""
    expect_shelf_done(sandbox)
    run = seeded.randrange(10**9)
    skus = [f"jar-{run}-{n}" for n in range(3)] + [f"label-{run}", f"ajar-{run}"]
    stock = {}
    for _ in range(18):
        sku = seeded.choice(skus)
        if sku in stock and seeded.random() < 0.3:
            remove(sandbox, "Stock", sku=sku)
            del stock[sku]
        else:
            stock[sku] = {
                "sku": sku,
                "left": seeded.randint(0, 99),
                "price_cents": seeded.randint(100, 999),
            }
            write(sandbox, "Stock", {**stock[sku], "cost_cents": seeded.randint(1, 99)})
    right = {
        sku: {k: str(v) for k, v in stock[sku].items()} if sku in stock and sku.startswith("jar-") else None
        for sku in skus
    }
    found = {}

    def is_right():
        found.update({sku: table_item(sandbox, "Shelf", sku=sku) for sku in skus})
        return found == right

    until(is_right, SETTLED_S)
    expect(found, wanted=right, look_at="both gaps: only jars, the last image of each, and none that is gone")


@pytest.mark.points(2)
def test_totals_follow_the_sales(sandbox):
    """Sales that are added, corrected and taken back are in the totals

    The old image says what has been counted, the new one what should be: their difference is all that a
    sum needs.
    """
    expect_totals_done(sandbox)
    run = time.time_ns()
    ada, bo = f"ada-{run}", f"bo-{run}"
    for number, customer, cents in [(1, ada, 650), (2, ada, 420), (3, bo, 390), (3, bo, 500), (2, bo, 400)]:
        write(sandbox, "Sales", sale(f"{run}-{number}", customer, cents))
    write(sandbox, "Sales", sale(f"{run}-4", bo, 7000))
    remove(sandbox, "Sales", sale_id=f"{run}-4")
    until(lambda: totals(sandbox, [ada, bo]) == {ada: 650, bo: 900}, SETTLED_S, not_stuck(sandbox))
    expect(
        totals(sandbox, [ada, bo]),
        wanted={ada: 650, bo: 900},
        look_at="INSERT adds, REMOVE takes off, MODIFY does both, also from one customer to another",
    )


@pytest.mark.points(2)
def test_a_change_that_comes_again_counts_once(sandbox):
    """The same batch twice is counted once

    Lambda hands a batch over again when it cannot be sure that it was done. The change's own id is what
    makes it known.
    """
    run = time.time_ns()
    ada = f"ada-{run}"
    records = [
        change("INSERT", None, sale(f"{run}-1", ada, 650), 1),
        change("MODIFY", sale(f"{run}-1", ada, 650), sale(f"{run}-1", ada, 700), 2),
        change("INSERT", None, sale(f"{run}-2", ada, 50), 3),
    ]
    for _ in range(2):
        expect(
            hand_over(sandbox, records), wanted=[], look_at="a change that is counted already is no failure"
        )
    expect(
        totals(sandbox, [ada]),
        wanted={ada: 750},
        look_at="Applied: put eventID with attribute_not_exists(event_id), in one transaction with the sum",
    )


@pytest.mark.points(2)
def test_report_names_the_first_bad_change(sandbox):
    """Of five changes, the third and the fifth bad, the third is reported and the first two are counted

    The bookmark moves up to the change that is reported; the rest comes again, so there is no use in
    going on.
    """
    run = time.time_ns()
    ada = f"ada-{run}"
    records = [change("INSERT", None, sale(f"{run}-{n}", ada, 100), n) for n in range(1, 6)]
    for place in (2, 4):
        records[place]["dynamodb"]["NewImage"]["cents"] = {"S": "ten euros"}
    expect(
        hand_over(sandbox, records),
        wanted=numbers(records, 2),
        look_at="record['dynamodb']['SequenceNumber'] of the first that fails, and return at once",
    )
    expect(totals(sandbox, [ada]), wanted={ada: 200}, look_at="what is counted before the bad change")


@pytest.mark.points(2)
@pytest.mark.held
def test_bad_images_count_for_nothing(sandbox, seeded):
    """A change with an image that is no sale is reported, whichever image it is, and counts for nothing"""
    ada, bo = names(seeded, 2)
    good = sale("s", ada, 300)
    broken = [
        {"sale_id": "s", "customer": bo},
        {"sale_id": "s", "cents": 300},
        {"sale_id": "s", "customer": 7, "cents": 300},
        {"sale_id": "s", "customer": bo, "cents": {"N": "12.5"}},
        {"sale_id": "s", "customer": bo, "cents": {"S": str(seeded.randint(1, 99))}},
        {"sale_id": "s", "customer": bo, "cents": {"NULL": True}},
    ]
    seeded.shuffle(broken)
    for number, image in enumerate(broken, start=1):
        old, new = (good, image) if number % 2 else (image, good)
        for record in (change("MODIFY", old, new, number), change("INSERT", None, image, number + 50)):
            expect(
                hand_over(sandbox, [record]),
                wanted=numbers([record], 0),
                look_at="both images are read before anything is written",
            )
    expect(totals(sandbox, [ada, bo]), wanted={ada: 0, bo: 0}, look_at="nothing of a bad change is counted")


@pytest.mark.points(3)
@pytest.mark.held
def test_totals_are_right_after_any_sales(sandbox, seeded):
    """After many sales, corrections and returns the totals are what the sales add up to"""
    expect_totals_done(sandbox)
    customers, sales = names(seeded, 3), {}
    run = seeded.randrange(10**9)
    for _ in range(20):
        sale_id = f"{run}-{seeded.randrange(6)}"
        if sale_id in sales and seeded.random() < 0.3:
            remove(sandbox, "Sales", sale_id=sale_id)
            del sales[sale_id]
        else:
            sales[sale_id] = sale(sale_id, seeded.choice(customers), seeded.randint(100, 9_000))
            write(sandbox, "Sales", sales[sale_id])
    right = {name: sum(s["cents"] for s in sales.values() if s["customer"] == name) for name in customers}
    until(lambda: totals(sandbox, customers) == right, SETTLED_S, not_stuck(sandbox))
    expect(
        totals(sandbox, customers),
        wanted=right,
        look_at="off with the old image, on with the new one, and each change once",
    )


@pytest.mark.points(3)
def test_a_bad_change_is_told_and_the_rest_gets_through(sandbox, seeded):
    """Bad changes among good ones: they alone are given up and told, and what follows is counted

    A stream keeps its order, so what cannot be handled holds up all that is behind it, until it is given up. Then a
    destination is all that still knows of it.
    """
    mapping = mapping_of(sandbox, TOTALS)
    expect(
        [mapping.get("FunctionResponseTypes"), mapping.get("BisectBatchOnFunctionError")],
        wanted=[["ReportBatchItemFailures"], True],
        look_at="FunctionResponseTypes and BisectBatchOnFunctionError of the mapping",
    )
    expect_true(
        mapping["MaximumRetryAttempts"] >= 0,
        wanted="a mapping that gives up after some tries: MaximumRetryAttempts",
        got="-1: it tries a bad change for as long as the stream keeps it",
        look_at="MaximumRetryAttempts, and whether the good changes beside a bad one get through",
    )
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "none")
    expect_true(
        destination.split(":")[-1] == f"{TOTALS}-failed",
        wanted="each bad change told by itself to cloudberry-totals-failed",
        got=f"the on-failure destination of the mapping is {destination}",
        look_at="DestinationConfig of the mapping, with OnFailure and the queue's ARN",
    )
    expect_totals_done(sandbox)
    (customer,) = names(seeded, 1)
    run, cents = seeded.randrange(10**9), [seeded.randint(100, 900) for _ in range(7)]
    bad = sorted(seeded.sample(range(6), k=2))
    for place, price in enumerate(cents):
        write(sandbox, "Sales", sale(f"{run}-{place}", customer, "a lot" if place in bad else price))
    right = sum(price for place, price in enumerate(cents) if place not in bad)
    until(lambda: totals(sandbox, [customer]) == {customer: right}, timeout_s=25)
    expect(
        totals(sandbox, [customer]),
        wanted={customer: right},
        look_at="MaximumRetryAttempts, and whether the good changes beside a bad one get through",
    )
    told = given_up(sandbox, at_least=2)
    expect_true(
        len(told) >= 2 and all(info["batchSize"] == 1 for info in told),
        wanted="each bad change told by itself to cloudberry-totals-failed",
        got=[info["batchSize"] for info in told],
        look_at="DestinationConfig of the mapping, with OnFailure and the queue's ARN",
    )


def given_up(sandbox, at_least):
    """Return what the queue of failures has been told: a DDBStreamBatchInfo for each range that was given up."""
    sqs, told = sandbox.client("sqs"), []
    url = queue_url(sandbox, f"{TOTALS}-failed")

    def enough():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
        bodies = [json.loads(message["Body"]) for message in answer.get("Messages", ())]
        told.extend(body["DDBStreamBatchInfo"] for body in bodies if "DDBStreamBatchInfo" in body)
        return len(told) >= at_least

    until(enough)
    return told
