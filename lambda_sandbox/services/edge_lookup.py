"""Asks the sandbox's Lambda, over its public API, what a function is that is to go to the edge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder

_CONFIGURATION = "/2015-03-31/functions/{name}/configuration?Qualifier={version}"
_RESERVED = "/2019-09-30/functions/{name}/concurrency"
_PROVISIONED = "/2019-09-30/functions/{name}/provisioned-concurrency?Qualifier={version}"


class EdgeLookup:
    """Waits for the answers; a ``LookUp`` of ``edge_associations``."""

    def __init__(self, forwarder: Forwarder, account_id: str) -> None:
        self._forwarder = forwarder
        self._account_id = account_id

    def __call__(self, name: str, version: str) -> Mapping[str, Any] | None:
        function = self._read(_CONFIGURATION, name, version)
        if function is None:
            return None
        return {
            **function,
            **(self._read(_RESERVED, name, version) or {}),
            **(self._read(_PROVISIONED, name, version) or {}),
        }

    def _read(self, path: str, name: str, version: str) -> dict[str, Any] | None:
        arn = f"arn:aws:lambda:us-east-1:{self._account_id}:function:{name}"
        status, text = self._forwarder.read(arn, path.format(name=name, version=version))
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"the sandbox did not describe {arn}: {status} {text}")
        found: dict[str, Any] = json.loads(text)
        return found
