"""What lab 03 asks for: set-up that is paid for once, no leaks between customers, a probe that knows where it is."""

from __future__ import annotations

import json
import time

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import call, expect_guesses, expect_observed, require_function

CATALOGUE = "cloudberry-catalogue"
BASKET = "cloudberry-basket"
PROBE = "cloudberry-probe"
PRICES_CENTS = {"jam": 650, "juice": 420, "tea": 390, "honey": 890}
LOAD_MS = 250.0


def start_anew(sandbox, name, mark):
    """Make the function's next call start cold, as any change of its settings does."""
    require_function(sandbox, name)
    client = sandbox.client("lambda")
    before = client.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})
    variables = {**before, "CHECKED": mark}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


def working_ms(result):
    """Return all the time of one call, whether it was spent in init or in the handler."""
    return result.report["duration_ms"] + (result.report.get("init_duration_ms") or 0.0)


def total_cents(items, member):
    """Return what a basket costs, members paying 90 percent of each price, rounded down."""
    return sum(PRICES_CENTS[sku] * 90 // 100 if member else PRICES_CENTS[sku] for sku in items)


def finished(sandbox, name):
    """Return the finished invocations of a function, oldest first, as the sandbox's history tells them."""
    found = sandbox.history()["invocations"]
    return [seen for seen in found if seen["function_name"] == name and seen["status"] != "running"]


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {
            "cold_starts_in_a_row": int,
            "new_environments_for_four_at_once": int,
            "counter_after_an_exception": int,
        },
    )


@pytest.mark.points(3)
def test_observations_are_right(submission):
    """You wrote down what an environment keeps and what it forgets

    What is outside the handler lives as long as its environment, and nobody promises how long that is.
    """
    right = [
        ("calls_after_the_exception", 3, "the third answer under 'What an environment survives'"),
        ("calls_after_the_timeout", 1, "the answer right after 'Task timed out'"),
        (
            "notes_after_the_timeout",
            5,
            "the answer right after 'Task timed out': a reset does not clear /tmp",
        ),
        ("calls_after_the_exit", 1, "the answer right after 'Runtime.ExitError'"),
        ("notes_after_the_update", 1, "the last call, in a new environment: it has a /tmp of its own"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_a_warm_call_does_not_load_the_catalogue(sandbox):
    """In a warm environment the catalogue answers at once

    Code outside the handler runs once per environment, so what is costly is paid for at the cold start
    and not with every call.
    """
    look_at = "where shelf.load() is called: code outside the handler runs once per environment"
    call(sandbox, CATALOGUE, {"sku": "jam"}, look_at)
    warm = [call(sandbox, CATALOGUE, {"sku": "honey"}, look_at) for _ in range(3)]
    expect(warm[-1].payload, wanted={"sku": "honey", "price_cents": 890}, look_at="what the handler returns")
    # The quickest of three: a busy machine may delay one of them.
    duration_ms = min(result.report["duration_ms"] for result in warm)
    expect_true(
        duration_ms < LOAD_MS / 2,
        wanted=f"a warm call shorter than {LOAD_MS / 2:.0f} ms",
        got=f"{duration_ms:.0f} ms",
        look_at=look_at,
    )


@pytest.mark.points(1)
@pytest.mark.held
def test_every_environment_loads_the_catalogue_once(sandbox, seeded):
    """A new environment loads the catalogue once, and knows all prices"""
    look_at = "shelf.load(): it stays in use, once per environment and not once per call"
    start_anew(sandbox, CATALOGUE, f"catalogue-{seeded.random()}")
    skus = seeded.sample(sorted(PRICES_CENTS), k=4)
    results = [call(sandbox, CATALOGUE, {"sku": sku}, look_at) for sku in skus]
    for sku, result in zip(skus, results, strict=True):
        expect(result.payload, wanted={"sku": sku, "price_cents": PRICES_CENTS[sku]}, look_at=look_at)
    spent_ms = [working_ms(result) for result in results]
    expect_true(
        spent_ms[0] >= LOAD_MS and min(spent_ms[1:]) < LOAD_MS / 2,
        wanted=f"a first call of at least {LOAD_MS:.0f} ms (the load), and later ones without it",
        got=", ".join(f"{ms:.0f} ms" for ms in spent_ms),
        look_at=look_at,
    )


@pytest.mark.points(2)
def test_every_customer_has_a_basket_of_their_own(sandbox):
    """Bo's basket holds what Bo put in

    An environment serves one call after the other, for different people: what a call leaves in a
    global, the next one finds.
    """
    look_at = "the list that all calls of one environment share"
    call(sandbox, BASKET, {"customer": "Ada", "items": ["honey", "jam"]}, look_at)
    got = call(sandbox, BASKET, {"customer": "Bo", "items": ["tea"]}, look_at).payload
    expect_true(
        type(got) is dict and got.get("items") == ["tea"],
        wanted="items: just the tea that Bo took",
        got=got,
        look_at=look_at,
    )


@pytest.mark.points(2)
def test_a_members_price_stays_with_the_member(sandbox, seeded):
    """A member's discount neither sticks nor grows, whoever calls in between

    What a call changes outside of the handler is there for the next one, whoever that is: values that all calls
    share may be read, and copied before they are changed.
    """
    look_at = "prices = PRICES_CENTS makes no copy: both names mean one dictionary"
    start_anew(sandbox, BASKET, f"basket-{seeded.random()}")
    for number in range(8):
        member = number in (1, 2, 5)
        items = seeded.choices(sorted(PRICES_CENTS), k=seeded.randint(1, 4))
        event = {"customer": f"customer-{number}", "items": items, "member": member}
        wanted = {"customer": event["customer"], "items": items, "total_cents": total_cents(items, member)}
        expect(call(sandbox, BASKET, event, look_at).payload, wanted=wanted, look_at=look_at)


@pytest.mark.points(2)
def test_probe_tells_cold_from_warm(sandbox):
    """The probe says true once, counts from 1, and names its environment

    A value outside the handler is a memory between calls: the first call of an environment finds it
    fresh, each later one as it was left.
    """
    look_at = "a counter outside the handler, and `global` inside it"
    names = []
    for mark in ["first", "second"]:
        start_anew(sandbox, PROBE, f"probe-{mark}")
        answers = [call(sandbox, PROBE, {}, look_at).payload for _ in range(3)]
        expect_true(
            all(type(answer) is dict for answer in answers),
            wanted="an answer with cold, call and environment",
            got=answers,
            look_at="what the handler returns",
        )
        expect(
            [[answer.get("cold"), answer.get("call")] for answer in answers],
            wanted=[[True, 1], [False, 2], [False, 3]],
            look_at=look_at,
        )
        names.append([answer.get("environment") for answer in answers])
    expect_true(
        all(type(name) is str and name for name in names[0] + names[1])
        and len(set(names[0])) == len(set(names[1])) == 1
        and names[0][0] != names[1][0],
        wanted="one name for the three calls of an environment, another one in a new environment",
        got=names,
        look_at="where `environment` is made: once per environment, outside the handler, and by chance (uuid)",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_probes_at_once_have_environments_of_their_own(sandbox, seeded):
    """Calls that overlap, because the probe waits, get one environment each"""
    look_at = 'the wait: event["wait_ms"] are milliseconds, and time.sleep takes seconds'
    start_anew(sandbox, PROBE, f"many-{seeded.random()}")
    call(sandbox, PROBE, {}, look_at)
    wait_ms = seeded.randint(900, 1200)
    waited_ms = call(sandbox, PROBE, {"wait_ms": wait_ms}, look_at).report["duration_ms"]
    expect_true(
        waited_ms >= wait_ms,
        wanted=f"a call of at least {wait_ms} ms for wait_ms {wait_ms}",
        got=f"{waited_ms:.0f} ms",
        look_at=look_at,
    )
    count, before = seeded.randint(3, 5), len(finished(sandbox, PROBE))
    # Asynchronous invokes return at once, so all of them are under way together.
    for _ in range(count):
        payload = json.dumps({"wait_ms": wait_ms})
        sandbox.client("lambda").invoke(FunctionName=PROBE, InvocationType="Event", Payload=payload)
    end = time.monotonic() + 20
    while len(finished(sandbox, PROBE)) < before + count and time.monotonic() < end:
        time.sleep(0.1)
    environments = {seen["environment_id"] for seen in finished(sandbox, PROBE)[before:]}
    expect(
        len(environments), wanted=count, look_at=f"{count} calls of {wait_ms} ms each, all under way together"
    )
