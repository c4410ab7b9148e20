"""What lab 02 asks for: two services' events taken apart, time kept an eye on, and bad input refused politely."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote_plus

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import call, expect_guesses, expect_observed

ARRIVALS = "cloudberry-arrivals"
LABELS = "cloudberry-labels"
ORDER = "cloudberry-order"
PRICES_CENTS = {"jam": 650, "juice": 420, "tea": 390, "honey": 890}


def stored(bucket, key, size):
    """Return the record that S3 sends for a file that has arrived."""
    return s3_record("ObjectCreated:Put", bucket, {"key": quote_plus(key), "size": size, "eTag": "0" * 32})


def removed(bucket, key):
    """Return the record that S3 sends for a file that was deleted: it has no size any more."""
    return s3_record("ObjectRemoved:Delete", bucket, {"key": quote_plus(key)})


def s3_record(event_name, bucket, stored_object):
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-21T09:00:00.000Z",
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:SUPPLIER"},
        "requestParameters": {"sourceIPAddress": "203.0.113.17"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "arrivals",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {**stored_object, "sequencer": "0055AED6DCD90281E5"},
        },
    }


def files_in(result):
    """Return the files of an answer, or the whole answer where it has none."""
    return result.payload.get("files") if type(result.payload) is dict else result.payload


def http_event(body, encoded=False):
    """Return what an HTTP API sends for a POST; ``None`` for a request without a body."""
    event = {
        "version": "2.0",
        "routeKey": "POST /orders",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-forwarded-proto": "https"},
        "requestContext": {"http": {"method": "POST", "path": "/orders"}, "stage": "$default"},
        "isBase64Encoded": encoded,
    }
    if body is not None:
        event["body"] = base64.b64encode(body.encode()).decode() if encoded else body
    return event


def order(sandbox, body, encoded=False):
    """Send an order; return its status, its body read as JSON, and the invocation."""
    result = call(sandbox, ORDER, http_event(body, encoded), look_at=f"what happens with the body {body!r}")
    answer = result.payload if type(result.payload) is dict else {}
    text = answer.get("body")
    expect_true(
        type(text) is str and type(answer.get("statusCode")) is int,
        wanted="an answer with a statusCode and a body that is text",
        got=result.payload,
        look_at="the form of the answer: json.dumps makes text of the body",
    )
    try:
        return answer["statusCode"], json.loads(text), result
    except ValueError:
        expect_true(False, wanted="a body that is JSON", got=text, look_at="json.dumps for the body")
        raise


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"tuple_comes_back_as": str, "set_comes_back_as": str, "type_of_the_memory_limit": str},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what gets through JSON, and what stays the same between two calls

    JSON is the border between caller and function: what it has no word for is changed or refused there.
    """
    right = [
        ("a_tuple_came_back_as", "list", "the first line under 'Out'"),
        ("a_set_came_back_as", "error", "the line 'a set' under 'Out': is there an answer?"),
        ("the_key_650_came_back_as", "650", "the second line under 'Out': mind the quotes"),
        (
            "the_request_id_was_the_same",
            False,
            "aws_request_id of cloudberry-context, and of the second call",
        ),
        (
            "the_log_stream_was_the_same",
            True,
            "log_stream_name: a second line is shown only where it differs",
        ),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_arrivals_reads_the_sample(sandbox):
    """Of a file that arrived, bucket, key and size are reported, and of a removed one nothing

    A function is written for its source: it takes what it needs out of that source's shape, first of all.
    """
    event = {"Records": [stored("cloudberry-arrivals", "price list+jam.csv", 2048)]}
    result = call(sandbox, ARRIVALS, event, look_at="the three gaps in work/arrivals/app.py")
    expect(
        files_in(result),
        wanted=[{"bucket": "cloudberry-arrivals", "key": "price list+jam.csv", "size": 2048}],
        look_at="gap 2 (unquote_plus for the key), and the name files in gap 3",
    )
    gone = call(sandbox, ARRIVALS, {"Records": [removed("cloudberry-arrivals", "a.csv")]}, look_at="gap 1")
    expect(files_in(gone), wanted=[], look_at="gap 1: startswith, and continue")


@pytest.mark.points(1)
def test_arrivals_names_its_request(sandbox):
    """The answer carries the id of the request that made it

    With the request's id in hand anybody finds the lines in the log that belong to this call and to no other.
    """
    event = {"Records": [stored("cloudberry-arrivals", "tea.csv", 1)]}
    result = call(sandbox, ARRIVALS, event, look_at="gap 3")
    expect(
        result.payload.get("request_id") if type(result.payload) is dict else result.payload,
        wanted=result.report["request_id"],
        look_at="gap 3: context.aws_request_id, asked for inside the handler",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_arrivals_reads_any_records(sandbox, seeded):
    """Several records in one event, with names of every kind, are read right"""
    words = ["jam", "a b", "100%", "tea+honey", "hjortron/åäö", "50 & 50", "=1+1", "漿果", "plain"]
    for _ in range(3):
        records, files = [], []
        for number in range(seeded.randint(2, 5)):
            bucket, key = f"bucket-{seeded.randint(1, 99)}", f"{number}/{seeded.choice(words)}.csv"
            if seeded.random() < 0.4:
                records.append(removed(bucket, key))
            else:
                size = seeded.randint(0, 10**6)
                records.append(stored(bucket, key, size))
                files.append({"bucket": bucket, "key": key, "size": size})
        result = call(sandbox, ARRIVALS, {"Records": records}, look_at="what a removed file's record lacks")
        expect(files_in(result), wanted=files, look_at="the loop, and the decoding of the key")


@pytest.mark.points(2)
def test_labels_stops_in_time(sandbox):
    """A hundred parcels do not fit into two seconds, and the function says which are left

    Lambda ends a call that takes too long, without asking; a handler that looks at the clock ends by itself.
    """
    parcels = [f"parcel-{number}" for number in range(100)]
    got = call(sandbox, LABELS, {"parcels": parcels}, look_at="the gap, and Timeout=2").payload
    printed, left = (got.get("printed"), got.get("left")) if type(got) is dict else (None, None)
    expect_true(
        bool(printed) and bool(left),
        wanted="some parcels printed and some left",
        got=got,
        look_at="the condition for leaving the loop",
    )
    expect(
        printed + left,
        wanted=parcels,
        look_at="printed and left: together they are all the parcels, in order",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_labels_uses_the_time_that_there_is(sandbox, seeded):
    """A small job is done to its end, and with more time more is done"""
    few = [f"few-{seeded.randrange(10**6)}" for _ in range(seeded.randint(2, 6))]
    got = call(sandbox, LABELS, {"parcels": few}, look_at="the condition for leaving the loop").payload
    expect(
        got, wanted={"printed": few, "left": []}, look_at="whether you leave the loop only when time is short"
    )

    client = sandbox.client("lambda")
    before = client.get_function_configuration(FunctionName=LABELS)["Timeout"]
    many = [f"many-{number}" for number in range(200)]
    counts = []
    try:
        for timeout in [1, 3]:
            client.update_function_configuration(FunctionName=LABELS, Timeout=timeout)
            client.get_waiter("function_updated_v2").wait(FunctionName=LABELS)
            got = call(sandbox, LABELS, {"parcels": many}, look_at="where the time comes from").payload
            expect(got["printed"] + got["left"], wanted=many, look_at="printed and left, in order")
            counts.append(len(got["printed"]))
    finally:
        client.update_function_configuration(FunctionName=LABELS, Timeout=before)
    expect_true(
        0 < counts[0] < counts[1],
        wanted="some labels with a timeout of one second, and more with three",
        got=f"{counts[0]} with one second and {counts[1]} with three",
        look_at="context.get_remaining_time_in_millis(): a count or a fixed time knows nothing of the setting",
    )


@pytest.mark.points(2)
def test_order_is_taken(sandbox):
    """A good order gets 200, its total, and the request's id as its own

    The API wants a status, headers and a body that is text: it turns them into the answer that the browser sees.
    """
    status, body, result = order(sandbox, '{"sku": "jam", "quantity": 3}')
    expect(status, wanted=200, look_at="the statusCode of a good order")
    wanted = {"order_id": result.report["request_id"], "sku": "jam", "quantity": 3, "total_cents": 1950}
    expect(body, wanted=wanted, look_at="the body: order_id is context.aws_request_id")
    headers = result.payload.get("headers")
    names = {name.lower(): value for name, value in headers.items()} if type(headers) is dict else {}
    kind = names.get("content-type")
    if type(kind) is str:  # a charset may stand behind it
        kind = kind.split(";")[0].strip().lower()
    expect(kind, wanted="application/json", look_at="headers in the answer")


@pytest.mark.points(2)
def test_order_is_refused_with_reasons(sandbox):
    """A bad order gets 400 and the names of what is wrong

    A customer's mistake is an answer and not an exception: the caller learns what to change, and no alarm rings.
    """
    for text, errors in [
        ('{"sku": "cloud", "quantity": 3}', ["sku"]),
        ('{"sku": "jam", "quantity": 0}', ["quantity"]),
        ("{}", ["quantity", "sku"]),
        ("three jars, please", ["body"]),
    ]:
        status, body, _ = order(sandbox, text)
        got = {"statusCode": status, "body": body}
        wanted = {"statusCode": 400, "body": {"errors": errors}}
        expect(got, wanted=wanted, look_at=f"what your function makes of the body {text}")


@pytest.mark.points(3)
@pytest.mark.held
def test_order_holds_against_anything(sandbox, seeded):
    """Good orders at the limits are taken, in base64 too, and everything else is refused"""
    for quantity in [1, 100, seeded.randint(2, 99)]:
        sku = seeded.choice(sorted(PRICES_CENTS))
        text = json.dumps({"note": "façade", "quantity": quantity, "sku": sku}, ensure_ascii=False)
        status, body, _ = order(sandbox, text, encoded=seeded.random() < 0.5 or quantity == 100)
        total = body.get("total_cents") if type(body) is dict else body
        expect([status, total], wanted=[200, PRICES_CENTS[sku] * quantity], look_at=f"the order {text}")
    sku = seeded.choice(sorted(PRICES_CENTS))
    wrong = [
        *({"sku": sku, "quantity": bad} for bad in [101, -seeded.randint(1, 9), "3", 3.0, True, None, [3]]),
        *({"sku": bad, "quantity": 2} for bad in [None, 7, [sku], {"sku": sku}, sku.upper(), ""]),
    ]
    seeded.shuffle(wrong)
    for bad in wrong:
        errors = ["sku"] if bad["quantity"] == 2 and bad["sku"] != sku else ["quantity"]
        status, body, _ = order(sandbox, json.dumps(bad))
        expect([status, body], wanted=[400, {"errors": errors}], look_at=f"the order {json.dumps(bad)}")
    for text in [None, "", "null", "[]", '"jam"', '{"sku": "jam"']:
        status, body, _ = order(sandbox, text)
        expect([status, body], wanted=[400, {"errors": ["body"]}], look_at=f"the body {text!r}")
