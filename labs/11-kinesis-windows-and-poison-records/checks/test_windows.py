"""What lab 11 asks for: each minute's takings, told once a window, and poison that stops nobody."""

from __future__ import annotations

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    expect_guesses,
    expect_observed,
    mapping_of,
    queue_url,
    require_function,
    table_items,
    until,
)

MINUTES = "cloudberry-minutes"
TAKINGS = "cloudberry-takings"
WINDOW = {"start": "2026-03-07T11:10:00Z", "end": "2026-03-07T11:11:00Z"}


def send(sandbox, stream, key, text):
    """Put a record into a stream; return its sequence number."""
    try:
        answer = sandbox.client("kinesis").put_record(StreamName=stream, PartitionKey=key, Data=text.encode())
    except ClientError:
        wanted(f"a stream {stream}", "there is none", "the cell with make_stream")
    return answer["SequenceNumber"]


def event_of(texts, state, shard="shardId-000000000000", final=False):
    """Return the event of one call in a window."""
    records = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "check",
                "sequenceNumber": str(number),
                "data": base64.b64encode(text.encode()).decode(),
                "approximateArrivalTimestamp": 1772881810.5,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/cloudberry",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/check",
        }
        for number, text in enumerate(texts, start=1)
    ]
    return {
        "Records": records,
        "window": WINDOW,
        "state": state,
        "shardId": shard,
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/check",
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": False,
    }


def play_window(sandbox, name, batches, shard="shardId-000000000000"):
    """Call a function as a mapping does for one window: batch by batch, and once more at the end."""
    require_function(sandbox, name)
    state = {}
    for place in range(len(batches) + 1):
        final = place == len(batches)
        result = sandbox.invoke(name, event_of([] if final else batches[place], state, shard, final))
        expect_true(
            result.function_error is None,
            wanted="no exception for records that are sales, nor for the last call, which has none",
            got=result.payload,
            look_at=f"sandbox.logs('{name}') has the stack trace",
        )
        answer = result.payload if isinstance(result.payload, dict) else {}
        if not final:
            expect_true(
                isinstance(answer.get("state"), dict),
                wanted='an answer {"state": {...}}',
                got=result.payload,
                look_at="what the handler returns: without a state the window's batch counts as failed",
            )
            state = answer["state"]


def expect_minutes_add_up(sandbox):
    """Fail the check unless three batches and a last call make one item with the sum of all three."""
    shard = f"shardId-check-{time.time_ns()}"
    batches = [[sale("north", 650), sale("north", 420)], [sale("south", 390)], [sale("north", 40)]]
    play_window(sandbox, MINUTES, batches, shard)
    expect(
        items(sandbox, "Minutes").get(f"{WINDOW['start']} {shard}"),
        wanted={
            "id": f"{WINDOW['start']} {shard}",
            "window": WINDOW["start"],
            "cents": "1500",
            "sales": "4",
        },
        look_at="the three gaps of the handler: add, write down at the end, hand on",
    )


def expect_takings_kept_apart(sandbox):
    """Fail the check unless two stalls in one shard are two items, each with its own sums."""
    run = time.time_ns()
    ada, bo = f"ada-{run}", f"bo-{run}"
    play_window(sandbox, TAKINGS, [[sale(ada, 650), sale(bo, 100)], [sale(ada, 50)], [sale(bo, 1)]])
    found = {k: v for k, v in items(sandbox, "Takings").items() if str(run) in k}
    right = {
        f"{WINDOW['start']} {stall}": {
            "id": f"{WINDOW['start']} {stall}",
            "stall": stall,
            "cents": str(cents),
            "sales": str(sales),
        }
        for stall, cents, sales in [(ada, 700, 2), (bo, 101, 2)]
    }
    expect(found, wanted=right, look_at="id, stall, cents and sales of each stall, at the last call")


def require_windows(sandbox, name, look_at):
    """Pass if the function's mapping has windows at all; without them no last call comes, and nothing is told."""
    mapping = mapping_of(sandbox, name)
    expect_true(
        bool(mapping.get("TumblingWindowInSeconds")),
        wanted=f"a mapping to {name} that cuts the stream into windows",
        got=f"TumblingWindowInSeconds is {mapping.get('TumblingWindowInSeconds', 0)}",
        look_at=look_at,
    )
    return mapping


def items(sandbox, table):
    """Return what a table holds, by id, as texts."""
    return {item["id"]: item for item in table_items(sandbox, table)}


def taken(sandbox, stalls):
    """Return [cents, sales] of each stall, all its windows together."""
    sums = {stall: [0, 0] for stall in stalls}
    for item in items(sandbox, "Takings").values():
        if item.get("stall") in sums:
            sums[item["stall"]][0] += int(item["cents"])
            sums[item["stall"]][1] += int(item["sales"])
    return sums


def sale(stall, cents):
    return json.dumps({"stall": stall, "cents": cents})


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {
            "shards_of_one_till": int,
            "batches_at_once_with_factor_1": int,
            "batches_at_once_with_factor_3": int,
            "records_given_up": int,
        },
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what shards decide, and what the poison was

    A shard is read by one batch at a time, or by as many as the factor says; and a record that is given
    up is still in the stream.
    """
    right = [
        ("shards_of_one_till", 1, "the shard beside each line of north, under 'Example'"),
        ("batches_at_once_with_factor_1", 2, "the line 'two shards, factor 1'"),
        ("batches_at_once_with_factor_3", 6, "shards times factor, under 'How many at once'"),
        ("records_given_up", 1, "the line 'given up' under 'Ten past eleven'"),
        ("the_poison", "north;650", "the line 'it was', without b and quotes"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_minutes_add_up_what_comes_in_several_calls(sandbox):
    """Three batches and a last call make one item with the sum of all three

    What the handler returns as state is all that the next call knows: a global variable would be lost with
    the environment, and mixed up between shards.
    """
    expect_minutes_add_up(sandbox)


@pytest.mark.points(1)
def test_windows_are_a_minute_long(sandbox):
    """The mapping cuts the stream into minutes

    Without a window there is neither state nor a last call: each batch stands for itself.
    """
    expect(
        mapping_of(sandbox, MINUTES).get("TumblingWindowInSeconds"),
        wanted=60,
        look_at="gap 4: window_s",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_minutes_are_told_for_what_is_sent(sandbox, seeded):
    """Sales that are sent over more than a minute are told in more than one window, and none is missing"""
    require_windows(sandbox, MINUTES, "gap 4: window_s")
    expect_minutes_add_up(sandbox)
    before = items(sandbox, "Minutes")
    cents, sales = 0, 0
    for part in range(2):
        for _ in range(seeded.randint(4, 8)):
            price = seeded.randint(100, 900)
            cents, sales = cents + price, sales + 1
            till = seeded.choice(["north", "south", "harbour", "castle"])
            send(sandbox, "cloudberry-market", till, json.dumps({"till": till, "cents": price}))
        if part == 0:
            time.sleep(1.5)  # one and a half minutes for the windows
    found = {}

    def all_told():
        found.update({k: v for k, v in items(sandbox, "Minutes").items() if before.get(k) != v})
        return sum(int(item["sales"]) for item in found.values()) >= sales

    until(all_told)
    sums = [sum(int(item[name]) for item in found.values()) for name in ("cents", "sales")]
    expect(sums, wanted=[cents, sales], look_at="all gaps: cents and sales of all windows are compared")
    expect_true(
        len({item["window"] for item in found.values()}) >= 2,
        wanted="at least two windows",
        got=sorted(item["window"] for item in found.values()),
        look_at="gap 4, and the attribute window: the start of the window",
    )


@pytest.mark.points(2)
def test_takings_are_kept_apart_by_stall(sandbox):
    """Two stalls in one shard are two items, each with its own sums

    One state holds what several stalls took; it is one dictionary for the window, not one for each key.
    """
    expect_takings_kept_apart(sandbox)


@pytest.mark.points(2)
def test_takings_are_told_for_what_is_sent(sandbox):
    """Sales that are sent to the stream are in the table soon after their minute is over

    The window's end comes by the clock, not by a record: also when nothing more is sent.
    """
    require_windows(sandbox, TAKINGS, "TumblingWindowInSeconds of the mapping")
    expect_takings_kept_apart(sandbox)
    stalls = [f"check-{time.time_ns()}-{n}" for n in range(3)]
    for number in range(5):
        for stall in stalls:
            send(sandbox, "cloudberry-stalls", stall, sale(stall, 100 + number))
    right = {stall: [510, 5] for stall in stalls}
    until(lambda: taken(sandbox, stalls) == right)
    expect(taken(sandbox, stalls), wanted=right, look_at="[cents, sales] of each stall: mapping and handler")


@pytest.mark.points(2)
@pytest.mark.held
def test_what_is_no_sale_fails_its_batch(sandbox, seeded):
    """Records that are no sales make the handler raise, and nothing of their batch is handed on"""
    require_function(sandbox, TAKINGS)
    stall = f"held-{seeded.randrange(10**9)}"
    broken = [
        "",
        "three jars, please",
        "[]",
        "null",
        json.dumps({"stall": stall}),
        json.dumps({"cents": 100}),
        json.dumps({"stall": 7, "cents": 100}),
        json.dumps({"stall": None, "cents": 100}),
        sale(stall, 0),
        sale(stall, -seeded.randint(1, 99)),
        sale(stall, 12.5),
        sale(stall, "650"),
        sale(stall, True),
    ]
    for text in broken:
        batch = [sale(stall, 100), text, sale(stall, 100)]
        seeded.shuffle(batch)
        result = sandbox.invoke(TAKINGS, event_of(batch, {}))
        expect_true(
            result.function_error is not None,
            wanted=f"an exception for {text!r}",
            got=result.payload,
            look_at="which stall and which cents are good ones (True is no number)",
        )
    expect(taken(sandbox, [stall]), wanted={stall: [0, 0]}, look_at="nothing is written before a window ends")


@pytest.mark.points(3)
def test_poison_is_told_and_every_sale_counts(sandbox, seeded):
    """Poison among the sales of several stalls: each is told by itself, and all sales are counted

    Cut in half again and again, a bad batch ends at the one record that is bad. Its number stands in the queue, and
    everything beside it is counted.
    """
    mapping = mapping_of(sandbox, TAKINGS)
    settings = ("TumblingWindowInSeconds", "MaximumRetryAttempts", "BisectBatchOnFunctionError")
    expect(
        [mapping.get(name) for name in settings],
        wanted=[60, 1, True],
        look_at=f"{', '.join(settings)} of the mapping",
    )
    look_at = "DestinationConfig with OnFailure (the sequence numbers of what was given up, one by one)"
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "none")
    expect_true(
        destination.split(":")[-1] == f"{TAKINGS}-failed",
        wanted=f"the queue {TAKINGS}-failed as the on-failure destination of the mapping",
        got=f"the destination is {destination}",
        look_at=look_at,
    )
    expect_takings_kept_apart(sandbox)
    stalls = [f"held-{seeded.randrange(10**9)}-{n}" for n in range(3)]
    right, poison = {stall: [0, 0] for stall in stalls}, []
    texts = [seeded.choice(["{half", "7", sale("nobody", -1)]) for _ in range(2)]
    at = set(seeded.sample(range(14), k=2))
    for number in range(14):
        stall = seeded.choice(stalls)
        if number in at:
            poison.append(send(sandbox, "cloudberry-stalls", stall, texts.pop()))
        cents = seeded.randint(1, 999)
        send(sandbox, "cloudberry-stalls", stall, sale(stall, cents))
        right[stall] = [right[stall][0] + cents, right[stall][1] + 1]
    until(lambda: taken(sandbox, stalls) == right, timeout_s=25)
    expect(
        taken(sandbox, stalls),
        wanted=right,
        look_at="BisectBatchOnFunctionError: the sales beside the poison, and behind it",
    )
    told = given_up(sandbox, poison)
    expect(
        sorted(told),
        wanted=sorted(poison),
        look_at=look_at,
    )


def given_up(sandbox, expected):
    """Return the sequence numbers of those expected that the queue of failures was told, each by itself."""
    sqs, told = sandbox.client("sqs"), set()
    url = queue_url(sandbox, f"{TAKINGS}-failed")

    def all_told():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
        for message in answer.get("Messages", ()):
            batch = json.loads(message["Body"]).get("KinesisBatchInfo", {})
            if batch.get("batchSize") == 1:
                told.add(batch["startSequenceNumber"])
        return set(expected) <= told

    until(all_told)
    return told & set(expected)
