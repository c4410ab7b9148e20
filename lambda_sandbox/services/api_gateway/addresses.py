"""Where an API is served: ``http://<api-id>.execute-api.<region>.localhost:<port>``.

DIFFERS: AWS's addresses are https (wss for WebSocket APIs) and end with amazonaws.com.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE


def api_endpoint(api_id: str, region: str, protocol: str = "HTTP") -> str:
    """Return the address of an API; ``protocol`` is ``HTTP`` or ``WEBSOCKET``."""
    port = urlsplit(os.environ[ENDPOINT_VARIABLE]).port
    scheme = "ws" if protocol == "WEBSOCKET" else "http"
    return f"{scheme}://{api_id}.execute-api.{region}.localhost" + (f":{port}" if port else "")
