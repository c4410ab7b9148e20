"""axe-core finds nothing wrong on any type of page, light and dark; and how much a page weighs before anybody touches it."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response

from tests.browser.chromium import lent, needs_chromium

pytestmark = needs_chromium

# One page of each type, and every page with an interactive part.
TYPES = [
    "index.html",
    "concepts/03-execution-environments.html",
    "concepts/07-scaling-and-concurrency.html",
    "events/index.html",
    "labs/index.html",
    "labs/01-first-function/lab.html",
    "pricing/02-calculator.html",
    "certification/index.html",
    "certification/practice.html",
    "certification/mock-exam.html",
    "certification/cards.html",
    "certification/cheat-sheet.html",
    "certification/saa-c03.html",
    "reference/glossary.html",
    "reference/api-parity.html",
]
MOST_KB = 300


def violations(page: Page, scheme: str) -> list[tuple[str, list[Any]]]:
    """Return what axe finds. In the dark a page has other colours and nothing else: only these are looked at."""
    page.wait_for_function(
        "document.getAnimations().every((each) => each.playState !== 'running')"
    )  # half-faded text is faint
    options = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = ["color-contrast"]
    found = Axe().run(page, options=options).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found]


@pytest.fixture(scope="module")
def tabs(browser: Browser) -> Iterator[dict[str, Page]]:
    """One tab of each kind for all pages: see ``lent`` for what that saves."""
    made = {
        "light": browser.new_page(color_scheme="light"),
        "dark": browser.new_page(color_scheme="dark"),
        "phone": browser.new_page(viewport={"width": 360, "height": 740}),
    }
    yield made
    for tab in made.values():
        tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", TYPES)
def test_axe_finds_nothing(tabs: dict[str, Page], http_address: str, name: str, scheme: str) -> None:
    with lent(tabs[scheme]) as page:
        page.goto(http_address + name, wait_until="networkidle")
        shown = page.locator("body").get_attribute("data-md-color-scheme")
        assert shown == {"light": "default", "dark": "slate"}[scheme]
        assert violations(page, scheme) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_middle_of_practice_exam_and_cards(
    browser: Browser, http_address: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    found = {}
    page.goto(http_address + "certification/practice.html")
    page.get_by_role("button", name="Start").click()
    page.locator(".course-question").wait_for()
    page.keyboard.press("1")
    found["practice"] = violations(page, scheme)
    page.keyboard.press("Enter")
    found["explained"] = violations(page, scheme)
    page.goto(http_address + "certification/mock-exam.html")
    page.get_by_role("button", name="Begin SAA-C03").click()
    page.locator(".course-question").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("f")
    found["exam"] = violations(page, scheme)
    page.get_by_role("button", name="Review").click()
    found["review"] = violations(page, scheme)
    page.get_by_role("button", name="Hand it in").click()
    found["result"] = violations(page, scheme)
    page.goto(http_address + "certification/cards.html")
    page.get_by_role("button", name="Study").click()
    page.locator(".course-flash").wait_for()
    page.keyboard.press(" ")
    found["card"] = violations(page, scheme)
    page.close()
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("name", TYPES)
def test_a_page_is_light_before_anybody_touches_it(browser: Browser, http_address: str, name: str) -> None:
    """All that it loads, compressed as web servers send it."""
    page = browser.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(http_address + name, wait_until="networkidle")
    sizes = {answer.url: len(gzip.compress(answer.body())) for answer in answers if answer.ok}
    page.close()
    assert sizes
    assert not any(
        url.endswith("search_index.json") for url in sizes
    )  # it grows with the course, and waits for the search
    assert sum(sizes.values()) < MOST_KB * 1024, sizes


@pytest.mark.parametrize("name", TYPES)
def test_nothing_is_wider_than_a_small_phone(tabs: dict[str, Page], http_address: str, name: str) -> None:
    with lent(tabs["phone"]) as page:
        page.goto(http_address + name, wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
