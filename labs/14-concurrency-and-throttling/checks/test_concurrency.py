"""What lab 14 asks for: concurrency foreseen, a cap that holds, environments that stand ready, and callers with patience."""

from __future__ import annotations

import json
import math

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true
from autograder.checks_asking import answer_of, expect_guesses, expect_observed, require_function, until

CHECKOUT = "cloudberry-checkout"
PLANNER = "cloudberry-planner"
CARD = "cloudberry-card"
CASHIER = "cloudberry-cashier"
AT_ITS_CAP = "ReservedFunctionConcurrentInvocationLimitExceeded"


def send(sandbox, name, event, count):
    """Let ``count`` calls begin together, and wait for none of them."""
    for _ in range(count):
        sandbox.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))


def refusal(sandbox, name, event):
    """Return the reason for which a call is throttled, or nothing if it is served."""
    try:
        sandbox.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    except ClientError as error:
        if error.response["Error"]["Code"] != "TooManyRequestsException":
            raise
        return error.response["Reason"]
    return ""


def rows(sandbox, name, status=None):
    """Return the finished attempts of a function, oldest first, as the sandbox's history tells them."""
    found = [row for row in sandbox.history()["invocations"] if row["function_name"] == name]
    return [row for row in found if row["status"] != "running" and status in (None, row["status"])]


def card_is_idle(sandbox):
    """Return whether the card function serves a caller again within some seconds."""
    require_function(sandbox, CARD)

    def served():
        return not refusal(sandbox, CARD, {"order_id": "idle", "cents": 1, "work_ms": 0})

    return until(served, timeout_s=10)


def keep_busy(sandbox, work_ms):
    """Take both places of the card function for about ``work_ms``; return once a third caller is refused."""
    expect_true(
        card_is_idle(sandbox),
        wanted=f"a {CARD} that serves a caller when nobody else is there",
        got="it refuses",
        look_at="card_limit in 'Set the dials', then the cell of cloudberry-card",
    )
    send(sandbox, CARD, {"order_id": "busy", "cents": 1, "work_ms": work_ms}, 2)
    probe = {"order_id": "probe", "cents": 1, "work_ms": 0}
    expect_true(
        until(lambda: refusal(sandbox, CARD, probe) == AT_ITS_CAP, timeout_s=work_ms / 1000),
        wanted=f"a {CARD} that takes two calls at a time",
        got="a third one was served beside two",
        look_at="card_limit in 'Set the dials'",
    )


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"environments_for_eight": float, "refused_of_eight": float, "under_way": float},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down who was served, who was refused and who waited

    A throttle is an answer of Lambda's, not of your code: nothing ran, so nothing is billed and asking
    again is safe.
    """
    right = [
        ("environments_made_for_eight", 8, "the last line under 'eight at once'"),
        ("refused_with_a_cap_of_three", 5, "the lines with 'refused' under 'A cap'"),
        ("status_code_of_a_throttle", 429, "the same lines: the number after 'refused'"),
        ("spilled_over", 2, "the lines with 'cold' under 'Ready before they come'"),
        ("is_a_throttled_call_billed", False, "the paragraph below 'A cap'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_planner_knows_littles_law(sandbox):
    """The planner says how many units three loads need

    Calls under way = calls a second x seconds a call: the same function needs twice the concurrency when
    it gets twice as slow, with not one customer more.
    """
    for requests_per_s, duration_ms, concurrency in [(40, 250, 10), (45, 250, 12), (200, 5, 20)]:
        event = {"requests_per_s": requests_per_s, "duration_ms": duration_ms}
        look_at = "the three rows of the table, and what each gap adds"
        expect(
            answer_of(sandbox, PLANNER, event, look_at),
            wanted={"concurrency": concurrency},
            look_at=f"{look_at}; the event was {event}",
        )


@pytest.mark.points(1)
@pytest.mark.held
def test_planner_is_right_for_any_load(sandbox, seeded):
    """Other loads, slow and quick ones, are planned right"""
    for longest_ms in [90, 90, 900, 9_000, 9_000]:
        # Never a load that comes out at a whole number: there the last bit of a float would decide.
        duration_ms = seeded.randrange(7, longest_ms, 2)
        requests_per_s = seeded.randrange(11, 700, 2)
        if requests_per_s * duration_ms % 1000 == 0 or requests_per_s % 10 == 0:
            requests_per_s += 2
        concurrency = math.ceil(max(requests_per_s * duration_ms / 1000, requests_per_s / 10))
        event = {"requests_per_s": requests_per_s, "duration_ms": duration_ms}
        expect(
            answer_of(sandbox, PLANNER, event, "the gaps of the planner"),
            wanted={"concurrency": concurrency},
            look_at=f"the larger of both figures, rounded up; the event was {event}",
        )


@pytest.mark.points(2)
def test_card_function_takes_two_at_a_time(sandbox):
    """The card company never gets a third payment while it works on two

    Reserved concurrency is a cap as well as a promise, and what it protects may stand outside AWS
    altogether.
    """
    require_function(sandbox, CARD)
    keep_busy(sandbox, 1500)
    got = sandbox.client("lambda").get_function_concurrency(FunctionName=CARD)
    expect(
        got.get("ReservedConcurrentExecutions"),
        wanted=2,
        look_at="card_limit in 'Set the dials'; then run that cell again",
    )


@pytest.mark.points(2)
def test_two_checkouts_stand_ready(sandbox):
    """Two customers who come to the alias live at once both find a checkout that was made before

    Provisioned concurrency moves the cold start to a moment when nobody waits for it, and it has its
    price for every second that it does.
    """
    require_function(sandbox, CHECKOUT)
    look_at = "checkouts_ready in 'Set the dials', and go_live"
    before = len(rows(sandbox, CHECKOUT))
    try:
        send(sandbox, f"{CHECKOUT}:live", {"order_id": "check", "work_ms": 700}, 2)
    except ClientError as error:
        expect_true(False, wanted="an alias live", got=error.response["Error"]["Message"], look_at=look_at)
    until(lambda: len(rows(sandbox, CHECKOUT)) == before + 2, timeout_s=20)
    found = rows(sandbox, CHECKOUT)[before:]
    expect([row["cold"] for row in found], wanted=[False, False], look_at=look_at)
    why = [row["why"].partition(":")[0] for row in found]
    expect(why, wanted=["provisioned", "provisioned"], look_at=look_at)


@pytest.mark.points(2)
def test_cashier_charges_the_card_once(sandbox):
    """With nobody else there, the cashier asks once and the order is paid

    The answer says what happened and how hard it was: whoever reads it later can tell a quiet day from
    a sale.
    """
    require_function(sandbox, CASHIER)
    card_is_idle(sandbox)
    before = len(rows(sandbox, CARD))
    look_at = "the invoke in the cashier, and the answer that it returns"
    got = answer_of(sandbox, CASHIER, {"order_id": "check-1", "cents": 650}, look_at)
    expect(got, wanted={"paid": True, "attempts": 1}, look_at=look_at)
    expect(
        len(rows(sandbox, CARD)) - before, wanted=1, look_at="how often the cashier invokes cloudberry-card"
    )


@pytest.mark.points(3)
def test_cashier_waits_for_a_busy_card_company(sandbox, seeded):
    """While the card company is busy the cashier waits, asks now and then, and the order is paid in the end

    A throttle says: not now. Who waits a little longer each time is served in the end, and leaves the others their
    turn.
    """
    require_function(sandbox, CASHIER)
    look_at = "what the cashier does on TooManyRequestsException: wait, then ask again"
    answer_of(
        sandbox, CASHIER, {"order_id": "warm", "cents": 1}, look_at
    )  # its cold start would be a wait of its own
    keep_busy(sandbox, seeded.randint(1800, 2600))
    before = len(rows(sandbox, CARD, "throttle"))
    got = answer_of(sandbox, CASHIER, {"order_id": "held", "cents": seeded.randint(100, 9_000)}, look_at)
    throttled = len(rows(sandbox, CARD, "throttle")) - before
    expect_true(throttled > 0, wanted="a card company that was busy", got="it had a place", look_at=look_at)
    counted = "attempts: how often the card function was asked, by boto3's own retries too, if they are on"
    expect(got, wanted={"paid": True, "attempts": throttled + 1}, look_at=counted)
    expect_true(
        throttled < 20,
        wanted="at most 20 requests for one payment",
        got=f"{throttled + 1}",
        look_at="how long the cashier waits, and whether it waits longer each time",
    )


@pytest.mark.points(2)
def test_cashier_gives_up_in_time(sandbox):
    """When the card company does not come back, the cashier says so before its own time is over

    A timeout tells the caller nothing and is paid for in full; an answer leaves the choice to the caller.
    """
    require_function(sandbox, CASHIER)
    require_function(sandbox, CARD)
    client = sandbox.client("lambda")
    limit = client.get_function_concurrency(FunctionName=CARD).get("ReservedConcurrentExecutions", 2)
    look_at = (
        "context.get_remaining_time_in_millis(): fewer than 1,500 ms left, and what the answer holds then; attempts counts "
        "each time that the card was asked, by boto3's own retries as well, unless they are switched off"
    )
    client.put_function_concurrency(FunctionName=CARD, ReservedConcurrentExecutions=0)
    before = len(rows(sandbox, CARD, "throttle"))
    try:
        got = answer_of(sandbox, CASHIER, {"order_id": "check-2", "cents": 650}, look_at)
    finally:
        client.put_function_concurrency(FunctionName=CARD, ReservedConcurrentExecutions=limit)
    throttled = len(rows(sandbox, CARD, "throttle")) - before
    expect(got, wanted={"paid": False, "reason": "busy", "attempts": throttled}, look_at=look_at)
    expect_true(
        2 <= throttled <= 20,
        wanted="more than one request, and at most 20",
        got=f"{throttled}",
        look_at="how long the cashier waits from one attempt to the next",
    )


@pytest.mark.points(1)
@pytest.mark.held
def test_cashier_does_not_repeat_what_cannot_succeed(sandbox, seeded):
    """A payment that the card function refuses is asked for once, and its reason comes back"""
    require_function(sandbox, CASHIER)
    card_is_idle(sandbox)
    cents = -seeded.randint(1, 900)
    before = len(rows(sandbox, CARD))
    look_at = "FunctionError in the response: the call went through, the function failed"
    got = answer_of(sandbox, CASHIER, {"order_id": "held", "cents": cents}, look_at)
    wanted = {"paid": False, "reason": f"cannot charge {cents} cents", "attempts": 1}
    expect(got, wanted=wanted, look_at=look_at)
    expect(len(rows(sandbox, CARD)) - before, wanted=1, look_at=look_at)
