"""What lab 01 asks for: a quote, a shipping price, both configured from outside, and a receipt that was read."""

from __future__ import annotations

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import answer_of, expect_guesses, require_function

QUOTE = "cloudberry-quote"
SHIPPING = "cloudberry-shipping"
PRICES_CENTS = {"jam": 650, "juice": 420, "tea": 390, "honey": 890}


def quote_for(items, vat_percent=20):
    net_cents = sum(PRICES_CENTS[sku] * quantity for sku, quantity in items)
    vat_cents = (net_cents * vat_percent + 50) // 100
    return {
        "net_cents": net_cents,
        "vat_cents": vat_cents,
        "total_cents": net_cents + vat_cents,
        "currency": "EUR",
    }


def order_of(items):
    return {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items]}


class VariablesChanged:
    """Gives a function other environment variables for a while, and then its own again."""

    def __init__(self, sandbox, name, **changed):
        self.client = sandbox.client("lambda")
        self.name = name
        self.changed = changed

    def __enter__(self):
        configuration = self.client.get_function_configuration(FunctionName=self.name)
        self.before = configuration.get("Environment", {}).get("Variables", {})
        self.set({**self.before, **self.changed})

    def __exit__(self, *error):
        self.set(self.before)

    def set(self, variables):
        self.client.update_function_configuration(
            FunctionName=self.name, Environment={"Variables": variables}
        )
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"status_code_when_handler_raises": int, "print_reaches_the_caller": bool, "billed_ms": int},
    )


@pytest.mark.points(2)
def test_quote_answers_the_example(sandbox):
    """The quote for two jars of jam and one tea is right

    A handler is an ordinary function: the event comes in as Python values, and what it returns goes out
    as JSON.
    """
    items = [("jam", 2), ("tea", 1)]
    got = answer_of(sandbox, QUOTE, order_of(items), look_at="the environment variables")
    expect(got, wanted=quote_for(items), look_at="gaps 2 to 4 in work/quote/app.py")


@pytest.mark.points(1)
def test_quote_refuses_an_unknown_item(sandbox):
    """An item that the shop does not sell is a ValueError that names it

    An exception becomes a function error that the caller can see; a price that was made up would look
    like a good answer.
    """
    require_function(sandbox, QUOTE)
    result = sandbox.invoke(QUOTE, order_of([("jam", 1), ("cloud", 1)]))
    error = result.payload if result.function_error and type(result.payload) is dict else {}
    expect(
        {"errorType": error.get("errorType"), "errorMessage": error.get("errorMessage")},
        wanted={"errorType": "ValueError", "errorMessage": "unknown item: cloud"},
        look_at="gap 1: raise, do not return, and test before you look up the price",
    )


@pytest.mark.points(2)
def test_quote_takes_its_settings_from_the_environment(sandbox):
    """VAT and currency are settings and not code

    With its settings outside, one package serves every country and every stage, and a change of VAT
    needs no new code.
    """
    require_function(sandbox, QUOTE)
    with VariablesChanged(sandbox, QUOTE, VAT_PERCENT="7", CURRENCY="SEK"):
        got = answer_of(sandbox, QUOTE, order_of([("tea", 3)]), look_at="os.environ")
    expect(
        got,
        wanted={**quote_for([("tea", 3)], vat_percent=7), "currency": "SEK"},
        look_at="where your code takes VAT and currency from: here VAT_PERCENT was set to 7 and CURRENCY to SEK",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_quote_answers_orders_it_has_not_seen(sandbox, seeded):
    """Other orders get right quotes too, the empty one among them"""
    orders = [[], [(sku, 1) for sku in PRICES_CENTS]]
    for _ in range(4):
        skus = seeded.choices(sorted(PRICES_CENTS), k=seeded.randint(1, 5))
        orders.append([(sku, seeded.randint(1, 40)) for sku in skus])
    look_at = "how the loop adds up the items, and the rounding of the VAT"
    for items in orders:
        expect(answer_of(sandbox, QUOTE, order_of(items), look_at), wanted=quote_for(items), look_at=look_at)


@pytest.mark.points(1)
def test_shipping_answers_the_example(sandbox):
    """A parcel of 1,200 g costs 640 cents

    You wrote and deployed a function of your own: code, a handler's name, a role and settings are all
    that Lambda needs.
    """
    got = answer_of(sandbox, SHIPPING, {"weight_g": 1200}, look_at="BASE_CENTS and STEP_CENTS")
    expect(got, wanted={"shipping_cents": 640}, look_at="the first 1,000 g, then each 500 g begun")


@pytest.mark.points(1)
def test_shipping_has_its_memory_and_timeout(sandbox):
    """cloudberry-shipping has 256 MB and five seconds

    Memory sets the price per second and the share of a CPU, and the timeout bounds what a call that
    hangs can cost.
    """
    require_function(sandbox, SHIPPING)
    configuration = sandbox.client("lambda").get_function_configuration(FunctionName=SHIPPING)
    expect(
        {"MemorySize": configuration["MemorySize"], "Timeout": configuration["Timeout"]},
        wanted={"MemorySize": 256, "Timeout": 5},
        look_at="the settings that you pass to deploy",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_shipping_is_right_at_every_step(sandbox, seeded):
    """Shipping is right on both sides of each step, at other prices, and refuses impossible weights"""
    look_at = "the limits of a step: 1,000 g, 1,001 g, 1,500 g, 1,501 g"
    require_function(sandbox, SHIPPING)
    weights = [
        1,
        seeded.randint(2, 999),
        1000,
        1001,
        1500,
        1501,
        *seeded.choices(range(1502, 30_000), k=3),
        30_000,
    ]
    base, step = seeded.randint(300, 800), seeded.randint(90, 200)
    with VariablesChanged(sandbox, SHIPPING, BASE_CENTS=str(base), STEP_CENTS=str(step)):
        for weight_g in weights:
            wanted = {"shipping_cents": base + step * (max(0, weight_g - 1000 + 499) // 500)}
            got = answer_of(sandbox, SHIPPING, {"weight_g": weight_g}, look_at)
            expect(got, wanted=wanted, look_at=look_at)
        for weight_g in [0, -seeded.randint(1, 500), 30_001]:
            payload = sandbox.invoke(SHIPPING, {"weight_g": weight_g}).payload
            got = payload.get("errorType") if type(payload) is dict else payload
            expect(got, wanted="ValueError", look_at=f"what happens with a weight of {weight_g} g")


@pytest.mark.points(2)
def test_receipt_is_read_right(submission):
    """You read the billed durations and the status code off the receipts

    The REPORT line is the bill of one call: a cold start's init is in it, and an error that your code
    raised costs as much as success.
    """
    read = submission.literal("receipt")
    both = "what a cold call is billed for: Duration and Init Duration, together and then rounded up"
    warm = "what a warm call is billed for: its Duration, rounded up to a whole millisecond"
    status = "the first number that call() prints under 'The function fails'"
    for name, right, look_at in [
        ("first_billed_ms", 143, both),
        ("second_billed_ms", 38, warm),
        ("status_code_of_a_function_error", 200, status),
    ]:
        exact = type(read[name]) is int and read[name] == right
        expect_true(exact, wanted=f"the right {name}", got=read[name], look_at=look_at)
