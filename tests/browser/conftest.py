from tests.browser.chromium import address, browser, http_address
from tests.site import pages, site

__all__ = ["address", "browser", "http_address", "pages", "site"]
