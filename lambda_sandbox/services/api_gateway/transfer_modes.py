"""How a REST API's integration hands its response on, whole or streamed: moto does not know the setting.

Source: API Gateway Developer Guide, "Stream the integration response for your proxy integrations in API Gateway", read 2026-11.
"""

from __future__ import annotations

import json
from typing import Any

BUFFERED, STREAM = "BUFFERED", "STREAM"
_STREAMING_TYPES = ("AWS_PROXY", "HTTP_PROXY")
_LEAST_MS = 50
# DIFFERS: the quota for a longer timeout of buffered answers, which AWS raises on request, stays at 29 s.
_MOST_MS = {BUFFERED: 29_000, STREAM: 900_000}


def refusal(integration_type: str, mode: Any, timeout_ms: Any) -> str:
    """Return why an integration cannot be as it is asked for, empty when it can.

    The wording on timeouts is AWS's (hashicorp/terraform-provider-aws, pull request 45482). UNCONFIRMED: the other wordings.
    """
    mode = mode or BUFFERED
    if mode not in _MOST_MS:
        return f"Invalid responseTransferMode {mode!r}: it must be BUFFERED or STREAM."
    if mode == STREAM and integration_type.upper() not in _STREAMING_TYPES:
        allowed = " and ".join(_STREAMING_TYPES)
        return f"The responseTransferMode STREAM is for integrations of type {allowed}, and this is {integration_type.upper()}."
    most = _MOST_MS[mode]
    if timeout_ms not in (None, "") and not _LEAST_MS <= _whole(timeout_ms) <= most:
        return f"Timeout should be between {_LEAST_MS} ms and {most} ms"
    return ""


def _whole(milliseconds: Any) -> int:
    """Documents may hold anything."""
    text = str(milliseconds)
    return int(text) if text.isdecimal() else 0


def install(models: Any, response_class: Any) -> None:
    """Let moto keep the mode of an integration and show it."""
    _show(models.Integration)
    _keep(models.APIGatewayBackend)
    _put(response_class)


def _show(integration_class: Any) -> None:
    to_json = integration_class.to_json

    def shown(self: Any) -> dict[str, Any]:
        return {**to_json(self), "responseTransferMode": self.response_transfer_mode}

    integration_class.response_transfer_mode = BUFFERED
    integration_class.to_json = shown


def _keep(backend_class: Any) -> None:
    put_integration, build = backend_class.put_integration, backend_class._build_integration_args

    def put(self: Any, *arguments: Any, response_transfer_mode: str | None = None, **options: Any) -> Any:
        integration = put_integration(self, *arguments, **options)
        integration.response_transfer_mode = response_transfer_mode or BUFFERED
        return integration

    def read(self: Any, given: dict[str, Any]) -> dict[str, Any]:
        """Of a document."""
        return {**build(self, given), "response_transfer_mode": given.get("responseTransferMode")}

    backend_class.put_integration = put
    backend_class._build_integration_args = read


def _put(response_class: Any) -> None:
    put_integration = response_class.put_integration

    def put(self: Any) -> Any:
        status, headers, _ = put_integration(self)
        at = self.path.split("/")
        integration = self.backend.get_integration(at[2], at[4], at[6])
        integration.response_transfer_mode = self._get_param("responseTransferMode") or BUFFERED
        return status, headers, json.dumps(integration.to_json())

    response_class.put_integration = put
