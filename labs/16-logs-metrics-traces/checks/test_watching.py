"""What lab 16 asks for: lines that a program can read, numbers of the shop's own, parts in a trace, an alarm that rings."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import (
    call,
    expect_guesses,
    expect_observed,
    json_lines,
    queue_url,
    require_function,
    until,
)

ORDERS = "cloudberry-orders"
REFUNDS = "cloudberry-refunds"
ALARM = "refunds-fail"
PRICES_CENTS = {"jam": 650, "juice": 420, "tea": 390, "honey": 890}


def lines_of(result, level):
    """Return the lines of one call that were logged at ``level``, as dictionaries."""
    return [line for line in json_lines(result.log) if line.get("level") == level]


def expect_line(result, level, message, **fields):
    """Fail the check unless the call logged exactly one line of this message, at this level, with these fields."""
    look_at = (
        f"the logger's {level.lower()}(..., extra={{...}}), and LogFormat JSON in the function's settings"
    )
    found = [line for line in lines_of(result, level) if line.get("message") == message]
    expect_true(
        len(found) == 1,
        wanted=f"one line with level {level} and message {message!r}",
        got=f"{len(found)} of them",
        look_at=look_at,
    )
    expect(
        {name: found[0].get(name) for name in fields},
        wanted=fields,
        look_at=f"the fields in extra; {look_at}",
    )


def counted(sandbox, metric, **dimensions):
    """Return the sum of a metric of the namespace Cloudberry. The sandbox's clock runs ahead of the wall's."""
    now = datetime.now(UTC)
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    stat = {
        "Metric": {"Namespace": "Cloudberry", "MetricName": metric, "Dimensions": pairs},
        "Period": 86_400,
        "Stat": "Sum",
    }
    found = sandbox.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "asked", "MetricStat": stat}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(days=30),
    )
    return sum(found["MetricDataResults"][0]["Values"])


def expect_counted(sandbox, metric, before, more, **dimensions):
    """Fail the check unless the metric has grown by just ``more`` since it was ``before``."""
    until(lambda: counted(sandbox, metric, **dimensions) - before >= more, timeout_s=5)
    expect(
        round(counted(sandbox, metric, **dimensions) - before, 3),
        wanted=more,
        look_at=f"the line in the embedded metric format: namespace Cloudberry, metric {metric}, "
        f"dimension {', '.join(dimensions)}, and their values beside _aws",
        numbers_alike=True,
    )


def traces_of(sandbox, order_id):
    """Return the traces that have the annotation order_id with this value, as X-Ray's filter finds them."""
    now = datetime.now(UTC)
    found = sandbox.client("xray").get_trace_summaries(
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(hours=2),
        FilterExpression=f'annotation.order_id = "{order_id}"',
    )
    return [summary["Id"] for summary in found["TraceSummaries"]]


def parts_in(segment):
    """Return the names of a segment's parts, and theirs."""
    found = []
    for part in segment.get("subsegments", ()):
        found += [part["name"], *parts_in(part)]
    return found


def ring(sandbox):
    """Return how often the on-call queue has heard that the alarm went off, since it was last asked."""
    sqs = sandbox.client("sqs")
    url = queue_url(sandbox, "on-call")
    rung = 0
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        news = json.loads(json.loads(message["Body"])["Message"])
        rung += (news["AlarmName"], news["NewStateValue"]) == (ALARM, "ALARM")
    return rung


def alarm_state(sandbox):
    found = sandbox.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    if not found:
        wanted(f"an alarm {ALARM}", "there is none", "put_metric_alarm, and the spelling of the name")
    return found[0]["StateValue"]


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"), {"mean_ms": float, "p50_ms": float, "a_throttle_counts_as": str}
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You read what the metrics, the trace and the alarm said

    A metric says that something is wrong, a trace says where, a log says why; an alarm says it once.
    """
    right = [
        ("errors_of_chatty", 1, "the line 'Errors Sum' in the first table of numbers"),
        ("p50_is_below_the_average", True, "the lines 'Average' and 'p50' of the same table"),
        ("slow_part", "warehouse", "the parts of the honey's trace: which one differs from the jam's"),
        ("alarm_messages_for_three_failures", 1, "the list under 'An alarm that finds somebody'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_orders_leave_a_line_with_their_id(sandbox):
    """An accepted order and a refused one leave a line each, with level and fields

    A field of its own can be searched and counted; a sentence can only be read.
    """
    look_at = "gaps 2 and 4"
    good = call(sandbox, ORDERS, {"order_id": "check-1", "sku": "tea", "shop": "check"}, look_at)
    expect(good.payload, wanted={"accepted": True}, look_at=look_at)
    expect_line(good, "INFO", "order taken", order_id="check-1", sku="tea")
    bad = call(sandbox, ORDERS, {"order_id": "check-2", "sku": "cloud", "shop": "check"}, look_at)
    expect(bad.payload, wanted={"accepted": False}, look_at=look_at)
    expect_line(bad, "ERROR", "order refused", order_id="check-2", sku="cloud")


@pytest.mark.points(2)
@pytest.mark.held
def test_orders_are_counted_by_shop(sandbox, seeded):
    """Orders of two shops come out as two sums, and refused ones in neither"""
    require_function(sandbox, ORDERS)
    shops = [f"shop-{seeded.randrange(10**6)}", f"shop-{seeded.randrange(10**6)}-b"]
    sums = dict.fromkeys(shops, 0)
    for number in range(8):
        sku = seeded.choice([*PRICES_CENTS, "cloud"])
        shop = shops[number % 2]
        sums[shop] += PRICES_CENTS.get(sku, 0)
        event = {"order_id": f"held-{number}", "sku": sku, "shop": shop}
        call(sandbox, ORDERS, event, "gaps 1 and 4")
    for shop in shops:
        expect_counted(sandbox, "OrderCents", 0, sums[shop], shop=shop)


@pytest.mark.points(2)
def test_trace_of_one_order_is_found(sandbox):
    """By its annotation, the trace of one order is found, and it shows the warehouse

    An annotation is indexed, so among a million traces the one that a customer asks about is a query
    away.
    """
    require_function(sandbox, ORDERS)
    order_id = f"trace-{time.monotonic_ns()}"
    look_at = 'gap 3: with part("warehouse", order_id=order_id), and TracingConfig Active'
    for _ in range(6):  # X-Ray takes the first request of each second; another may just have been it
        result = call(sandbox, ORDERS, {"order_id": order_id, "sku": "jam", "shop": "check"}, look_at)
        if "Sampled=1" in result.log or until(lambda: traces_of(sandbox, order_id), timeout_s=1.2):
            break
    found = traces_of(sandbox, order_id)
    expect_true(
        bool(found),
        wanted=f"a trace with the annotation order_id {order_id}",
        got="there is none",
        look_at=look_at,
    )
    (trace,) = sandbox.client("xray").batch_get_traces(TraceIds=found[:1])["Traces"]
    parts = [name for segment in trace["Segments"] for name in parts_in(json.loads(segment["Document"]))]
    expect_true(
        "warehouse" in parts, wanted="a subsegment warehouse", got=sorted(set(parts)), look_at=look_at
    )


@pytest.mark.points(2)
def test_refunds_are_logged_and_counted(sandbox):
    """A refund leaves a line with order, cents and reason, and counts its cents

    The line is for the question about one refund, the metric for the question about all of them.
    """
    require_function(sandbox, REFUNDS)
    before = counted(sandbox, "RefundCents", reason="check")
    event = {"order_id": "check-3", "cents": 1300, "reason": "check"}
    result = call(sandbox, REFUNDS, event, "the handler of cloudberry-refunds")
    expect(result.payload, wanted={"refunded_cents": 1300}, look_at="what the handler returns")
    expect_line(result, "INFO", "refund paid", order_id="check-3", cents=1300, reason="check")
    expect_counted(sandbox, "RefundCents", before, 1300, reason="check")


@pytest.mark.points(3)
@pytest.mark.held
def test_large_and_wrong_refunds_are_told_apart(sandbox, seeded):
    """Large refunds warn, wrong ones are errors and are not counted"""
    require_function(sandbox, REFUNDS)
    reason, total = f"reason-{seeded.randrange(10**9)}", 0
    for number, cents in enumerate([5_000, 5_001, seeded.randint(1, 4_999), seeded.randint(5_002, 99_000)]):
        event = {"order_id": f"held-{number}", "cents": cents, "reason": reason}
        result = call(sandbox, REFUNDS, event, "the handler of cloudberry-refunds")
        level = "WARNING" if cents > 5_000 else "INFO"
        expect_line(result, level, "refund paid", order_id=f"held-{number}", cents=cents, reason=reason)
        total += cents
    for number, cents in enumerate([0, -seeded.randint(1, 900), "650", 12.5]):
        event = {"order_id": f"wrong-{number}", "cents": cents, "reason": reason}
        result = sandbox.invoke(REFUNDS, event)
        payload = result.payload if type(result.payload) is dict else {}
        look_at = f"whether cents is a whole number above 0; the event was {event}"
        expect(payload.get("errorType"), wanted="ValueError", look_at=look_at)
        expect_line(result, "ERROR", "refund refused", order_id=f"wrong-{number}")
    expect_counted(sandbox, "RefundCents", 0, total, reason=reason)


@pytest.mark.points(3)
def test_alarm_rings_for_two_errors_and_not_for_one(sandbox, seeded):
    """Two failures in a minute ring once on the on-call queue; one does not, and a quiet minute is a good one

    An alarm that rings for everything is soon switched off. How many failures in how long are worth waking somebody
    is a decision, and it stands in the alarm.
    """
    require_function(sandbox, REFUNDS)
    look_at = "put_metric_alarm: Errors of cloudberry-refunds, Sum over 60 s, threshold 2, notBreaching, AlarmActions"
    alarm_state(sandbox)  # is there one at all?
    time.sleep(2)  # two minutes by the alarm's clock: failures from before are over
    quiet = until(lambda: alarm_state(sandbox) == "OK", timeout_s=12)
    expect_true(
        quiet, wanted=f"{ALARM} in state OK while nobody calls", got=alarm_state(sandbox), look_at=look_at
    )
    ring(sandbox)  # what is from before
    wrong = {"order_id": "alarm", "cents": -seeded.randint(1, 99), "reason": "alarm"}
    sandbox.invoke(REFUNDS, wrong)
    rang = until(lambda: ring(sandbox), timeout_s=2.5)
    expect_true(
        not rang, wanted="silence after one failure", got="an alarm", look_at=f"the threshold; {look_at}"
    )
    for _ in range(6):  # so that two of them are in one minute, wherever it begins
        sandbox.invoke(REFUNDS, wrong)
    rang = until(lambda: ring(sandbox), timeout_s=12)
    expect_true(rang, wanted="a message on the queue on-call", got="none", look_at=look_at)
