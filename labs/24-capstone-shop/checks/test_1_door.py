"""What lab 24 asks for at the door, wishes 1 to 4: orders that are taken once, refused with a reason, and shown to their owners."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import expect_guesses, expect_observed


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"orders_of_two_taps": int, "action_of_a_transaction": str, "usd_for_the_month": float},
    )


@pytest.mark.points(1)
def test_observations_are_right(submission):
    """You saw both traps shut

    To look and then to write are two steps, and between them is room for somebody else. And a policy may allow an
    action that nobody asks for.
    """
    right = [
        ("new_orders_of_two_taps", 2, "the first two lines under 'look, then write'"),
        ("action_that_is_missing", "dynamodb:UpdateItem", "the refusal under 'an action that there is not'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_an_order_is_placed_and_shown(shop):
    """Wishes 1 and 4: an order is taken with 201, and shown by itself and in the list

    What the customer is told is what is stored. Whoever asks again later is told the same, with the status of then.
    """
    ada, sku = shop.customer("ada"), shop.product("plum", 730, 50)
    right = {"sku": sku, "quantity": 3, "total_cents": 2190}
    look_at = "wish 1: the answer to POST /orders (404: is there a route? 500: read the log)"
    order_id = shop.expect_order(ada.place(sku, 3, "first"), [201], {**right, "status": "placed"}, look_at)
    code, one = ada.ask("GET", f"/orders/{quote(order_id, safe='')}")
    status = one.get("status") if type(one) is dict else None
    expect_true(
        status in ("placed", "packed", "trouble"),
        wanted="the order, with its status",
        got=[code, one],
        look_at=f"wish 4: GET /orders/{{order_id}}{shop.refusals()}",
    )
    shown = {"order_id": order_id, **right, "status": status}
    shop.expect_order([code, one], [200], shown, "wish 4: GET /orders/{order_id}")
    listed = ada.orders()
    expect(len(listed), wanted=1, look_at="wish 4: GET /orders after one order")
    status = listed[0].get("status") if type(listed[0]) is dict else None
    shop.expect_order(
        [200, listed[0]], [200], {**shown, "status": status}, "wish 4: GET /orders, the one order in it"
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_any_order_is_taken_or_refused(shop, seeded):
    """Wishes 1 and 2: orders of products of any name and price are taken; what is none is refused and leaves nothing"""
    customer, names = shop.customer("cy"), ["åkerbär", "jam & tea", "100% juice"]
    for name in names:
        cents, quantity = seeded.randint(1, 9_999), seeded.choice([1, 100, seeded.randint(2, 99)])
        sku = shop.product(name, cents, 500)
        right = {"sku": sku, "quantity": quantity, "total_cents": cents * quantity, "status": "placed"}
        got = customer.place(sku, quantity, f"good {seeded.randrange(10**9)}")
        shop.expect_order(got, [201], right, f"wish 1: the order of {quantity} x {sku}")
    good = {"sku": sku, "quantity": 2}
    wrong = [
        *({**good, "quantity": bad} for bad in [0, 101, -1, "2", True, 1.5, None, [2]]),
        *({**good, "sku": bad} for bad in [f"cloud {seeded.randrange(10**6)}", "", 7, None]),
        {"sku": sku},
        {"quantity": 2},
    ]
    for text in ["", "two jars, please", "[]", "null", "7", *(json.dumps(each) for each in wrong)]:
        key = f"bad {seeded.randrange(10**9)}"
        expect_refused(
            customer.ask("POST", "/orders", text, Idempotency_Key=key), f"an order with the body {text!r}"
        )
    expect_refused(
        customer.ask("POST", "/orders", json.dumps(good)), "a good order without the header Idempotency-Key"
    )
    expect(
        len(customer.orders()),
        wanted=len(names),
        look_at="wish 2: what is refused leaves nothing in GET /orders",
    )


def expect_refused(got, what):
    """Fail the check unless the answer is a 400 with a reason."""
    code, answer = got
    good = code == 400 and type(answer) is dict and bool(answer.get("error"))
    expect_true(good, wanted='400 and {"error": …}', got=got, look_at=f"wish 2: {what}")


@pytest.mark.points(2)
def test_a_key_stands_for_one_order(shop):
    """Wish 3: the same key again is the same order, and another order under it a 409

    The network loses answers, and not only requests. Whoever got no answer asks again, and must be able to.
    """
    bo, sku = shop.customer("bo"), shop.product("quince", 510, 50)
    order = {"sku": sku, "quantity": 2, "total_cents": 1020}
    first = shop.expect_order(
        bo.place(sku, 2, "again"), [201], {**order, "status": "placed"}, "wish 1: POST /orders"
    )
    for _ in range(2):
        code, answer = bo.place(sku, 2, "again")
        status = answer.get("status") if type(answer) is dict else None  # it may be packed by now
        second = shop.expect_order(
            [code, answer], [200, 201], {**order, "status": status}, "wish 3: the same POST again"
        )
        expect(second, wanted=first, look_at="wish 3: the order_id of the same POST again")
    for quantity, what, expected in [
        (3, sku, "another quantity"),
        (2, shop.product("fig", 1, 1), "another product"),
    ]:
        expect(
            bo.place(what, quantity, "again")[0], wanted=409, look_at=f"wish 3: the same key with {expected}"
        )
    expect(len(bo.orders()), wanted=1, look_at="wish 3: how many orders there are of one key, in GET /orders")
    other = bo.places(sku, 2, "another")
    expect_true(
        other != first,
        wanted="an order of its own for another key",
        got=other,
        look_at="wish 3: the order_id",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_taps_at_the_same_moment_are_one_order(shop, seeded):
    """Wish 3: several taps at once are one order, and two customers may use the same key"""
    sku, run = shop.product("rush", seeded.randint(1, 999), 500), seeded.randrange(10**9)
    first, second = shop.customer("dora"), shop.customer("emil")
    with ThreadPoolExecutor(3) as phone:
        warm = list(phone.map(lambda number: first.place(sku, 1, f"{run} warm {number}"), range(3)))
        expect(
            [code for code, _ in warm],
            wanted=[201] * 3,
            look_at=f"wish 1: three orders at once{shop.refusals()}",
        )
        for number in range(3):
            key = f"{run} {number}"
            got = list(phone.map(lambda _, key=key: first.place(sku, 2, key), range(3)))
            ids = {answer.get("order_id") if type(answer) is dict else None for _, answer in got}
            expect_true(
                {code for code, _ in got} <= {200, 201} and len(ids) == 1,
                wanted="one order_id for three taps, with 200 or 201",
                got=[[code, answer] for code, answer in got],
                look_at=f"wish 3: is it one step that asks and stores?{shop.refusals()}",
            )
            theirs = second.place(sku, 1 + number, key)
            expect_true(
                theirs[0] == 201 and type(theirs[1]) is dict and theirs[1].get("order_id") not in ids,
                wanted="201 and an order of its own for another customer with the same key",
                got=theirs,
                look_at="wish 3: a key belongs to a customer",
            )
    got = [len(first.orders()), len(second.orders())]
    expect(got, wanted=[6, 3], look_at="wish 3: how many orders there are in the lists of both customers")


@pytest.mark.points(2)
def test_orders_are_their_owners(shop):
    """Wish 4: somebody else's order is a 404, and without a good token there is nothing at all

    The doorman asks who it is, the key of the table whose it is. Leave out either, and everybody's orders are
    everybody's.
    """
    ada, bo, sku = shop.customer("ada"), shop.customer("bo"), shop.product("pear", 300, 50)
    order_id = ada.places(sku, 1, "mine")
    path = f"/orders/{quote(order_id, safe='')}"
    expect(ada.ask("GET", path)[0], wanted=200, look_at=f"wish 4: one's own order{shop.refusals()}")
    for other, what in [(path, "somebody else's order"), ("/orders/nowhere", "an order that is not there")]:
        expect(bo.ask("GET", other)[0], wanted=404, look_at=f"wish 4: {what}")
    expect(bo.orders(), wanted=[], look_at="wish 4: GET /orders of somebody who never ordered")
    order = json.dumps({"sku": sku, "quantity": 1})
    for header in (None, "Bearer nobody", ada.token):
        given = {"Authorization": header} if header else {}
        said = "without a token" if header is None else f"with {header.replace(ada.token, '<token>')!r}"
        for method, target, body in [
            ("GET", path, None),
            ("GET", "/orders", None),
            ("POST", "/orders", order),
        ]:
            code, _ = shop.ask(method, target, body, Idempotency_Key="x", **given)
            look_at = f"wish 4: {method} {target.replace(order_id, '…')} {said}; the authorizer of that route"
            expect_true(code in (401, 403), wanted="401 or 403", got=str(code), look_at=look_at)
    expect(len(ada.orders()), wanted=1, look_at="wish 4: what is ordered without a good token")
