"""The keys of token issuers: given to the sandbox, or those of a user pool among the neighbours. Nothing is fetched elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

from lambda_sandbox.drivers.api_definitions import Neighbour

_USER_POOL = re.compile(r"https://cognito-idp\.([a-z0-9-]+)\.amazonaws\.com/([A-Za-z0-9_-]+)")


class Issuers:
    """Belongs to one loop; keys that were given last as long as the sandbox."""

    def __init__(self, neighbour: Neighbour | None) -> None:
        self._neighbour = neighbour
        self._given: dict[str, dict[str, Any]] = {}

    def give(self, issuer: str, document: bytes) -> None:
        """Take an issuer's JWKS. Raises ``ValueError`` with one sentence for what is none."""
        if not issuer:
            raise ValueError("say whose keys these are: ?issuer=URL")
        try:
            keys = json.loads(document)
        except ValueError:
            raise ValueError("a JWKS is a JSON object with a list of keys") from None
        if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
            raise ValueError("a JWKS is a JSON object with a list of keys")
        self._given[issuer.rstrip("/")] = keys

    async def keys(self, issuer: str) -> dict[str, Any] | None:
        """Return an issuer's JWKS, ``None`` where the sandbox knows none."""
        found = self._given.get(issuer.rstrip("/"))
        pool = _USER_POOL.fullmatch(issuer.rstrip("/")) if found is None else None
        if pool is None or self._neighbour is None:
            return found
        scope = f"Credential=000000000000/20260101/{pool[1]}/cognito-idp/aws4_request"
        headers = [
            (b"Host", b"localhost"),
            (b"Authorization", f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0".encode()),
        ]
        target = f"/{pool[2]}/.well-known/jwks.json".encode()
        status, _, body = await self._neighbour.forward(b"GET", target, headers, b"")
        if status != 200:
            return None
        keys: dict[str, Any] = json.loads(body)
        return keys

    def forget(self) -> None:
        self._given.clear()
