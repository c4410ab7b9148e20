"""Whether a log group may send its events to a function: what CloudWatch Logs looks at when it is asked to subscribe one."""

from __future__ import annotations

import os
import sys
from typing import Any

from botocore.exceptions import ClientError

from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE, Forwarder
from lambda_sandbox.triggers.delivery import Delivery

_NO_FUNCTION = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
    "your function."
)
_OWN_GROUP = "The log group provided is reserved for the function logs of the destination function."


def check_destination(forwarder: Forwarder, group: Any, function_arn: str) -> str:
    """Return the principal by which the function's policy lets CloudWatch Logs in: the service, or the service in its Region.

    Raises moto's ``InvalidParameterException`` where there is no such function or permission, or where the group is the
    function's own: it would start itself for ever.
    """
    if _log_group_of(function_arn, group) == group.name:
        raise _refused(_OWN_GROUP)
    refusal = ""
    for principal in ("logs.amazonaws.com", f"logs.{group.region}.amazonaws.com"):
        asked = Delivery(
            function_arn, "{}", principal, source_arn=f"{group.arn}:*", source_account=group.account_id
        )
        missing = forwarder.refusal(asked)
        if not missing:
            return principal
        refusal = refusal or missing
    raise _refused(f"{_NO_FUNCTION} {refusal}")


def _log_group_of(function_arn: str, group: Any) -> str:
    parts = function_arn.split(":")
    if len(parts) < 7 or parts[4] != group.account_id:
        raise _refused(_NO_FUNCTION)
    api = connect(os.environ[ENDPOINT_VARIABLE], group.account_id, group.region)
    try:
        function = api.call("GetFunctionConfiguration", FunctionName=function_arn)
    except ClientError as error:
        raise _refused(f"{_NO_FUNCTION} {error.response['Error'].get('Message', '')}") from None
    return str(function["LoggingConfig"]["LogGroup"])


def _refused(message: str) -> Exception:
    exceptions: Any = sys.modules["moto.logs.exceptions"]
    error: Exception = exceptions.InvalidParameterException(message)
    return error
