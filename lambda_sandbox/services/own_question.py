"""WSGI middleware: a question that only the sandbox asks moto's process, in JSON.

The endpoint keeps every path below ``/_sandbox/`` to itself, so that nobody else can.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from lambda_sandbox.services.wsgi_server import Environ


class OwnQuestion(ABC):
    """Answers ``POST`` of ``PATH`` and passes all else on to ``application``."""

    PATH: ClassVar[str]

    def __init__(self, application: Any) -> None:
        self._application = application

    @abstractmethod
    def answer(self, question: dict[str, Any]) -> Any:
        """Return what goes back as JSON."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self.PATH:
            chunks: Iterable[bytes] = self._application(environ, start_response)
            return chunks
        length = int(environ.get("CONTENT_LENGTH") or 0)
        question = json.loads(environ["wsgi.input"].read(length))
        body = json.dumps(self.answer(question), default=str).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
