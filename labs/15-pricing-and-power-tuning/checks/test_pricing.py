"""What lab 15 asks for: a month's bill computed, a curve of power tuning read, and sizes that fit the work."""

from __future__ import annotations

import itertools
import math

import pytest

from autograder.checks import expect, expect_true
from autograder.checks_asking import answer_of, configuration_of, expect_guesses, expect_observed

PRICE = "cloudberry-price"
TUNER = "cloudberry-tuner"
USD_PER_REQUEST = 0.20 / 1_000_000
USD_PER_GB_SECOND = 0.0000166667
SIZES_MB = [128, 256, 512, 1024, 1769, 3008]
CENT = 0.0101  # as near as a sum that was rounded to cents has to be, wherever it was rounded


def is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


def month(requests, memory_mb, duration_ms, free_tier):
    """Return billed milliseconds of a call, GB-seconds and US dollars of all of them."""
    billed_ms = math.ceil(duration_ms)
    gb_seconds = memory_mb / 1024 * billed_ms / 1000 * requests
    free_requests, free_gb_seconds = (1_000_000, 400_000) if free_tier else (0, 0)
    usd = max(0, requests - free_requests) * USD_PER_REQUEST
    return billed_ms, gb_seconds, usd + max(0.0, gb_seconds - free_gb_seconds) * USD_PER_GB_SECOND


def expect_month(sandbox, requests, memory_mb, duration_ms, free_tier):
    """Fail the check unless the price function knows what such a month costs."""
    event = {
        "requests": requests,
        "memory_mb": memory_mb,
        "duration_ms": duration_ms,
        "free_tier": free_tier,
    }
    got = answer_of(sandbox, PRICE, event, "the four gaps")
    billed_ms, gb_seconds, usd = month(requests, memory_mb, duration_ms, free_tier)
    about = f"the event was {event}"
    expect_true(
        type(got) is dict and sorted(got) == ["billed_ms", "gb_seconds", "usd"],
        wanted="billed_ms, gb_seconds and usd",
        got=got,
        look_at=f"gap 4, what the handler returns; {about}",
    )
    expect(
        got["billed_ms"],
        wanted=billed_ms,
        look_at=f"gap 1: up to the next whole one; {about}",
        numbers_alike=True,
    )
    near = is_number(got["gb_seconds"]) and math.isclose(got["gb_seconds"], gb_seconds, rel_tol=1e-6)
    look_at = f"gap 2: memory / 1024 x billed seconds x requests, before any free tier; {about}"
    expect_true(near, wanted=f"gb_seconds: {gb_seconds:.3f}", got=got["gb_seconds"], look_at=look_at)
    near = is_number(got["usd"]) and abs(got["usd"] - usd) < CENT
    look_at = f"gap 3: what is left to pay of either meter, and never less than nothing; {about}"
    expect_true(near, wanted=f"usd: {usd:.2f}", got=got["usd"], look_at=look_at)


def usd_of(point):
    gb_seconds = point["memory_mb"] / 1024 * math.ceil(point["duration_ms"]) / 1000
    return gb_seconds * USD_PER_GB_SECOND + USD_PER_REQUEST


def verdict(points, slowest_ms=math.inf):
    """Return the three sizes that a right tuner names."""
    cheapest = min(points, key=lambda point: (usd_of(point), point["memory_mb"]))
    fastest = min(points, key=lambda point: (point["duration_ms"], point["memory_mb"]))
    allowed = [point for point in points if point["duration_ms"] <= slowest_ms] or [fastest]
    chosen = min(allowed, key=lambda point: (usd_of(point), point["memory_mb"]))
    return {
        "cheapest_mb": cheapest["memory_mb"],
        "fastest_mb": fastest["memory_mb"],
        "chosen_mb": chosen["memory_mb"],
    }


def curve(seeded, computing_ms, waiting_ms):
    """Return the points of work that computes and waits for so long, in any order, no two of one price or duration."""
    points = []
    for memory_mb in SIZES_MB:
        share = min(1.0, memory_mb / 1769)
        duration_ms = waiting_ms + computing_ms / share * seeded.uniform(0.93, 1.07)
        points.append({"memory_mb": memory_mb, "duration_ms": round(duration_ms, 2)})
    seeded.shuffle(points)
    prices = sorted(usd_of(point) for point in points)
    if all(larger - smaller > 1e-12 for smaller, larger in itertools.pairwise(prices)):
        return points
    return curve(seeded, computing_ms, waiting_ms)  # the last bit of a float shall not decide


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"billed_in_2019": float, "usd_for_a_million": float, "price_factor": float},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what is billed, what the dial does, and where a server becomes cheaper

    The price is an area, memory times time: work that computes trades one for the other, work that
    waits cannot.
    """
    right = [
        ("a_cold_start_is_billed", True, "billed and init in the first row of the bill"),
        ("labels_cost_twice_as_much_at_twice_the_memory", False, "the paragraph below the first curve"),
        ("waiting_costs_twice_as_much_at_twice_the_memory", True, "the curve of cloudberry-carrier"),
        ("billed_ms_of_the_short_quote_in_2019", 100, "the line with the rules of 2019"),
        ("break_even_million_calls", 22, "'Is a server cheaper?', rounded to whole millions"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_months_of_the_table_are_right(sandbox):
    """The three months of the table come out right

    What is rounded up is one call, before it is multiplied by millions: a tenth of a millisecond at the
    wrong place is money.
    """
    expect_month(sandbox, 3_000_000, 512, 119.2, False)
    expect_month(sandbox, 3_000_000, 512, 119.2, True)
    expect_month(sandbox, 20_000_000, 1024, 200.0, True)


@pytest.mark.points(2)
@pytest.mark.held
def test_any_month_is_right(sandbox, seeded):
    """Other months, small and large, with and without the free tier"""
    expect_month(sandbox, seeded.randint(1_000, 900_000), 128, 3.01, True)
    for free_tier in (True, False, True, False):
        memory_mb = seeded.choice([128, 256, 768, 1536, 1769, 10_240])
        duration_ms = round(seeded.uniform(1, 3_000), 2)
        expect_month(sandbox, seeded.randint(1_000_000, 60_000_000), memory_mb, duration_ms, free_tier)


@pytest.mark.points(2)
def test_tuner_reads_both_curves(sandbox):
    """For work that computes the tuner takes a middle size, for work that waits the smallest

    The two kinds of work want opposite things, so no rule of thumb fits both: only a measurement does.
    """
    computing = [(128, 421.3), (256, 209.1), (512, 104.2), (1024, 51.7), (1769, 29.6), (3008, 29.9)]
    waiting = [(3008, 120.9), (1769, 121.1), (1024, 121.4), (512, 122.3), (256, 123.8), (128, 127.2)]
    look_at = "how the price of a call is computed, billed time in whole milliseconds; the points were {}"
    for pairs in (computing, waiting):
        points = [{"memory_mb": memory_mb, "duration_ms": duration_ms} for memory_mb, duration_ms in pairs]
        got = answer_of(sandbox, TUNER, {"points": points}, "the tuner's handler")
        expect(got, wanted=verdict(points), look_at=look_at.format(points), numbers_alike=True)


@pytest.mark.points(2)
def test_tuner_minds_the_longest_time(sandbox):
    """With a longest time, the tuner takes the cheapest size that keeps it, or the fastest if none does

    Cheapest and fastest are the two ends; what is wanted is nearly always a price for a promise.
    """
    points = [
        {"memory_mb": memory_mb, "duration_ms": duration_ms}
        for memory_mb, duration_ms in [(128, 640.5), (512, 250.2), (1024, 181.9), (1769, 163.3)]
    ]
    for slowest_ms in (700, 250.2, 200, 100):
        event = {"points": points, "slowest_ms": slowest_ms}
        got = answer_of(sandbox, TUNER, event, "the tuner's handler")
        expect(
            got,
            wanted=verdict(points, slowest_ms),
            look_at=f"which sizes take at most {slowest_ms} ms, and what happens if none does",
            numbers_alike=True,
        )


@pytest.mark.points(3)
@pytest.mark.held
def test_tuner_is_right_for_other_curves(sandbox, seeded):
    """Other measurements, mixed work among them, and an empty one"""
    for computing_ms, waiting_ms in [(60, 0), (40, 90), (15, 250), (4, 700), (120, 60)]:
        points = curve(seeded, computing_ms, waiting_ms)
        slowest_ms = round(seeded.uniform(waiting_ms, waiting_ms + 6 * computing_ms), 1)
        for event in ({"points": points}, {"points": points, "slowest_ms": slowest_ms}):
            got = answer_of(sandbox, TUNER, event, "the tuner's handler")
            wanted = verdict(points, event.get("slowest_ms", math.inf))
            expect(got, wanted=wanted, look_at=f"the event {event}", numbers_alike=True)
    result = sandbox.invoke(TUNER, {"points": []})
    payload = result.payload if type(result.payload) is dict else {}
    expect(payload.get("errorType"), wanted="ValueError", look_at="what the tuner does without any point")


@pytest.mark.points(2)
def test_sizes_fit_the_work(sandbox):
    """The labels have the size at which a customer waits least for a price that is right, the parcel's price the smallest

    At 1,769 MB there is one whole vCPU. One thread cannot use more, so what lies beyond buys nothing.
    """
    for name, most_mb, least_mb, look_at in [
        (
            "cloudberry-labels",
            1769,
            1024,
            "where the curve stops falling although the price has not begun to rise",
        ),
        ("cloudberry-carrier", 128, 128, "the curve of work that waits: which size is cheapest"),
    ]:
        memory_mb = configuration_of(sandbox, name)["MemorySize"]
        expect_true(
            least_mb <= memory_mb <= most_mb,
            wanted=f"a memory size of {name} that fits its work",
            got=f"{memory_mb} MB",
            look_at=f"{look_at}; then the cell under 'Set the sizes'",
        )
