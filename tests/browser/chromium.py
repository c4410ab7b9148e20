"""Chromium without a way out of this machine, and a watch over what a page asks for and complains about."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from course.site_server import make_server

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
LOCAL = ("http://127.0.0.1:", "file:", "data:", "blob:", "about:")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (make test installs it as root)"
)


@dataclass
class Watch:
    """What a page asked for elsewhere, and what it complained about."""

    external: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def request(self, request: Request) -> None:
        if not request.url.startswith(LOCAL):
            self.external.append(request.url)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def page_error(self, error: Error) -> None:
        self.errors.append(str(error))


def watched(page: Page) -> Watch:
    watch = Watch()
    page.on("request", watch.request)
    page.on("console", watch.console)
    page.on("pageerror", watch.page_error)
    return watch


@contextlib.contextmanager
def lent(tab: Page) -> Iterator[Page]:
    """A tab that many tests use one after the other; here each finds it empty, and it has complained of nothing after each.

    A tab of its own costs a test three processes more, and all scripts compiled again: two seconds instead of one. It forgets
    all that a page keeps, but neither an installed clock nor an init script: a test with one of these has its own tab.
    """
    watch = watched(tab)
    told = {"request": watch.request, "console": watch.console, "pageerror": watch.page_error}
    try:
        yield tab
    finally:
        visited = tab.url
        tab.goto("about:blank")
        for event, hearer in told.items():
            tab.remove_listener(event, hearer)
        tab.unroute_all()
        origin = "file://" if visited.startswith("file:") else "/".join(visited.split("/")[:3])
        session = tab.context.new_cdp_session(tab)
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        session.detach()
    assert watch == Watch()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def http_address(site: Path) -> Iterator[str]:
    with make_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["http", "disk"])
def address(request: pytest.FixtureRequest, site: Path) -> str:
    if request.param == "http":
        return str(request.getfixturevalue("http_address"))
    return site.as_uri() + "/"
