"""Which hosts and origins the sandbox answers to: DNS rebinding and cross-site requests stay out."""

from __future__ import annotations

import re

from lambda_sandbox.http_server import Request

_LOCAL_HOST = re.compile(
    rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|(?:[a-z0-9.-]+\.)?localhost)(?::\d{1,5})?", re.IGNORECASE
)


def is_local(host: bytes) -> bool:
    """Whether a ``Host`` is a name of this machine's own."""
    return _LOCAL_HOST.fullmatch(host) is not None


def refusal_of(request: Request, host: bytes) -> str:
    """Return why a request is refused, empty when it is not: only local names, and no other origin's pages."""
    if not is_local(host):
        return f"the sandbox answers to local names only, not to Host {host.decode('latin-1')!r}"
    origin = request.header(b"origin")
    if origin and origin.lower() not in (b"http://" + host.lower(), b"https://" + host.lower()):
        return "the sandbox takes no browser requests from another origin"
    return ""
