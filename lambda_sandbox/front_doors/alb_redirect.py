"""Where a ``redirect`` action of a listener rule sends the client. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors import alb_answer
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse

_WORD = re.compile(r"#\{(protocol|host|port|path|query)\}")


def response(config: Mapping[str, Any], request: HttpRequest) -> HttpResponse:
    """Return the redirect; what ``config`` leaves out stays as it was requested. Parts may name others: ``#{host}``."""
    had = {
        "protocol": "HTTP",
        "host": request.host,
        "port": str(request.port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def part(name: str, default: str) -> str:
        return _WORD.sub(lambda found: had[found[1]], str(config.get(name) or default))

    protocol = part("Protocol", "#{protocol}").lower()
    query = part("Query", "#{query}") if config.get("Query") != "" else ""
    port = part("Port", "#{port}")
    address = f"{protocol}://{part('Host', '#{host}')}:{port}{part('Path', '/#{path}')}"
    status = 301 if config.get("StatusCode") == "HTTP_301" else 302
    return alb_answer.own(status, ("Location", f"{address}?{query}" if query else address))
