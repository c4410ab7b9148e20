"""The handler's second argument.

Standard library only; it lies beside ``python_client`` inside an environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from lambda_sandbox.environments.runtimes.python_faults import RuntimeFault
else:
    from python_faults import RuntimeFault

Headers = dict[str, str]
REQUEST_ID, TENANT_ID = "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Aws-Tenant-Id"
_W3C_MEMBERS = ("traceparent", "tracestate", "baggage")
_CONTEXT_MEMBERS = (
    "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb", "function_version",
    "invoked_function_arn", "client_context", "identity", "tenant_id",
)  # fmt: skip


# Each event reads five variables. ``os.environ`` takes a microsecond for one, the mapping inside it a tenth; what they say
# hardly ever changes.
_variables: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
_text: Any = os.environ.decodevalue
_read: tuple[list[Any], list[str | None]] = [], []
_NAMES = tuple(
    os.environ.encodekey(f"AWS_LAMBDA_{name}")
    for name in ("LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION")
)  # fmt: skip


def _named() -> list[str | None]:
    global _read
    raw = list(map(_variables.get, _NAMES))
    if raw != _read[0]:
        _read = raw, [None if value is None else _text(value) for value in raw]
    return _read[1]


class CognitoIdentity:
    """Cognito identity of the caller; both members are ``None`` for any other caller."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, members: dict[str, Any]) -> None:
        self.cognito_identity_id = members.get("cognitoIdentityId")
        self.cognito_identity_pool_id = members.get("cognitoIdentityPoolId")

    def __repr__(self) -> str:
        return _shown(self, self.__slots__)


class Client:
    """The mobile application that made the call."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")  # noqa: RUF023

    def __init__(self, members: dict[str, Any]) -> None:
        self.installation_id = members.get("installation_id")
        self.app_title = members.get("app_title")
        self.app_version_name = members.get("app_version_name")
        self.app_version_code = members.get("app_version_code")
        self.app_package_name = members.get("app_package_name")

    def __repr__(self) -> str:
        return _shown(self, self.__slots__)


class ClientContext:
    """What the caller passed as ``ClientContext``."""

    __slots__ = ("custom", "env", "client")  # noqa: RUF023 -- as shown

    def __init__(self, members: dict[str, Any]) -> None:
        self.custom = members.get("custom")
        self.env = members.get("env")
        client = members.get("client")
        self.client = Client(client) if client is not None else None

    def __repr__(self) -> str:
        return _shown(self, self.__slots__)


class LambdaContext:
    """The handler's second argument. ``memory_limit_in_mb`` is text. AWS: so it is in Python's runtime."""

    def __init__(self, headers: Headers) -> None:
        self.aws_request_id = headers.get(REQUEST_ID, "")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        (
            self.log_group_name,
            self.log_stream_name,
            self.function_name,
            self.memory_limit_in_mb,
            self.function_version,
        ) = _named()
        self.tenant_id = headers.get(TENANT_ID)
        client = _json_header(headers, "Lambda-Runtime-Client-Context", "Client Context")
        self._w3c = _take_w3c(client) if client is not None else {}
        self.client_context = ClientContext(client) if client is not None else None
        identity = _json_header(headers, "Lambda-Runtime-Cognito-Identity", "Cognito Identity")
        self.identity = CognitoIdentity(identity or {})
        self._deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms", "0"))

    def get_remaining_time_in_millis(self) -> int:
        """Return whole milliseconds until the timeout, never less than 0."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """Return the W3C trace context that came with the event."""
        return dict(self._w3c)

    def log(self, message: object) -> None:
        """Write ``message`` to the log as it is, without a line break."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        return _shown(self, _CONTEXT_MEMBERS)


def _shown(thing: object, names: tuple[str, ...]) -> str:
    return f"{type(thing).__name__}([{','.join(f'{name}={getattr(thing, name)}' for name in names)}])"


def _take_w3c(client: Any) -> dict[str, str]:
    """Take the trace context out of the client context, where the service puts it."""
    given = client.pop("w3c", None) if isinstance(client, dict) else None
    if not isinstance(given, dict):
        return {}
    return {name: given[name] for name in _W3C_MEMBERS if isinstance(given.get(name), str)}


def _json_header(headers: Headers, name: str, title: str) -> Any:
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise RuntimeFault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {title} JSON: {error}"
        ) from None
