"""The guard that keeps botocore on this machine, and the seam at which a driver answers in its place.

It replaces ``URLLib3Session.send``, the one method that every botocore request passes on its way out. A ``before-send``
handler would not do: botocore copies its built-in handlers into a session when the session is made, so a client that
existed before ``connect()`` would still reach AWS, and so would the lookups of credentials, which emit no event at all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from lambda_sandbox.errors import RealAwsRefused

Answer = Callable[[Any], Any]

_sent_by_botocore: Callable[[Any, Any], Any] | None = None


def install(answer: Answer | None = None) -> None:
    """Refuse every botocore request to a host that is not loopback, in clients old and new.

    With ``answer``, nothing is sent at all: each prepared request goes to it, and it returns botocore's ``AWSResponse``.
    A second call replaces the first.
    """
    global _sent_by_botocore
    from botocore.httpsession import URLLib3Session

    if _sent_by_botocore is None:
        _sent_by_botocore = URLLib3Session.send
    send = _sent_by_botocore

    def guarded_send(session: Any, request: Any) -> Any:
        if answer is not None:
            return answer(request)
        refuse_unless_loopback(request.url)
        return send(session, request)

    URLLib3Session.send = guarded_send  # type: ignore[method-assign, assignment]


def uninstall() -> None:
    """Give botocore its own way out back; does nothing when no guard is installed."""
    global _sent_by_botocore
    if _sent_by_botocore is None:
        return
    from botocore.httpsession import URLLib3Session

    URLLib3Session.send = _sent_by_botocore  # type: ignore[method-assign, assignment]
    _sent_by_botocore = None


def refuse_unless_loopback(url: str) -> None:
    """Raise ``RealAwsRefused`` unless the host of ``url`` is this machine's loopback."""
    host = urlsplit(url).hostname or ""
    if not is_loopback(host):
        raise RealAwsRefused(
            f"refused a request to {host or url!r}: after connect() no call leaves this machine, nor after one that failed. "
            "Leave out connect() to talk to real AWS, or make the client again after connect()."
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
