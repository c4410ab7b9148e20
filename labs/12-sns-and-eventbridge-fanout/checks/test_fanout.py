"""What lab 12 asks for: a filter policy, a rule with a transformer, refunds by rule, a schedule, and nothing lost unseen."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, shown, wanted
from autograder.checks_asking import (
    call,
    configuration_of,
    expect_guesses,
    expect_observed,
    losses,
    queue_url,
    require_function,
    table_items,
    until,
)

FRAUD, REPORTS, REFUND = "cloudberry-fraud", "cloudberry-reports", "cloudberry-refund"
TOPIC = "arn:aws:sns:us-east-1:000000000000:cloudberry-orders"
BUS, SOURCE = "cloudberry", "cloudberry.orders"
LARGE_CENTS = 50_000
HOME = ["SE", "NO", "FI"]


def publish(sandbox, orders):
    try:
        for order in orders:
            sandbox.client("sns").publish(TopicArn=TOPIC, Message=json.dumps(order))
    except ClientError:
        wanted("a topic cloudberry-orders", "there is none", "the example's cell that makes the topic")


def require_subscription(sandbox):
    """Pass if the topic tells cloudberry-fraud of anything at all: without that there is nothing to wait for."""
    arn = configuration_of(sandbox, FRAUD)["FunctionArn"]
    try:
        found = sandbox.client("sns").list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    except ClientError:
        wanted("a topic cloudberry-orders", "there is none", "the example's cell that makes the topic")
    endpoints = [each["Endpoint"] for each in found]
    expect_true(
        any(endpoint.startswith(arn) for endpoint in endpoints),
        wanted=f"a subscription of {FRAUD} to the topic cloudberry-orders",
        got=endpoints,
        look_at="gap 2: the cell subscribes the function once the filter policy says something",
    )


def order(order_id, country, total_cents):
    return {"order_id": order_id, "country": country, "total_cents": total_cents}


def heard(sandbox, run):
    """Return the orders of one run that cloudberry-fraud has noted."""
    notes = [item["who"] for item in table_items(sandbox, "Heard")]
    return sorted(note.split()[1] for note in notes if note.startswith(f"{FRAUD} {run}-"))


def require_bus(sandbox):
    buses = [bus["Name"] for bus in sandbox.client("events").list_event_buses()["EventBuses"]]
    expect_true(BUS in buses, wanted=f"a bus {BUS}", got=buses, look_at="the cell that creates the bus")


def rules_to(sandbox, name, bus):
    """Return the rules of a bus that are on and have the function for a target, each with that target."""
    client, found = sandbox.client("events"), []
    for rule in client.list_rules(EventBusName=bus)["Rules"]:
        targets = client.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
        own = [target for target in targets if target["Arn"].split(":")[6:7] == [name]]
        if own and rule["State"].startswith("ENABLED"):
            found.append((rule, own[0]))
    return found


def event_of(entry):
    """Return the event that a target gets of an entry."""
    source, kind, detail = entry
    about = {"id": "check", "account": "000000000000", "time": "2026-11-21T09:00:00Z", "region": "us-east-1"}
    return {"version": "0", **about, "source": source, "detail-type": kind, "resources": [], "detail": detail}


def matching_target(sandbox, name, entry, look_at):
    """Return the function's target of a rule that matches the event; fail the check if there is none to wait for."""
    require_bus(sandbox)
    event, (_, kind, detail) = event_of(entry), entry
    ask, patterns = sandbox.client("events").test_event_pattern, []
    for rule, target in rules_to(sandbox, name, BUS):
        patterns.append(rule.get("EventPattern", "{}"))
        if ask(EventPattern=patterns[-1], Event=json.dumps(event))["Result"]:
            return target
    return wanted(
        f"a rule on the bus {BUS} with the target {name} that matches {kind} {shown(detail)}",
        f"patterns {', '.join(patterns)}" if patterns else "no rule has that target",
        look_at,
    )


def put_events(sandbox, entries):
    """Put events, each (source, detail type, detail), on the bus of the lab."""
    made = [
        {"EventBusName": BUS, "Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
        for source, kind, detail in entries
    ]
    require_bus(sandbox)
    sandbox.client("events").put_events(Entries=made)


def told(sandbox, run):
    """Return what cloudberry-reports was told of one run's orders, as texts."""
    texts = [item["told"] for item in table_items(sandbox, "Reports")]
    return sorted(text for text in texts if f"{run}-" in text)


def line(order_id, country, cents):
    """Return what the rule's transformer makes of an order."""
    said = f"{order_id} from {country} is worth {cents} cents"
    return json.dumps({"line": said, "order": order_id}, sort_keys=True)


def refunds(sandbox, run):
    found = table_items(sandbox, "Refunds")
    return {item["order_id"]: item.get("cents") for item in found if item["order_id"].endswith(f"-of-{run}")}


def call_refund(sandbox, entry, look_at):
    """Fail the check if the function raises on a cancellation that it is handed directly."""
    call(sandbox, REFUND, event_of(entry), look_at)


def cancelled(order_id, paid, cents):
    return (SOURCE, "OrderCancelled", {"order_id": order_id, "paid": paid, "total_cents": cents})


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"others_that_get_it": int, "publish_raises": bool, "matches_without_country": bool},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down who had the order, what publish said, and what a pattern matches

    A publisher never learns what became of a message. Whoever wants to know must look where it cannot go on:
    in the dead-letter queues.
    """
    right = [
        ("others_had_the_order", 2, "the lines heard and archived under 'Example: a topic'"),
        ("publish_said", 200, "the first line under 'Nobody heard'"),
        ("a_list_matches_by_one_element", True, "the list of patterns under 'An event bus', fourth line"),
        ("a_missing_field_matches_a_value", False, "the same list, the line with XMAS"),
        ("upper_and_lower_case_are_the_same", False, "the same list, last line"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_fraud_hears_of_large_orders_from_abroad(sandbox):
    """Of four orders, the fraud function hears of the one that is large and from abroad

    The filter policy is the subscriber's, not the publisher's: each listener says for itself what it wants, and
    pays for nothing else.
    """
    require_function(sandbox, FRAUD, "the cell with gaps 1 and 2")
    require_subscription(sandbox)
    look_at = "gap 1 (permit, with the topic's ARN) and gap 2 (two keys, both of which must match)"
    lost = losses(sandbox, FRAUD, look_at)
    run = "check-fraud"
    orders = [("SE", 99_000), ("DE", 1_200), ("NO", 1_200), ("DE", 70_000)]
    publish(sandbox, [order(f"{run}-{n}", *each) for n, each in enumerate(orders)])
    until(lambda: heard(sandbox, run), timeout_s=10, unless=lost)
    expect(heard(sandbox, run), wanted=[f"{run}-3"], look_at=look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_fraud_hears_right_at_the_border(sandbox, seeded):
    """Orders at the very border, from home and from abroad, go the right way"""
    require_function(sandbox, FRAUD, "the cell with gaps 1 and 2")
    require_subscription(sandbox)
    lost = losses(sandbox, FRAUD, "gap 1 (permit, with the topic's ARN)")
    run = f"held{seeded.randrange(10**9)}"
    abroad = seeded.sample(["DE", "DK", "EE", "FR", "se"], k=3)
    totals = [LARGE_CENTS - 1, LARGE_CENTS, LARGE_CENTS + 1, seeded.randint(1, 10**6)]
    orders = [order(f"{run}-0", country, total) for country in HOME for total in totals]
    orders += [order(f"{run}-0", country, total) for country in abroad for total in totals]
    seeded.shuffle(orders)
    orders.append(order(f"{run}-0", "DE", LARGE_CENTS + 7))  # something arrives in any case, and last
    orders = [{**each, "order_id": f"{run}-{n:02}"} for n, each in enumerate(orders)]
    right = [
        each["order_id"]
        for each in orders
        if each["country"] not in HOME and each["total_cents"] >= LARGE_CENTS
    ]
    publish(sandbox, [*orders, {"order_id": f"{run}-x", "total_cents": 90_000}])
    until(lambda: len(heard(sandbox, run)) >= len(right), timeout_s=15, unless=lost)
    expect(
        heard(sandbox, run),
        wanted=right,
        look_at='[{"numeric": [">=", 50000]}] and [{"anything-but": [...]}], in the body',
    )


@pytest.mark.points(2)
def test_rule_rewrites_large_orders_of_jam(sandbox):
    """The report gets one line on the large order with jam in it, and nothing on the others

    What arrives was made by the rule: the function knows nothing of envelopes, paths and patterns.
    """
    require_function(sandbox, REPORTS, "the cell with gaps 3 to 5")
    run, kind = "check-rule", "OrderPlaced"
    details = [(9_999, ["jam"]), (30_000, ["tea"]), (30_000, ["tea", "jam-500"])]
    entries = [
        (SOURCE, kind, {**order(f"{run}-{n}", "DK", cents), "skus": skus})
        for n, (cents, skus) in enumerate(details)
    ]
    look_at = "gap 3 (which orders), gaps 4 and 5 (what is made of them)"
    matching_target(sandbox, REPORTS, entries[-1], look_at)
    lost = losses(sandbox, REPORTS, look_at)
    put_events(sandbox, entries)
    until(lambda: told(sandbox, run), timeout_s=10, unless=lost)
    expect(told(sandbox, run), wanted=[line(f"{run}-2", "DK", 30_000)], look_at=look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_rule_chooses_among_anything(sandbox, seeded):
    """Events of other sources and kinds, and orders at the border, are chosen right"""
    require_function(sandbox, REPORTS, "the cell with gaps 3 to 5")
    run, entries, chosen = f"held{seeded.randrange(10**9)}", [], []
    for n in range(9):
        cents = seeded.choice([9_999, 10_000, 10_001, seeded.randint(1, 60_000)])
        skus = seeded.choice(
            [["jam"], ["tea", "jamboree"], ["tea", "a jam"], ["JAM"], [], ["honey", "jam-250"]]
        )
        source = seeded.choice([SOURCE, SOURCE, "cloudberry.orders.old"])
        kind = seeded.choice(["OrderPlaced", "OrderPlaced", "OrderChanged"])
        country = seeded.choice(["SE", "DE", "Åland"])
        entries.append((source, kind, {**order(f"{run}-{n}", country, cents), "skus": skus}))
        fits = source == SOURCE and kind == "OrderPlaced" and cents >= 10_000
        if fits and any(sku.startswith("jam") for sku in skus):
            chosen.append((entries[-1], line(f"{run}-{n}", country, cents)))
    entries.append((SOURCE, "OrderPlaced", {**order(f"{run}-9", "FI", 77_000), "skus": ["jam"]}))
    chosen.append((entries[-1], line(f"{run}-9", "FI", 77_000)))
    look_at = "source, detail-type, numeric with >=, prefix jam"
    for entry, _ in chosen:
        matching_target(sandbox, REPORTS, entry, look_at)
    lost, right = losses(sandbox, REPORTS, look_at), [said for _, said in chosen]
    put_events(sandbox, entries)
    until(lambda: len(told(sandbox, run)) >= len(right), timeout_s=15, unless=lost)
    expect(told(sandbox, run), wanted=sorted(right), look_at=look_at)


@pytest.mark.points(2)
def test_paid_orders_are_refunded(sandbox):
    """A paid order that is cancelled is refunded; an unpaid one and a colleague's test are not

    The rule decides, before anything runs: the function is left with the one thing that it is for.
    """
    require_function(sandbox, REFUND, "the cell where you deploy the refund")
    run = "check"
    entries = [
        cancelled(f"a-of-{run}", False, 900),
        cancelled(f"test-b-of-{run}", True, 100),
        cancelled(f"c-of-{run}", True, 1300),
    ]
    look_at = "the rule cancellations, the permission for the rule, and the number cents"
    call_refund(sandbox, cancelled("direct", True, 1), "the handler of the refund")
    matching_target(sandbox, REFUND, entries[-1], look_at)
    lost = losses(sandbox, REFUND, look_at)
    put_events(sandbox, entries)
    until(lambda: refunds(sandbox, run), timeout_s=10, unless=lost)
    expect(refunds(sandbox, run), wanted={f"c-of-{run}": "1300"}, look_at=look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_refunds_are_right_for_any_orders(sandbox, seeded):
    """Other kinds and sources, ids that only look like tests, and events that come twice"""
    require_function(sandbox, REFUND, "the cell where you deploy the refund")
    run, entries, right = str(seeded.randrange(10**9)), [], {}
    for n in range(8):
        name = seeded.choice([f"{n}", f"test-{n}", f"latest-{n}", f"Test-{n}"]) + f"-of-{run}"
        paid, cents = seeded.random() < 0.6, seeded.randint(1, 99_999)
        source, kind, detail = cancelled(name, paid, cents)
        if seeded.random() < 0.25:
            source, kind = seeded.choice([("cloudberry.stock", kind), (source, "OrderPlaced")])
        elif paid and not name.startswith("test-"):
            right[name] = str(cents)
        entries += [(source, kind, detail)]
    last = f"last-of-{run}"
    entries = [*entries, cancelled(last, True, 4_200)]
    right[last] = "4200"
    again = [each for each in entries if each[2]["order_id"] in right][:1]
    look_at = "the pattern of cancellations"
    call_refund(sandbox, cancelled("direct", True, 1), "the handler of the refund")
    for entry in entries:
        if entry[2]["order_id"] in right:
            matching_target(sandbox, REFUND, entry, look_at)
    lost = losses(sandbox, REFUND, look_at)
    put_events(sandbox, [*again, *entries])
    until(lambda: len(refunds(sandbox, run)) >= len(right), timeout_s=15, unless=lost)
    expect(refunds(sandbox, run), wanted=right, look_at=look_at)


@pytest.mark.points(2)
def test_report_comes_every_five_minutes(sandbox):
    """The report on the stock comes by itself, five minutes after the one before

    A schedule is a rule that matches the time. It runs whether anybody is there or not, so switch off what you no
    longer need.
    """
    require_function(sandbox, REPORTS, "the cell with gaps 3 to 5")
    stock = json.dumps({"report": "stock"})

    def reports():
        return sum(item["told"] == stock for item in table_items(sandbox, "Reports"))

    look_at = "the rule stock-report: rate(5 minutes), on the default bus, with the Input, and its permission"
    schedules = [rule for rule, _ in rules_to(sandbox, REPORTS, "default") if rule.get("ScheduleExpression")]
    expect_true(
        bool(schedules),
        wanted=f"a rule on the default bus with a schedule and the target {REPORTS}",
        got="there is none that is on",
        look_at=look_at,
    )
    lost, before = losses(sandbox, REPORTS, look_at), reports()
    until(lambda: reports() > before, timeout_s=9, unless=lost)
    after = reports() - before
    expect_true(
        1 <= after <= 2,
        wanted="one more report within five minutes (five seconds, here)",
        got=f"{after} more",
        look_at=look_at,
    )


@pytest.mark.points(2)
def test_what_cannot_be_delivered_is_kept(sandbox, seeded):
    """When the rule may no longer invoke the function, the cancellation waits in the queue

    A function that fails is one thing; an event that never reaches it is another, and the function's own destinations
    do not hear of it. The target's dead-letter queue does.
    """
    require_function(sandbox, REFUND, "the cell where you deploy the refund")
    client, sqs = sandbox.client("lambda"), sandbox.client("sqs")
    try:
        statements = json.loads(client.get_policy(FunctionName=REFUND)["Policy"])["Statement"]
    except ClientError:
        wanted("a permission for the rule", "there is none", "permit, with the rule's ARN")
    look_at = "DeadLetterConfig of the target of the rule cancellations"
    target = matching_target(sandbox, REFUND, cancelled("lost-of-x", True, 700), look_at)
    expect_true(
        "DeadLetterConfig" in target,
        wanted=f"a DeadLetterConfig of the target {REFUND}",
        got=sorted(target),
        look_at=look_at,
    )
    for statement in statements:
        client.remove_permission(FunctionName=REFUND, StatementId=statement["Sid"])
    name = f"lost-of-{seeded.randrange(10**9)}"
    put_events(sandbox, [cancelled(name, True, 700)])
    url, bodies = queue_url(sandbox, "cloudberry-undelivered"), []

    def kept():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        bodies.extend(message["Body"] for message in answer.get("Messages", ()))
        return any(name in body for body in bodies)

    expect_true(
        until(kept, timeout_s=12),
        wanted="the event, in the queue cloudberry-undelivered",
        got=f"{len(bodies)} other messages",
        look_at=look_at,
    )
