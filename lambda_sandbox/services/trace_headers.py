"""A message carries the trace header of the request that sent it, as SQS has it; moto looks only at the parameters.

Source: Amazon SQS API Reference, "SendMessage", and AWS X-Ray Developer Guide, "Amazon SQS and AWS X-Ray", read 2026-11.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from lambda_sandbox.services.wsgi_server import Environ

_HEADER = "AWSTraceHeader"
_request = threading.local()


class TraceHeaders:
    """WSGI middleware that remembers the header of the request a thread is at."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        _request.header = environ.get("HTTP_X_AMZN_TRACE_ID", "")
        chunks: Iterable[bytes] = self._application(environ, start_response)
        return chunks


def current() -> str:
    """Return the header of the request that this thread is at, empty where it has none."""
    header: str = getattr(_request, "header", "")
    return header


def mark_messages(backend_class: Any) -> None:
    """Make moto's ``SQSBackend`` keep the header with each message that names none itself."""
    send = backend_class.send_message

    def send_message(self: Any, *args: Any, **options: Any) -> Any:
        header = current()
        given = options.get("system_attributes") or {}
        if header and _HEADER not in given:
            attribute = {"DataType": "String", "StringValue": header}
            options["system_attributes"] = {**given, _HEADER: attribute}
        return send(self, *args, **options)

    backend_class.send_message = send_message
