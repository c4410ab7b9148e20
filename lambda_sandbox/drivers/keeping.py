"""Who may change the sandbox itself, beside what runs in it: reset it, set faults, switch debugging, give it keys.

Usually whoever reaches its address, but nobody inside a function. A grader keeps that to itself with a token: what its
checks see then depends on nothing but the functions and services that were handed in.
"""

from __future__ import annotations

import hmac

from lambda_sandbox.config import Config
from lambda_sandbox.http_server import Request

HEADER = b"x-sandbox-token"
_READING = (b"GET", b"HEAD")


class Keeping:
    """``inner`` requests come from inside an environment, or from the notebook that is graded."""

    def __init__(self, config: Config) -> None:
        self._token = config.keeper_token.encode()
        self._allow_reset = config.allow_reset
        self._handed_over = False

    def refusal(self, request: Request, route: str, *, inner: bool) -> str:
        """Return why this request may not be answered, in one sentence; empty when it may."""
        if self._is_keeper(request):
            return ""
        if route == "reset" and (inner or self._token or not self._allow_reset):
            return "this sandbox may not be reset from here"
        if route == "debug" and (
            inner or self._token
        ):  # it opens a port of the host, and switches timeouts off
            return "debugging is not switched from inside an environment, nor while somebody's work is graded"
        if route == "jwks" and (inner or self._token):
            return "this sandbox takes no keys from here"
        if route == "faults" and request.method not in _READING and self._closed(inner=inner):
            return "fault rules are for the notebook while it runs, not for what is graded afterwards"
        if route == "hand-over":
            return "this sandbox is handed over by whoever keeps its token"
        return ""

    def hand_over(self) -> None:
        """From now on the notebook, too, has no say in fault rules."""
        self._handed_over = True

    def _closed(self, *, inner: bool) -> bool:
        return bool(self._token) and (self._handed_over or not inner)

    def _is_keeper(self, request: Request) -> bool:
        return bool(self._token) and hmac.compare_digest(request.header(HEADER), self._token)
