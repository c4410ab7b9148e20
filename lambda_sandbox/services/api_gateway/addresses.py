"""Where an API is served: ``http://<api-id>.execute-api.<region>.localhost:<port>``.

DIFFERS: an API's address begins with ``http`` (``ws`` for WebSocket APIs) and ends in ``.localhost:<port>``; AWS's with ``https``
(``wss``) and ``amazonaws.com``. For an HTTP or WebSocket API take it from ``ApiEndpoint``.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

PORT_VARIABLE = "LAMBDA_SANDBOX_DOOR_PORT"  # by which clients reach the sandbox's front doors


def api_endpoint(api_id: str, region: str, protocol: str = "HTTP") -> str:
    """Return the address of an API; ``protocol`` is ``HTTP`` or ``WEBSOCKET``."""
    scheme = "ws" if protocol == "WEBSOCKET" else "http"
    return f"{scheme}://{api_id}.execute-api.{region}.localhost:{os.environ[PORT_VARIABLE]}"


def at_the_door(address: str) -> str:
    """Return an address of the sandbox's, as a neighbour was told it, with the port by which clients reach it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{os.environ[PORT_VARIABLE]}"))
