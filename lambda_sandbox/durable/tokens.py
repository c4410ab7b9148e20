"""Checkpoint tokens and callback ids: opaque to those who hold them, readable here."""

from __future__ import annotations

import base64
import binascii

from lambda_sandbox.errors import InvalidParameterValueException


def checkpoint_token(execution_id: str, number: int) -> str:
    """Return the token that the ``number``-th checkpoint of an execution needs."""
    return _written(f"{execution_id}\0{number}")


def callback_id(execution_arn: str, operation_id: str) -> str:
    return _written(f"{execution_arn}\0{operation_id}")


def read_callback_id(value: str) -> tuple[str, str]:
    """Return the execution's ARN and the operation's id. Raises ``InvalidParameterValueException``."""
    try:
        arn, operation_id = base64.b64decode(value, validate=True).decode().split("\0")
    except (binascii.Error, ValueError):
        # UNCONFIRMED: wording
        raise InvalidParameterValueException("Invalid callback ID") from None
    return arn, operation_id


def stale_token() -> InvalidParameterValueException:
    """The refusal of a token that is not the newest: AWS's SDKs know these words and let the invocation be tried again."""
    return InvalidParameterValueException("Invalid checkpoint token")


def _written(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
