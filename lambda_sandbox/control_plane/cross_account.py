"""Operations on a function of another account, which the function's policy may allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.routing import Authorize
from lambda_sandbox.resources import Caller

# Source: Developer Guide, "Granting Lambda function access to other accounts", read 2026-11: most operations on a function
# that exists. UpdateFunctionConfiguration, AddPermission and RemovePermission are known to be the owner's alone.
_SHARED = frozenset(
    {
        "CreateAlias",
        "DeleteAlias",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "GetAlias",
        "GetFunction",
        "GetFunctionConcurrency",
        "GetFunctionConfiguration",
        "GetPolicy",
        "ListAliases",
        "ListVersionsByFunction",
        "PublishVersion",
        "PutFunctionConcurrency",
        "UpdateAlias",
        "UpdateFunctionCode",
    }
)


def acting_caller(operation: str, params: Mapping[str, Any], caller: Caller, authorize: Authorize) -> Caller:
    """Return who an operation is carried out as: the caller, or the owner of the function whose policy allows it.

    Raises ``AccessDeniedException`` when the policy does not.
    """
    if operation not in _SHARED:
        return caller
    name = names.parse(params["FunctionName"], params.get("Qualifier"), caller, foreign=True)
    if not name.account_id:
        return caller
    authorize(f"lambda:{operation}", name.arn(caller), caller)
    return replace(caller, account_id=name.account_id)
