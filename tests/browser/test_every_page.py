"""Every page in a real browser that can reach nothing but this machine: over HTTP and from disk, light and dark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import BrowserContext, async_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM, Watch, needs_chromium

pytestmark = needs_chromium
TABS = 4  # a network counts as idle after half a second without requests: pages wait for it side by side


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_asks_elsewhere_or_complains(address: str, pages: list[str], scheme: str) -> None:
    assert asyncio.run(walked(address, pages, dark=scheme == "dark")) == Watch()


async def walked(address: str, pages: list[str], *, dark: bool) -> Watch:
    """Open every page and wait until it wants nothing more; return what they asked for elsewhere, and complained about."""
    watch = Watch()
    todo = iter(pages)
    scheme = "slate" if dark else "default"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(color_scheme="dark" if dark else "light")
        context.on("request", watch.request)
        context.on("console", watch.console)
        context.on("weberror", lambda found: watch.errors.append(str(found.error)))
        async with asyncio.TaskGroup() as tabs:
            for _ in range(TABS):
                tabs.create_task(walk(context, address, todo, scheme))
        await browser.close()
    return watch


async def walk(context: BrowserContext, address: str, todo: Iterator[str], scheme: str) -> None:
    """Open in one tab whatever is still to do."""
    tab = await context.new_page()
    for name in todo:
        await tab.goto(address + name, wait_until="networkidle")
        assert await tab.locator("h1").first.is_visible(), name
        assert await tab.locator("body").get_attribute("data-md-color-scheme") == scheme, name
