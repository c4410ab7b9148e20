"""The calculator, the picture of concurrency and the event explorer in a real browser, held to the sandbox's own figures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from docs_hooks import interactive, traces
from lambda_sandbox import event_shapes
from lambda_sandbox.invocation.report import billed_duration_ms
from lambda_sandbox.telemetry.meters import FreeTier, charges, total_usd
from tests.browser.chromium import lent, needs_chromium
from tests.unit.telemetry.test_billing import test_billed_duration_is_what_aws_printed as billed_cases
from tests.unit.telemetry.test_meters import EXAMPLES, Example

pytestmark = needs_chromium

BILLED = next(mark for mark in billed_cases.pytestmark if mark.name == "parametrize").args[1]  # type: ignore[attr-defined]
CENT = Decimal("0.01")
NO_FREE = {"requests": False, "gb_seconds": False, "streamed_gb": False}


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    yield tab
    tab.close()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    with lent(tab) as page:
        yield page


def text(value: Any) -> Any:
    """Numbers as exact decimal text, as the site gets them."""
    if isinstance(value, Mapping):
        return {name: text(each) for name, each in value.items()}
    return format(Decimal(repr(value)), "f") if isinstance(value, int | float) else value


def cents(usd: float) -> str:
    return f"{Decimal(repr(usd)).quantize(CENT, ROUND_HALF_UP):,}"


def rules(example: Example) -> str:
    return "2019" if example.prices.rules.rounding_ms == 100 else "today"


# --- the calculator ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_line_of_a_bill_is_the_sandboxs(page: Page, http_address: str, name: str) -> None:
    example = EXAMPLES[name]
    page.goto(http_address + "pricing/02-calculator.html")
    lines = page.evaluate(
        """([usage, rules, free]) => course.billing.charges(usage, course.data.prices[rules], { ...course.billing.NOTHING_FREE, ...free })
          .map((line) => ({ meter: line.meter, unit: line.unit, usd: course.decimal.plain(line.usd),
            quantity: course.decimal.plain(line.quantity), free: course.decimal.plain(line.free), cents: course.decimal.text(line.usd, 2) }))""",
        [text(asdict(example.usage)), rules(example), text(free_of(example.free_tier))],
    )
    wanted = charges(example.usage, example.prices, example.free_tier)
    assert [line["meter"] for line in lines] == [line.meter for line in wanted]
    for line, charge in zip(lines, wanted, strict=True):
        assert float(line["usd"]) == pytest.approx(charge.usd, rel=1e-12)
        assert float(line["quantity"]) == pytest.approx(charge.quantity, rel=1e-12)
        assert float(line["free"]) == pytest.approx(charge.free, rel=1e-12)
        assert (line["unit"], line["cents"]) == (charge.unit, cents(charge.usd))


def free_of(tier: FreeTier) -> dict[str, float]:
    return {
        "requests": tier.requests,
        "gb_seconds": tier.gb_seconds,
        "streamed_gb": tier.streamed_gb,
        "edge_function_requests": tier.edge_function_requests,
    }


# What a person types for each of AWS's examples; what is not named stays 0. `free`: which boxes are ticked.
TYPED: dict[str, dict[str, Any]] = {
    "mobile backend": {"requests": "3,000,000", "memory_mb": 1536, "duration_ms": 120},
    "telemetry enrichment": {"requests": 7_440_000, "memory_mb": 1024, "duration_ms": 2000, "free": NO_FREE},
    "machine learning with 2 GB of /tmp": {
        "requests": 6_000_000, "memory_mb": 4096, "duration_ms": 280, "storage_mb": 2048,
    },
    "provisioned concurrency of 100 for 8 hours": {
        "requests": 3_000_000, "memory_mb": 1536, "duration_ms": 120,
        "pc_environments": 100, "pc_hours": 8, "pc_requests": 500_000, "pc_duration_ms": 100,
    },
    "provisioned concurrency of 7 for a day": {
        "requests": 2_000_000, "memory_mb": 4096, "duration_ms": 280, "pc_environments": 7, "pc_hours": 24,
        "pc_requests": 2_000_000, "pc_duration_ms": 280, "free": NO_FREE,
    },
    "SnapStart for Python": {
        "requests": 7_440_000, "memory_mb": 1024, "duration_ms": 2000, "snap_versions": 1, "snap_days": 31,
        "snap_restores": 74_400, "free": NO_FREE,
    },
    "response streaming, the free 100 GB used elsewhere": {
        "requests": 3_000_000, "memory_mb": 1536, "duration_ms": 500, "streamed": 1_000_000, "streamed_kb": 7168,
        "free": {"streamed_gb": False},
    },
    "Kafka pollers, as the page counts": {
        "requests": 30_000_000, "memory_mb": 1024, "duration_ms": 2000, "event_kb": 300, "kafka_hours": 800,
        "free": {"requests": False, "streamed_gb": False},
    },
    "SQS pollers": {"requests": 30_000_000, "memory_mb": 1024, "duration_ms": 1000, "sqs_hours": 8000, "free": NO_FREE},
    "Lambda@Edge": {"requests": 0, "edge_requests": 10_000_000, "edge_memory_mb": 128, "edge_duration_ms": 10},
    "Managed Instances": {
        "requests": 0, "instance_requests": 100_000_000, "instances_usd": "326.4", "instances_discount": 72,
    },
    "durable functions": {
        "requests": 2_000_000, "memory_mb": 1024, "duration_ms": 16_000, "architecture": "arm64",
        "durable_operations": 4_000_000, "durable_written_gb": 104, "durable_gb_months": "72.8",
    },
    "tenant isolation": {
        "requests": 10_000_000, "memory_mb": 1024, "duration_ms": 2000, "tenant_environments": 200_000, "free": NO_FREE,
    },
    "1 ms steps": {"requests": 60_000_000, "memory_mb": 1024, "duration_ms": "27.55", "free": NO_FREE},
    "100 ms era, 512 MB": {"requests": 3_000_000, "memory_mb": 512, "duration_ms": 1000},
    "100 ms era, 128 MB": {"requests": 30_000_000, "memory_mb": 128, "duration_ms": 120},
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_person_types_comes_to_the_sandboxs_cents(page: Page, http_address: str, name: str) -> None:
    example, typed = EXAMPLES[name], dict(TYPED[name])
    page.goto(http_address + "pricing/02-calculator.html")
    page.evaluate("for (const group of document.querySelectorAll('.course-group')) group.open = true")
    page.get_by_label("Prices of").select_option(rules(example))
    page.get_by_label("Architecture").select_option(typed.pop("architecture", "x86_64"))
    for meter, ticked in typed.pop("free", {}).items():
        page.locator(f"[name=free_{meter}]").set_checked(ticked)
    for field, value in typed.items():
        page.locator(f"[name={field}]").fill(str(value))
    page.locator(f"[name={field}]").press("Tab")
    wanted = cents(total_usd(charges(example.usage, example.prices, example.free_tier)))
    expect(page.locator(".course-total output")).to_have_text(f"${wanted}")


@pytest.mark.parametrize(("duration_ms", "init_ms", "options", "billed_ms"), BILLED)
def test_billed_milliseconds_are_those_of_aws(
    page: Page, http_address: str, duration_ms: float, init_ms: float, options: dict[str, int], billed_ms: int
) -> None:
    page.goto(http_address + "pricing/02-calculator.html")
    arguments = [text(duration_ms), text(init_ms), text(options)]
    got = page.evaluate("(given) => Number(course.billing.billedMs(...given))", arguments)
    assert got == billed_ms == billed_duration_ms(duration_ms, init_ms, **options)


def test_decimals_lose_nothing(page: Page, http_address: str) -> None:
    page.goto(http_address + "pricing/02-calculator.html")
    plain = "(text) => { const d = course.decimal; return [d.plain(d.sum(['0.1', '0.2'])), d.text(text, 2), d.plain(d.over('1', 1024)), String(d.ceiling('2.0001'))]; }"
    assert page.evaluate(plain, "12345678901234567.005") == [
        "0.3",
        "12,345,678,901,234,567.01",
        "0.0009765625",
        "3",
    ]


def test_a_field_that_is_no_number_gets_one_sentence(page: Page, address: str) -> None:
    page.goto(address + "pricing/02-calculator.html")
    field = page.locator("[name=memory_mb]")
    for value, sentence in {
        "lots": "Memory: write a whole number of 0 or more.",
        "64": "Memory: at least 128 MB.",
        "99999999": "Memory: at most 32,768.",
    }.items():
        field.fill(value)
        expect(page.locator(".course-bill")).to_have_text(sentence)
        expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("1024")
    expect(page.locator(".course-total output")).to_be_visible()


def test_prices_that_lack_a_meter_refuse_it(page: Page, http_address: str) -> None:
    page.goto(http_address + "pricing/02-calculator.html")
    page.get_by_label("Prices of").select_option("2019")
    page.get_by_label("Architecture").select_option("arm64")
    expect(page.locator(".course-bill")).to_have_text("These prices have none for duration on arm64.")


# --- concurrency ---


@pytest.fixture(scope="module")
def simulated() -> dict[str, Any]:
    return traces.data()


def test_the_site_holds_what_the_simulation_writes(
    page: Page, http_address: str, simulated: dict[str, Any]
) -> None:
    page.goto(http_address + "concepts/07-scaling-and-concurrency.html")
    assert page.evaluate("course.elements.load('traces-all').then((data) => data.allTraces)") == json.loads(
        json.dumps(simulated["traces"])
    )


def test_a_choice_shows_the_numbers_of_its_trace(page: Page, address: str, simulated: dict[str, Any]) -> None:
    page.goto(address + "concepts/07-scaling-and-concurrency.html")
    page.get_by_label("The function has").select_option("reserved-3")
    page.get_by_label("Callers a second").fill("3")  # the fourth of the rates
    trace = simulated["traces"]["steady 16 500 reserved-3"]
    expect(page.locator(".lanes-number.refused")).to_contain_text(str(len(trace["throttled"])))
    assert page.locator(".lanes svg .refused").count() == len(trace["throttled"])
    assert page.locator(".lanes svg .warm").count() == len(trace["runs"])
    page.get_by_text("The same as a table").click()
    assert page.locator(".course-table tbody tr").count() == 3


def test_it_is_played_stepped_and_stopped_by_keyboard(page: Page, address: str) -> None:
    page.goto(address + "concepts/07-scaling-and-concurrency.html")
    page.locator(".lanes").focus()
    page.keyboard.press("Home")
    assert page.locator(".lanes svg rect").count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".course-said-aloud")).to_contain_text("starting")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_who_wants_less_motion_gets_two_pictures_a_second(browser: Browser, http_address: str) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.clock.install()
    page.goto(http_address + "concepts/07-scaling-and-concurrency.html")
    page.evaluate(
        "window.drawn = 0; new MutationObserver(() => { window.drawn += 1; }).observe(document.querySelector('.lanes'), { childList: true })"
    )
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2000)
    assert page.evaluate("window.drawn") <= 6
    page.close()


@pytest.mark.parametrize("limit", traces.LIMITS)
def test_traces_keep_lambdas_rules(simulated: dict[str, Any], limit: str) -> None:
    """One invocation at a time in a lane, no more lanes at work than allowed, and nobody refused below the limit."""
    most = traces.LIMITS[limit].get("reserved")
    for name, trace in simulated["traces"].items():
        if not name.endswith(f" {limit}"):
            continue
        ends: dict[int, int] = {}
        for lane, arrived, started, ended, init in trace["runs"]:
            assert arrived <= started < ended, name
            assert started - init >= ends.get(lane, 0) - 1, name
            ends[lane] = ended
            if lane < trace["provisioned"]:
                assert init == 0, name
        if most is None:
            assert trace["throttled"] == [], name
        else:
            assert len(ends) <= most, name


# --- events ---


def test_every_field_of_every_event_says_what_it_means(page: Page, http_address: str) -> None:
    for name, (_, value) in interactive.events():
        silent = [
            path
            for path, (kind, meaning, _) in value["fields"].items()
            if not meaning and "object" not in kind and "list" not in kind
        ]
        assert value["fields"], name
        assert silent == [], name
    page.goto(http_address + "events/index.html")
    assert page.locator(".course-widget select").locator("option").count() == len(event_shapes.names())


def test_an_event_is_walked_by_keyboard(page: Page, address: str) -> None:
    page.goto(address + "events/index.html")
    page.locator(".course-widget select").select_option("sqs")
    page.locator("[data-path='Records[].body']").wait_for()
    page.locator("[role=treeitem][tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    focused = "document.activeElement.dataset.path"
    assert page.evaluate(focused) == "Records[].messageId"
    expect(page.locator(".event-detail")).to_contain_text("what batchItemFailures names")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == "Records[]"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "Records[]"  # what is closed is passed over: there is nothing below it
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert page.evaluate(focused).startswith("Records[].")
    assert "string" in (page.evaluate("document.activeElement.ariaLabel") or "")
