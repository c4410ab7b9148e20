"""What a function's execution role must allow before Lambda takes a setting: to poll a source, to send to a target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from lambda_sandbox import errors
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.resource_policies import ResourcePolicies
from lambda_sandbox.iam import polling, sending
from lambda_sandbox.iam.evaluation import Access, Principal, evaluate
from lambda_sandbox.resources import Caller

_FUNCTIONS = frozenset({"CreateFunction", "UpdateFunctionConfiguration"})
_EVENTS = frozenset({"PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"})
_MAPPINGS = frozenset({"CreateEventSourceMapping", "UpdateEventSourceMapping"})
CHECKED = _FUNCTIONS | _EVENTS | _MAPPINGS


class ExecutionRoles:
    """``role_of(function_name, caller)`` returns the ARN of a function's role; it raises ``ApiError`` where there is none.

    DIFFERS: whether an execution role may write to a destination or a dead-letter queue is asked when that is configured, as on AWS; for
    an S3 bucket only when a record goes there, and for UpdateEventSourceMapping only where the request names the function.
    """

    def __init__(
        self, identities: Identities, policies: ResourcePolicies, role_of: Callable[[str, Caller], str]
    ) -> None:
        self._identities = identities
        self._policies = policies
        self._role_of = role_of

    async def check(self, operation: str, labels: dict[str, str], body: bytes, caller: Caller) -> None:
        """Refuse what the role does not allow. Raises ``InvalidParameterValueException``."""
        try:
            members = {**json.loads(body), **labels}
            role_arn = members.get("Role") or self._role_of(str(members["FunctionName"]), caller)
            targets = [each for each in _targets(operation, members) if each[1].count(":") >= 5]
        except (ValueError, TypeError, AttributeError, KeyError, errors.ApiError):
            return  # the operation itself says what is wrong
        role = await self._identities.role(role_arn)
        if operation == "CreateEventSourceMapping":
            self._check_polling(role, str(members.get("EventSourceArn")))
        for setting, arn in targets:
            await self._check_sending(role, setting, arn)

    def _check_polling(self, role: Principal, source: str) -> None:
        """DIFFERS: whether a role may read a queue or stream is asked when its event source mapping is made. On AWS the polling stops when
        the role loses the permission later; here it goes on."""
        sentence = polling.refusal(role, source) if source.count(":") >= 5 else ""
        if sentence:
            raise errors.InvalidParameterValueException(sentence)

    async def _check_sending(self, role: Principal, setting: sending.Setting, target_arn: str) -> None:
        asked = sending.needed(target_arn)
        if asked is None or asked.action == "s3:PutObject":
            return
        access = Access(role, asked.action, asked.resource, asked.account_id)
        if not evaluate(access, await self._policies.of(target_arn)).allowed:
            raise errors.InvalidParameterValueException(sending.config_refusal(setting, target_arn))


def _targets(operation: str, members: dict[str, Any]) -> Iterator[tuple[sending.Setting, str]]:
    """Yield where the function's records and dead letters shall go, each with the setting that says so."""
    if operation in _FUNCTIONS:
        yield "DeadLetterConfig", str((members.get("DeadLetterConfig") or {}).get("TargetArn") or "")
        return
    given = members.get("DestinationConfig") or {}
    setting: sending.Setting = "Mapping" if operation in _MAPPINGS else "DestinationConfig"
    for outcome in ("OnSuccess", "OnFailure"):
        yield setting, str((given.get(outcome) or {}).get("Destination") or "")
