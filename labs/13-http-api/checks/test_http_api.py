"""What lab 13 asks for: products and orders over HTTP, a page of another site let in, and orders that are their owner's."""

from __future__ import annotations

import http.client
import json
from urllib.parse import quote, urlsplit

import pytest

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import expect_guesses, expect_observed, put_item, require_function, table_items

ORIGIN = "https://cloudberry.example"


def host_of(sandbox):
    """Return the name under which the shop's API is reached."""
    for api in sandbox.client("apigatewayv2").get_apis()["Items"]:
        if api["Name"] == "cloudberry-shop":
            return f"{api['ApiId']}.execute-api.us-east-1.localhost"
    return wanted("an HTTP API cloudberry-shop", "there is none", "the example's cell with make_api")


def ask(sandbox, method, path, body=None, **headers):
    """Send a request to the shop's API; return status, headers (small letters, several joined) and text."""
    address = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        names = {"Content-Type": "application/json", **names}
    try:
        connection.request(method, path, body, {"Host": host_of(sandbox), **names})
        answer = connection.getresponse()
        found = {}
        for name, value in answer.getheaders():
            found[name.lower()] = ", ".join(filter(None, [found.get(name.lower()), value]))
        return answer.status, found, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def ask_json(sandbox, method, path, body=None, **headers):
    """Return status and the answer read as JSON; the text itself where it is none."""
    status, _, text = ask(sandbox, method, path, body, **headers)
    try:
        return [status, json.loads(text)]
    except ValueError:
        return [status, text]


def orders(sandbox):
    """Return the orders' ids and totals."""
    return {item["order_id"]: int(item["total_cents"]) for item in table_items(sandbox, "Orders")}


def mine(sandbox, order_id, authorization=None):
    """Ask for an order, with that header or without."""
    given = {} if authorization is None else {"Authorization": authorization}
    return ask_json(sandbox, "GET", f"/orders/{quote(order_id)}", **given)


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"status_of_a_bare_value": int, "status_of_an_exception": int, "runs_without_a_route": int},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down whose error is whose

    Both a missing permission and an exception are a 500 to the caller. Only for the second is there a line in the
    function's log.
    """
    right = [
        ("status_without_permission", 500, "the first call under 'Example'"),
        ("runs_without_permission", 0, "the line below the first call"),
        ("a_bare_value_got", 200, "the call of /bare, with the permission"),
        ("an_exception_got", 500, "the call of /fail"),
        ("no_route_got", 404, "the call of /nowhere"),
        ("runs_for_no_route", 0, "the line below the call of /nowhere"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_products_are_shown(sandbox):
    """The list, a part of it, one product, and a 404 for one that is not there

    The path names the thing, the query narrows it down, the status says how it went: with that much agreed,
    any program can use your API.
    """
    require_function(sandbox, "cloudberry-shop", "the cell with the wiring of the shop")
    status, headers, _ = ask(sandbox, "GET", "/products")
    expect(
        [status, (headers.get("content-type") or "none").split(";")[0].strip().lower()],
        wanted=[200, "application/json"],
        look_at="gap 6 (permit): a 500 without a run means that the API may not invoke the function",
    )
    cheap = {"products": [{"sku": "juice", "cents": 420}, {"sku": "tea", "cents": 390}]}
    expect(
        ask_json(sandbox, "GET", "/products?max_cents=420"),
        wanted=[200, cheap],
        look_at="gap 2: the query parameter max_cents",
    )
    expect(
        ask_json(sandbox, "GET", "/products/tea"),
        wanted=[200, {"sku": "tea", "cents": 390}],
        look_at="gap 5: the route GET /products/{sku}",
    )
    expect(
        ask_json(sandbox, "GET", "/products/cloud"),
        wanted=[404, {"error": "no product cloud"}],
        look_at="gap 3: the answer where there is no such product",
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_any_products_are_shown(sandbox, seeded):
    """Products with names of every kind are found, and the limit is kept to the cent"""
    require_function(sandbox, "cloudberry-shop", "the cell with the wiring of the shop")
    words = ["sea buckthorn", "åkerbär", "jam & tea", "100%", "a+b", "漿果"]
    added = {f"{word} {seeded.randrange(10**6)}": seeded.randint(1, 5_000) for word in words}
    for sku, cents in added.items():
        put_item(sandbox, "Products", sku=sku, cents=cents)
    for sku, cents in added.items():
        expect(
            ask_json(sandbox, "GET", f"/products/{quote(sku)}"),
            wanted=[200, {"sku": sku, "cents": cents}],
            look_at=f"the product {sku}",
        )
    limit = seeded.choice(sorted(added.values()))
    status, listed = ask_json(sandbox, "GET", f"/products?max_cents={limit}")
    got = [each["sku"] for each in listed["products"] if each["sku"] in added] if status == 200 else listed
    right = sorted(sku for sku, cents in added.items() if cents <= limit)
    expect(got, wanted=right, look_at="max_cents: what costs exactly that much is in the list")
    for wrong in ["cheap", "-1", "1.5", ""]:
        status, _ = ask_json(sandbox, "GET", f"/products?max_cents={wrong}")
        expect(status, wanted=400, look_at=f"max_cents={wrong}")
    missing = f"cloud {seeded.randrange(10**6)}"
    expect(
        ask_json(sandbox, "GET", f"/products/{quote(missing)}"),
        wanted=[404, {"error": f"no product {missing}"}],
        look_at="gap 3: the name in the answer",
    )


@pytest.mark.points(2)
def test_order_is_placed(sandbox):
    """An order is stored and answered with 201, its address, and a cookie

    201 says that something new exists, and location where. The next request of the same browser brings the
    cookie along.
    """
    require_function(sandbox, "cloudberry-shop", "the cell with the wiring of the shop")
    before = orders(sandbox)
    status, headers, text = ask(sandbox, "POST", "/orders", '{"sku": "jam", "quantity": 3}')
    new = {key: value for key, value in orders(sandbox).items() if key not in before}
    expect(
        [status, list(new.values())],
        wanted=[201, [1950]],
        look_at="gap 5 (the route POST /orders) and gap 4 (status 201), one order stored",
    )
    (order_id,) = new
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    got = {"body": body, "location": headers.get("location")}
    right = {"body": {"order_id": order_id, "total_cents": 1950}, "location": f"/orders/{order_id}"}
    expect(got, wanted=right, look_at="gap 4: value and headers of the answer")
    cookie = headers.get("set-cookie", "no cookie")
    expect_true(
        cookie.split(";")[0] == f"last_order={order_id}",
        wanted=f"the cookie last_order={order_id}",
        got=cookie,
        look_at="gap 4: cookies=[...] of answer",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_orders_hold_against_anything(sandbox, seeded):
    """Good orders are stored at the right price, in any encoding; bad ones get 400 and leave nothing"""
    require_function(sandbox, "cloudberry-shop", "the cell with the wiring of the shop")
    sku, cents = f"held {seeded.randrange(10**6)}", seeded.randint(1, 9_999)
    put_item(sandbox, "Products", sku=sku, cents=cents)
    for quantity in [1, 100, seeded.randint(2, 99)]:
        before = orders(sandbox)
        kind = seeded.choice(["application/json", "application/octet-stream"])
        body = json.dumps({"quantity": quantity, "sku": sku})
        status, _, _ = ask(sandbox, "POST", "/orders", body, Content_Type=kind)
        new = [value for key, value in orders(sandbox).items() if key not in before]
        expect([status, new], wanted=[201, [cents * quantity]], look_at=f"the order {body}, sent as {kind}")
    before = orders(sandbox)
    good = {"sku": sku, "quantity": 2}
    wrong = [
        *({**good, "quantity": bad} for bad in [0, 101, "2", True, 1.5, None]),
        *({**good, "sku": bad} for bad in ["cloud", "", 7, None, [sku]]),
    ]
    for text in ["", "two jars, please", "[]", "null", "{}", *(json.dumps(each) for each in wrong)]:
        status, _, _ = ask(sandbox, "POST", "/orders", text)
        expect(status, wanted=400, look_at=f"an order with the body {text!r}")
    expect(len(orders(sandbox)), wanted=len(before), look_at="a refused order must not be stored")


@pytest.mark.points(1)
def test_pages_of_the_shops_own_site_may_call(sandbox):
    """A browser lets pages of cloudberry.example in, and of no other site

    CORS is a rule for browsers: it protects the people who use them, not your API. Everything else can call
    it as ever.
    """

    def preflight(origin):
        _, headers, _ = ask(
            sandbox, "OPTIONS", "/orders", Origin=origin, Access_Control_Request_Method="POST"
        )
        methods = headers.get("access-control-allow-methods", "").replace(" ", "").split(",")
        return [headers.get("access-control-allow-origin"), sorted(method for method in methods if method)]

    own = preflight(ORIGIN)
    expect_true(
        own[0] == ORIGIN and {"GET", "POST"} <= set(own[1]),
        wanted=f"{ORIGIN} may use GET and POST",
        got=own,
        look_at="gap 7: AllowOrigins and AllowMethods",
    )
    expect(
        preflight("https://elsewhere.example")[0],
        wanted=None,
        look_at="gap 7: one origin in the list, and no *",
    )


@pytest.mark.points(3)
def test_orders_are_their_owners(sandbox):
    """Without a token 401, with a wrong one 403, one's own order 200, somebody else's 404

    The authorizer says who calls, your function what that caller may see. Leave out either, and anybody's order
    is everybody's.
    """
    for name in ["cloudberry-gatekeeper", "cloudberry-orders"]:
        require_function(sandbox, name, "the last wiring")
    put_item(sandbox, "Tokens", token="check-ada", customer="check-Ada")
    put_item(sandbox, "Orders", order_id="check-1", customer="check-Ada", total_cents=700)
    put_item(sandbox, "Orders", order_id="check-2", customer="check-Bo", total_cents=800)
    expect(
        mine(sandbox, "check-1")[0], wanted=401, look_at="the route's AuthorizationType and IdentitySource"
    )
    expect(mine(sandbox, "check-1", "Bearer wrong")[0], wanted=403, look_at="isAuthorized False")
    expect(
        mine(sandbox, "check-1", "Bearer check-ada"),
        wanted=[200, {"order_id": "check-1", "total_cents": 700}],
        look_at="a 500: may the API invoke both functions, and what does the log say?",
    )
    for order_id in ["check-2", "check-9"]:
        expect(
            mine(sandbox, order_id, "Bearer check-ada"),
            wanted=[404, {"error": "no such order"}],
            look_at="the customer of the item and the customer of the authorizer's context",
        )


@pytest.mark.points(3)
@pytest.mark.held
def test_nobody_gets_in_by_a_trick(sandbox, seeded):
    """Tokens in another form, of other customers, taken back, and claims in headers are of no use"""
    for name in ["cloudberry-gatekeeper", "cloudberry-orders"]:
        require_function(sandbox, name, "the last wiring")
    run = seeded.randrange(10**9)
    customers = [f"{run}-Ada", f"{run}-Bo", f"{run}-Ådel"]
    tokens = {customer: f"T-{seeded.randrange(16**8):08x}" for customer in customers}
    owned = {f"{run} {n}": (seeded.choice(customers), seeded.randint(1, 9_999)) for n in range(5)}
    for customer, token in tokens.items():
        put_item(sandbox, "Tokens", token=token, customer=customer)
    for order_id, (customer, total) in owned.items():
        put_item(sandbox, "Orders", order_id=order_id, customer=customer, total_cents=total)
    for order_id, (owner, total) in owned.items():
        for customer in customers:
            right = [404, {"error": "no such order"}]
            if customer == owner:
                right = [200, {"order_id": order_id, "total_cents": total}]
            got = mine(sandbox, order_id, f"Bearer {tokens[customer]}")
            expect(got, wanted=right, look_at="whose order it is, and who asks")
    order_id, (owner, _) = next(iter(owned.items()))
    token = tokens[owner]
    for form in [token, f"Basic {token}", f"bearer {token}", f"Bearer {token.lower()}", f"Bearer {token}x"]:
        shape = form.replace(token, "<token>").replace(token.lower(), "<token in small letters>")
        expect(mine(sandbox, order_id, form)[0], wanted=403, look_at=f"the header {shape}")
    sandbox.client("dynamodb").delete_item(TableName="Tokens", Key={"token": {"S": token}})
    expect(
        mine(sandbox, order_id, f"Bearer {token}")[0],
        wanted=403,
        look_at="a token that was taken out of the table: is it looked up each time?",
    )
