"""The Lambda API, and the neighbours', as a stack uses them: the sandbox's own endpoint, called as the stack's account.

DIFFERS: a CloudFormation stack acts as its account's root user and is never refused a permission. On AWS it acts as its caller, or
as the role that it was given.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from lambda_sandbox.config import ROOT_SECRET

_GONE = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
)
_POLL_S = 0.05
_PATIENCE_S = 120.0


class LambdaApi:
    """Calls operations by name with a stack's properties; raises botocore's ``ClientError``."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._model = client.meta.service_model

    @property
    def account_id(self) -> str:
        """The account that the calls are made for; its root user's access key is its id."""
        return str(self._client._request_signer._credentials.access_key)

    @property
    def region(self) -> str:
        return str(self._client.meta.region_name)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call one operation; texts become the numbers and booleans that its members are, ``None`` is left out."""
        shape = self._model.operation_model(operation).input_shape
        given = {
            name: _typed(shape.members[name], value) for name, value in params.items() if value is not None
        }
        answer: dict[str, Any] = getattr(self._client, xform_name(operation))(**given)
        return answer

    def call_if_there(self, operation: str, **params: Any) -> None:
        """Delete or reset what may be gone already."""
        try:
            self.call(operation, **params)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def members(self, operation: str) -> Iterable[str]:
        names: Iterable[str] = self._model.operation_model(operation).input_shape.members
        return names

    def wait_until_ready(self, function: str) -> None:
        """Return when the function is active and its last update done. Raises ``RuntimeError`` with the reason."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            told = self.call("GetFunctionConfiguration", FunctionName=function)
            for status, reason in (("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")):
                if told.get(status) == "Failed":
                    raise RuntimeError(f"{function} failed: {told.get(reason, 'no reason was given')}")
            if told.get("State") != "Pending" and told.get("LastUpdateStatus") != "InProgress":
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{function} was not ready within {_PATIENCE_S:.0f} s")
            time.sleep(_POLL_S)


@cache
def connect(endpoint: str, account_id: str, region: str, service: str = "lambda") -> LambdaApi:
    """Return the API of one service for one account and Region; the first takes about 0.3 s, since botocore loads the model."""
    session = botocore.session.Session()
    session.set_credentials(account_id, ROOT_SECRET)
    settings = Config(retries={"total_max_attempts": 3}, read_timeout=60, parameter_validation=False)
    return LambdaApi(session.create_client(service, region, endpoint_url=endpoint, config=settings))


def _typed(shape: Any, value: Any) -> Any:
    """CloudFormation takes ``"30"`` and ``"true"`` for a number and a boolean."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            name: _typed(shape.members[name], each) if name in shape.members else each
            for name, each in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(shape.member, each) for each in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {name: _typed(shape.value, each) for name, each in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        return value
    try:
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("float", "double"):
            return float(value)
    except ValueError:
        return value  # the service says what is wrong with it
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    return value
