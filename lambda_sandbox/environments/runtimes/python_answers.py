"""Leads a custom resource's answer to where the sandbox takes it, also where a function asks for TLS whatever the address says.

``crhelper``, and code that takes only the host from ``ResponseURL``, use ``HTTPSConnection``; ours is plain HTTP on a port of its
own. Installed with the first event that holds such an address: in every other function ``http.client`` is Python's own.

Standard library only; it lies beside ``python_client`` inside an environment.
"""

from __future__ import annotations

import functools
import re
from typing import Any

PATH = "/cloudformation-custom-resource-response-"
MARK = PATH.encode()
_HOST = "127.0.0.1"
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:(\d+)" + MARK)
_port = 0  # where the answers are taken


def lead(event: bytes) -> None:
    """Take the port from the address in an event's text."""
    global _port
    found = _ADDRESS.search(event)
    if found is None:
        return
    if not _port:
        _install()
    _port = int(found[1])


def _install() -> None:
    from http.client import HTTPConnection, HTTPSConnection

    original = HTTPSConnection.putrequest

    @functools.wraps(original)
    def putrequest(self: Any, method: str, url: str, *args: Any, **options: Any) -> None:
        if self.sock is None and self.host == _HOST and self.port in (443, _port) and url.startswith(PATH):
            self.port = _port
            self.connect = functools.partial(HTTPConnection.connect, self)
        original(self, method, url, *args, **options)

    HTTPSConnection.putrequest = putrequest  # type: ignore[method-assign]
