"""The site in a real browser that can reach nothing but this machine: over HTTP and from disk."""

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import needs_chromium, watched

pytestmark = needs_chromium


def test_search_finds_cold_start_and_leads_to_a_page(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    watch = watched(page)
    page.goto(address + "index.html", wait_until="networkidle")
    page.locator("input.md-search__input").click()
    page.keyboard.type("cold start", delay=20)
    first = page.locator(".md-search-result__link").first
    first.wait_for(state="visible", timeout=20_000)
    assert "cold" in first.inner_text().lower()
    first.click()
    page.wait_for_url("**/*.html*")
    assert page.locator("article").is_visible()
    page.close()
    assert watch.external == []
    assert watch.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark", "printed from dark"])
def test_text_in_pictures_can_be_read(browser: Browser, http_address: str, scheme: str) -> None:
    """The contrast of each text with the page or the box behind it is at least 3 to 1 (WCAG, large or bold text)."""
    page = browser.new_page(color_scheme="light" if scheme == "light" else "dark")
    page.emulate_media(media="print" if scheme == "printed from dark" else "screen")
    for name in ("index.html", "concepts/01-serverless.html", "concepts/03-execution-environments.html"):
        page.goto(http_address + name)
        assert page.evaluate(_POOR_CONTRAST) == [], name
    page.close()


_POOR_CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, below) => {
    const [r, g, b, a = 1] = channels(top), under = channels(below);
    return `rgb(${[r, g, b].map((v, i) => v * a + under[i] * (1 - a)).join(",")})`;
  };
  const ground = getComputedStyle(document.body).backgroundColor;
  const poor = [];
  for (const text of document.querySelectorAll("svg.picture text")) {
    const spot = text.getBoundingClientRect(), x = spot.x + spot.width / 2, y = spot.y + spot.height / 2;
    let behind = ground;
    for (const box of text.ownerSVGElement.querySelectorAll("rect")) {
      const area = box.getBoundingClientRect(), fill = getComputedStyle(box).fill;
      if (fill !== "none" && x > area.left && x < area.right && y > area.top && y < area.bottom) behind = over(fill, behind);
    }
    const [a, b] = [light(over(getComputedStyle(text).fill, behind)), light(behind)].sort((p, q) => q - p);
    if ((a + 0.05) / (b + 0.05) < 3) poor.push(text.textContent);
  }
  return poor;
}"""
