"""Every page in a real browser that can reach nothing but this machine: over HTTP and from disk, light on a phone and dark on a desk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest
from playwright.async_api import BrowserContext, ViewportSize, async_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM, Watch, needs_chromium

pytestmark = needs_chromium
TABS = 4  # a network counts as idle after half a second without requests: pages wait for it side by side
Preferred = Literal["light", "dark"]
SCREENS: dict[Preferred, ViewportSize] = {
    "light": {"width": 360, "height": 740},
    "dark": {"width": 1280, "height": 800},
}
SCHEMES = {"light": "default", "dark": "slate"}


@dataclass
class Found:
    """What pages asked for elsewhere and complained about, and the width in pixels of those that scroll sideways."""

    watch: Watch = field(default_factory=Watch)
    too_wide: dict[str, int] = field(default_factory=dict)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("address", "preferred"), [("http", "light"), ("disk", "dark")], indirect=["address"]
)
def test_no_page_asks_elsewhere_complains_or_scrolls_sideways(
    address: str, pages: list[str], preferred: Preferred
) -> None:
    assert asyncio.run(walked(address, pages, preferred)) == Found()


async def walked(address: str, pages: list[str], preferred: Preferred) -> Found:
    """Open every page and wait until it wants nothing more."""
    found = Found()
    todo = iter(pages)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(color_scheme=preferred, viewport=SCREENS[preferred])
        context.on("request", found.watch.request)
        context.on("console", found.watch.console)
        context.on("weberror", lambda error: found.watch.errors.append(str(error.error)))
        async with asyncio.TaskGroup() as tabs:
            for _ in range(TABS):
                tabs.create_task(walk(context, address, todo, preferred, found))
        await browser.close()
    return found


async def walk(
    context: BrowserContext, address: str, todo: Iterator[str], preferred: Preferred, found: Found
) -> None:
    """Open in one tab whatever is still to do."""
    tab = await context.new_page()
    for name in todo:
        await tab.goto(address + name, wait_until="networkidle")
        assert await tab.locator("h1").first.is_visible(), name
        assert await tab.locator("body").get_attribute("data-md-color-scheme") == SCHEMES[preferred], name
        width = await tab.evaluate("document.documentElement.scrollWidth")
        if width > SCREENS[preferred]["width"]:
            found.too_wide[name] = width
