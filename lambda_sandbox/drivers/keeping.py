"""Who may change the sandbox itself, beside what runs in it: reset it, set faults, switch debugging, give it keys.

Usually whoever reaches its address, but nobody inside a function. A grader keeps that to itself with a token: what its
checks see then depends on nothing but the functions and services that were handed in.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from lambda_sandbox.config import Config
from lambda_sandbox.http_server import Request

HEADER = b"x-sandbox-token"
_READING = (b"GET", b"HEAD")
_INVOKING = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")
_CHANGED = "this function belongs to whoever keeps the sandbox, and is not changed from inside an environment"


class Keeping:
    """``inner`` requests come from inside an environment, or from the notebook that is graded."""

    def __init__(self, config: Config) -> None:
        self._token = config.keeper_token.encode()
        self._allow_reset = config.allow_reset
        self._handed_over = False
        self._own: set[str] = set()

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

    def change_refusal(
        self, request: Request, operation: str, path: Mapping[str, str], *, inner: bool
    ) -> str:
        """Return why an operation of Lambda's may not be done, in one sentence; empty when it may.

        What is handed in may leave a function running that looks for the checks' own functions, to change what they report.
        So those made from outside after the hand-over are changed from outside only.
        """
        if not self._handed_over or not self._token or request.method in _READING:
            return ""
        if not inner:
            if operation == "CreateFunction":
                self._own.add(_name_in(request.body))
            return ""
        name = _bare_name(path.get("FunctionName", ""))
        return _CHANGED if name and name in self._own and operation not in _INVOKING else ""

    def _closed(self, *, inner: bool) -> bool:
        return bool(self._token) and (self._handed_over or not inner)

    def _is_keeper(self, request: Request) -> bool:
        return bool(self._token) and hmac.compare_digest(request.header(HEADER), self._token)


def _name_in(body: bytes) -> str:
    try:
        return _bare_name(str(json.loads(body)["FunctionName"]))
    except (ValueError, KeyError, TypeError):  # the operation says so itself
        return ""


def _bare_name(text: str) -> str:
    """Return the function's name from a name, an ARN or a part of one, each with or without a qualifier.

    >>> _bare_name("arn:aws:lambda:us-east-1:000000000000:function:probe:1"), _bare_name("probe:1")
    ('probe', 'probe')
    """
    return text.rpartition("function:")[2].partition(":")[0]
