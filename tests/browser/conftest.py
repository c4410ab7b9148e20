from tests.site import pages, site

__all__ = ["pages", "site"]
