"""What lab 08 asks for: lists that become pages, failures that end in a queue, and a table that keeps the newest count."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    configuration_of,
    expect_guesses,
    expect_observed,
    losses,
    queue_url,
    require_destination,
    require_function,
    table_item,
    until,
)

ACCOUNT = "000000000000"
PRICES, STOCK = "cloudberry-prices", "cloudberry-stock"
INCOMING, CATALOGUE = f"cloudberry-incoming-{ACCOUNT}", f"cloudberry-catalogue-{ACCOUNT}"
SHELVES = f"cloudberry-stock-{ACCOUNT}"


def own_bucket(sandbox, name):
    """Return a bucket of the check's own, which invokes nothing."""
    sandbox.client("s3").create_bucket(Bucket=name)
    return name


def put(sandbox, bucket, key, body):
    try:
        sandbox.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError:
        wanted(f"a bucket {bucket}", "there is none", "the cell that makes the buckets")


def page(sandbox, name):
    """Return a page of the catalogue, ``None`` where there is none."""
    try:
        body = sandbox.client("s3").get_object(Bucket=CATALOGUE, Key=name)["Body"].read()
        return json.loads(body)
    except ClientError:
        return None
    except ValueError:
        return wanted(f"JSON in {name}", "something else", "what gap 3 puts into the catalogue")


def record(bucket, key, sequencer="0055AED6DCD90281E5"):
    """Return the record that S3 sends for a new object."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-21T09:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:SUPPLIER"},
        "requestParameters": {"sourceIPAddress": "203.0.113.17"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "check",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": 1,
                "eTag": "0" * 32,
                "sequencer": sequencer,
            },
        },
    }


def tell(sandbox, name, *records):
    """Invoke a function with records of S3; return the invocation."""
    require_function(sandbox, name)
    return sandbox.invoke(name, {"Records": list(records)})


def told_well(sandbox, name, *records):
    """Invoke a function with records of S3; fail the check if it raises."""
    result = tell(sandbox, name, *records)
    expect_true(
        result.function_error is None,
        wanted=f"a run without an error for {records[-1]['s3']['object']['key']}",
        got=result.payload,
        look_at="the errorMessage: NoSuchKey means that the key was not decoded",
    )


def lets_through(configuration, key):
    """Return whether the filter of one notification lets an object's key through."""
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    tests = {"prefix": key.startswith, "suffix": key.endswith}
    return all(tests[rule["Name"].lower()](rule["Value"]) for rule in rules)


def require_notification(sandbox, bucket, name, key, look_at):
    """Pass if the bucket invokes the function for this key: without that there is nothing to wait for."""
    try:
        found = sandbox.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except ClientError:
        wanted(f"a bucket {bucket}", "there is none", "the cell that makes the buckets")
    made = found.get("LambdaFunctionConfigurations", [])
    own = [each for each in made if each["LambdaFunctionArn"].split(":")[6] == name]
    expect_true(
        any(lets_through(each, key) for each in own),
        wanted=f"a bucket {bucket} that invokes {name} for {key}",
        got=f"its filters are {json.dumps([each.get('Filter') for each in own])}" if own else "it does not",
        look_at=look_at,
    )


def expect_page_made(sandbox):
    """Fail the check unless the function makes a page of a list when it is told of it: else there is nothing to wait for."""
    bucket = own_bucket(sandbox, "check-direct")
    put(sandbox, bucket, "lists/direct list.csv", "sku,price\njam,6.50\n")
    told_well(sandbox, PRICES, record(bucket, "lists/direct list.csv"))
    look_at = "the three gaps of the handler: the key, the text, the put_object"
    expect(page(sandbox, "direct list.json"), wanted={"jam": 650}, look_at=look_at)


def price_list(prices):
    rows = [f"{sku},{cents // 100}.{cents % 100:02}" for sku, cents in prices.items()]
    return "\n".join(["sku,price", *rows, ""])


def runs_of(sandbox, name):
    """Return the request ids of the events that a function was invoked for."""
    rows = sandbox.history()["invocations"]
    return {row["request_id"] for row in rows if row["function_name"] == name}


def failure_of(sandbox, queue, key, timeout_s):
    """Return the record of the failed event that speaks of ``key``; ``None`` if none comes in time."""
    sqs, found = sandbox.client("sqs"), []
    url = queue_url(sandbox, queue)

    def there():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=2)
        for message in answer.get("Messages", ()):
            letter = json.loads(message["Body"])
            keys = [each["s3"]["object"]["key"] for each in letter["requestPayload"]["Records"]]
            if quote_plus(key, safe="/") in keys:
                found.append(letter)
        return bool(found)

    until(there, timeout_s)
    return found[0] if found else None


def shelf(sandbox, name):
    """Return what the table holds of a shelf: jars and changes; ``None`` where it holds nothing."""
    item = table_item(sandbox, "Stock", shelf=name)
    return item and {key: item.get(key, "nothing") for key in ("jars", "changes")}


def count(sandbox, bucket, name, jars, sequencer):
    """Store a count in the bucket and tell the function, with that sequencer."""
    put(sandbox, bucket, f"stock/{name}.json", json.dumps({"jars": jars}))
    told_well(sandbox, STOCK, record(bucket, f"stock/{name}.json", sequencer))


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"key_in_the_event": str, "runs_for_one_picture": int, "runs_for_a_broken_file": int},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down how a key is written, what the loop did, and how often a broken list ran

    Sixteen turns is where Lambda's net is, and it hangs below a mistake: the plan is never to need it.
    """
    right = [
        ("the_key_was_written", "lists/jam+%26+tea.csv", "the log of cloudberry-look: the line with key"),
        ("the_loop_ran", 16, "the history of cloudberry-loop: the last row is a refusal and no run"),
        ("objects_in_the_bucket", 17, "the line under 'The trap'"),
        ("the_broken_list_ran", 3, "the failed event, once all gaps are filled: runs"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_list_becomes_a_page(sandbox):
    """A price list becomes a page in the catalogue, whatever its file is called

    The event's key is URL-encoded. Who forgets that is right for years, until somebody uses a space.
    """
    bucket = own_bucket(sandbox, "check-lists")
    for key, name in [
        ("lists/plain.csv", "plain.json"),
        ("lists/south/tea & more+.csv", "south/tea & more+.json"),
    ]:
        put(sandbox, bucket, key, "sku,price\njam,6.50\ntea,3.90\n")
        told_well(sandbox, PRICES, record(bucket, key))
        look_at = "the three gaps of the handler: the key, the text, the put_object"
        expect(page(sandbox, name), wanted={"jam": 650, "tea": 390}, look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_any_lists_become_pages(sandbox, seeded):
    """Lists of any name, several in one event, become pages with the right prices"""
    bucket = own_bucket(sandbox, "check-any-lists")
    words = ["jam 100%", "hjortron åäö", "a=b", "漿果", "tea+honey", "50 & 50", "(new)"]
    for number in range(3):
        records, pages = [], {}
        for word in seeded.sample(words, k=seeded.randint(1, 3)):
            name = f"{number}/{seeded.randrange(10**6)} {word}"
            skus = seeded.sample(["jam", "juice", "tea", "honey", "syrup"], k=seeded.randint(1, 5))
            prices = {sku: seeded.randint(1, 99_999) for sku in skus}
            put(sandbox, bucket, f"lists/{name}.csv", price_list(prices))
            records.append(record(bucket, f"lists/{name}.csv"))
            pages[f"{name}.json"] = prices
        told_well(sandbox, PRICES, *records)
        for name, prices in pages.items():
            expect(
                page(sandbox, name), wanted=prices, look_at="each record of the event, in any bucket's name"
            )


@pytest.mark.points(2)
def test_bucket_invokes_for_price_lists_only(sandbox):
    """The bucket calls the function for .csv under lists/, and for nothing else

    A filter in the notification costs nothing; the same test inside the function costs an invocation for each
    object that does not matter.
    """
    look_at = "gaps 1 and 2 of the wiring: is the bucket permitted to invoke, and did S3 accept?"
    require_notification(sandbox, INCOMING, PRICES, "lists/a.csv", look_at)
    expect_page_made(sandbox)
    lost, before = losses(sandbox, PRICES, look_at), runs_of(sandbox, PRICES)
    for key in ["lists/check.txt", "check.csv", "old-lists/check.csv"]:
        put(sandbox, INCOMING, key, "sku,price\njam,6.50\n")
    put(sandbox, INCOMING, "lists/check stored.csv", "sku,price\nhoney,8.90\n")
    until(lambda: page(sandbox, "check stored.json") is not None, timeout_s=15, unless=lost)
    expect(page(sandbox, "check stored.json"), wanted={"honey": 890}, look_at=look_at)
    expect(
        len(runs_of(sandbox, PRICES) - before),
        wanted=1,
        look_at="gap 2 of the wiring: prefix lists/ and suffix .csv; four objects were stored, one is a list",
    )


@pytest.mark.points(1)
def test_no_other_bucket_may_call(sandbox):
    """Your bucket may invoke the function, and another bucket may not

    The permission names the source. Without it, every bucket of everybody could call your function.
    """
    arn = configuration_of(sandbox, PRICES)["FunctionArn"]

    def accepted(bucket):
        configuration = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectRemoved:Delete"], "Id": "check"}
        s3 = sandbox.client("s3")
        found = s3.get_bucket_notification_configuration(Bucket=bucket)
        kept = found.get("LambdaFunctionConfigurations", [])
        try:
            s3.put_bucket_notification_configuration(
                Bucket=bucket,
                NotificationConfiguration={"LambdaFunctionConfigurations": [*kept, configuration]},
            )
        except ClientError:
            return False
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": kept}
        )
        return True

    stranger = own_bucket(sandbox, "check-stranger")
    own_bucket(sandbox, INCOMING)
    expect(
        {"the bucket for the lists": accepted(INCOMING), "a stranger's bucket": accepted(stranger)},
        wanted={"the bucket for the lists": True, "a stranger's bucket": False},
        look_at="gap 1 of the wiring: permit, with the function's name and that one bucket",
    )


@pytest.mark.points(3)
def test_broken_list_ends_in_the_queue(sandbox, seeded):
    """A broken list is tried three times and ends in the queue, and a good one beside it is none the worse

    An event that nobody waits for has nobody to tell: what is given up without a destination is gone, and the error
    that a handler catches never happened.
    """
    look_at = "gap 3 of the wiring: OnFailure; and the handler, which must not catch the error"
    require_notification(sandbox, INCOMING, PRICES, "lists/a.csv", "gaps 1 and 2 of the wiring")
    expect_page_made(sandbox)
    require_destination(sandbox, PRICES, "OnFailure", f"{PRICES}-failed", look_at)
    run = seeded.randrange(10**9)
    broken, good = f"lists/broken {run}.csv", f"lists/good {run}.csv"
    prices = {"jam": seeded.randint(1, 5_000)}
    text = seeded.choice(["", "no list", "sku,price\njam,six fifty\n"])
    own = own_bucket(sandbox, "check-direct")
    put(sandbox, own, broken, text)
    result = tell(sandbox, PRICES, record(own, broken))
    expect_true(
        result.function_error is not None,
        wanted=f"an exception for a list that says {text!r}",
        got=result.payload,
        look_at=look_at,
    )
    put(sandbox, INCOMING, broken, text)
    put(sandbox, INCOMING, good, price_list(prices))
    until(lambda: page(sandbox, f"good {run}.json") is not None, timeout_s=15)
    expect(page(sandbox, f"good {run}.json"), wanted=prices, look_at="the good list beside a broken one")
    letter = failure_of(sandbox, f"{PRICES}-failed", broken, timeout_s=30)
    runs = letter and letter["requestContext"]["approximateInvokeCount"]
    expect(runs, wanted=3, look_at=look_at)


@pytest.mark.points(2)
def test_stock_keeps_the_newest_count(sandbox):
    """A later event changes the shelf; an older one, or the same one again, does not

    At least once and in no order: that is what a source may promise. The condition in the write makes of it
    once and in order.
    """
    bucket = own_bucket(sandbox, "check-stock")
    count(sandbox, bucket, "check", 40, "0055AED6DCD90281E5")
    look_at = "the key shelf, the number jars, and ADD changes :one"
    expect(shelf(sandbox, "check"), wanted={"jars": "40", "changes": "1"}, look_at=look_at)
    count(sandbox, bucket, "check", 12, "0055AED6DCD90281E6")
    expect(shelf(sandbox, "check"), wanted={"jars": "12", "changes": "2"}, look_at="a later event")
    for sequencer in ["0055AED6DCD90281E5", "0055AED6DCD90281E6"]:
        count(sandbox, bucket, "check", 7, sequencer)
        look_at = "an event that is older or known: the condition on the sequencer"
        expect(shelf(sandbox, "check"), wanted={"jars": "12", "changes": "2"}, look_at=look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_stock_is_right_in_any_order(sandbox, seeded):
    """Events of several shelves, shuffled and repeated, leave the newest counts"""
    bucket, run = own_bucket(sandbox, "check-any-stock"), seeded.randrange(10**9)
    names = [f"{run} moor & bog", f"{run}/north"]
    base = seeded.randrange(16**12, 16**13)
    events = []
    for name in names:
        steps = sorted(seeded.sample(range(1, 200), k=4))
        sequencers = [f"00{base + step:X}" for step in steps]
        sequencers[2] += "0A"  # longer than the one before it, shorter than nothing
        events += [(name, sequencer, seeded.randint(0, 99)) for sequencer in sequencers]
    order = events + seeded.sample(events, k=3)
    seeded.shuffle(order)
    held, changes = {}, {}
    for name, sequencer, jars in order:
        count(sandbox, bucket, name, jars, sequencer)
        if sequencer.ljust(40, "0") > held.get(name, ("", 0))[0]:
            held[name] = (sequencer.ljust(40, "0"), jars)
            changes[name] = changes.get(name, 0) + 1
        expect(
            shelf(sandbox, name),
            wanted={"jars": str(held[name][1]), "changes": str(changes[name])},
            look_at="sequencers of different lengths, several shelves, and a key that is not plain",
        )


@pytest.mark.points(2)
def test_stock_is_fed_and_failures_are_reported_at_once(sandbox, seeded):
    """The bucket feeds the stock; a broken file is reported after one run and changes nothing

    To try again helps against what passes by itself. A file that is wrong stays wrong, so it is reported at the
    first try.
    """
    run = seeded.randrange(10**9)
    good, bad = f"good {run}", f"bad {run}"
    jars = seeded.randint(1, 99)
    look_at = "permit and notify for the stock"
    require_notification(sandbox, SHELVES, STOCK, "stock/a.json", look_at)
    own, direct = own_bucket(sandbox, "check-bad-stock"), f"direct {run}"
    count(sandbox, own, direct, jars, "0055AED6DCD90281E5")
    expect(
        shelf(sandbox, direct),
        wanted={"jars": str(jars), "changes": "1"},
        look_at="the handler of the stock, which was told of a good file",
    )
    lost = losses(sandbox, STOCK, look_at)
    put(sandbox, SHELVES, f"stock/{good}.json", json.dumps({"jars": jars}))
    until(lambda: shelf(sandbox, good) is not None, timeout_s=15, unless=lost)
    expect(shelf(sandbox, good), wanted={"jars": str(jars), "changes": "1"}, look_at=look_at)
    for body in ["[]", '{"jars": -1}', '{"jars": "7"}', '{"jars": true}', '{"jars": 2.5}', "{}", "seven"]:
        put(sandbox, own, f"stock/{bad}.json", body)
        result = tell(sandbox, STOCK, record(own, f"stock/{bad}.json", f"00{seeded.randrange(16**12):012X}"))
        expect_true(
            result.function_error is not None and shelf(sandbox, bad) is None,
            wanted=f"an error and no change for a file with {body}",
            got={"error": result.function_error, "table": shelf(sandbox, bad)},
            look_at="what counts as a whole number from 0 on (in Python, True is an int too)",
        )
    look_at = "put_function_event_invoke_config: MaximumRetryAttempts=0 and the destination"
    require_destination(sandbox, STOCK, "OnFailure", f"{STOCK}-failed", look_at)
    put(sandbox, SHELVES, f"stock/{bad}.json", "seven")
    letter = failure_of(sandbox, f"{STOCK}-failed", f"stock/{bad}.json", timeout_s=15)
    expect(
        letter and letter["requestContext"]["approximateInvokeCount"],
        wanted=1,
        look_at=look_at,
    )
