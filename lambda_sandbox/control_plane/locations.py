"""Links to packages that answers carry in place of AWS's presigned S3 addresses."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from lambda_sandbox.clock import Clock
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.resources import Caller

_SECONDS = 600.0  # Source: AWS Lambda API Reference, "GetLayerVersion": the link is valid for 10 minutes


class Locations:
    """Makes links to packages and opens them again until they are too old."""

    def __init__(self, clock: Clock, code: CodeStore, base_url: Callable[[], str]) -> None:
        self._clock = clock
        self._code = code
        self._base_url = base_url
        self._links: dict[str, tuple[str, float]] = {}

    def link(self, code_sha256: str, caller: Caller) -> str:
        """Return an address that serves the package for ten minutes, at the endpoint that the caller used."""
        now = self._clock.now()
        self._links = {token: kept for token, kept in self._links.items() if now < kept[1]}
        token = secrets.token_urlsafe(24)
        self._links[token] = (code_sha256, now + _SECONDS)
        base_url = f"http://{caller.host}" if caller.host else self._base_url()
        return f"{base_url}/_sandbox/code/{token}"

    def open(self, token: str) -> bytes | None:
        """Return the package behind a link, or ``None`` when the link is unknown or too old."""
        code_sha256, expires = self._links.get(token, ("", 0.0))
        return self._code.package(code_sha256) if self._clock.now() < expires else None
