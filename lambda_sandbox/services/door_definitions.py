"""WSGI middleware: what load balancers and distributions look like, for the sandbox's front doors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from lambda_sandbox.services.distributions import PATH as DISTRIBUTIONS
from lambda_sandbox.services.distributions import definition as distribution
from lambda_sandbox.services.load_balancers import PATH as LOAD_BALANCERS
from lambda_sandbox.services.load_balancers import definition as load_balancer
from lambda_sandbox.services.wsgi_server import Environ

_KINDS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    LOAD_BALANCERS: load_balancer,
    DISTRIBUTIONS: distribution,
}


class DoorDefinitions:
    """Answers ``GET /_sandbox/load-balancers/NAME`` and ``/_sandbox/distributions/NAME`` and passes all else on.

    The endpoint keeps every path below ``/_sandbox/`` to itself, so that only the sandbox can ask.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, definition in _KINDS.items():
            if path.startswith(prefix):
                return _answer(definition(path.removeprefix(prefix)), start_response)
        chunks: Iterable[bytes] = self._application(environ, start_response)
        return chunks


def _answer(found: dict[str, Any] | None, start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = json.dumps(found).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("404 Not Found" if found is None else "200 OK", headers)
    return [body]
