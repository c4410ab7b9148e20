"""What resources themselves allow: functions and layer versions, queues and topics."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Protocol

from lambda_sandbox import errors
from lambda_sandbox.iam.policy import PolicyFault, Statement, parse
from lambda_sandbox.services.resource_policies import PATH

_log = logging.getLogger(__name__)


class Neighbours(Protocol):
    """Where queues and topics are."""

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class ResourcePolicies:
    """``of_lambda(arn)`` returns the statements on a function or a layer version.

    DIFFERS: of resource-based policies those of functions, layers, queues and topics decide. Policies of buckets, KMS keys, secrets,
    event buses and log groups are kept, and neither allow nor deny anything here. SQS looks for a queue in its caller's account,
    whatever account the queue's URL names.
    """

    def __init__(self, of_lambda: Callable[[str], tuple[Statement, ...]], neighbours: Neighbours) -> None:
        self._of_lambda = of_lambda
        self._neighbours = neighbours

    async def of(self, arn: str) -> tuple[Statement, ...]:
        """Return the statements on a resource, none for ``*``. Raises ``ServiceException`` while it cannot be asked."""
        parts = arn.split(":")
        if len(parts) < 6:
            return ()
        if parts[2] == "lambda":
            return self._of_lambda(arn)
        # An SQS or SNS ARN has six parts; a subscription's has seven, and no policy.
        return await self._of_neighbour(arn) if parts[2] in ("sqs", "sns") and len(parts) == 6 else ()

    async def _of_neighbour(self, arn: str) -> tuple[Statement, ...]:
        headers = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]
        body = json.dumps({"arn": arn}).encode()
        status, _, text = await self._neighbours.forward("POST", PATH, headers, body)
        if status != 200:
            raise errors.ServiceException(
                f"The policy of {arn} could not be read ({status}): repeat the call."
            )
        document = json.loads(text)["policy"]
        try:
            return parse(document) if document else ()
        except PolicyFault as fault:  # moto takes some that nobody can read; such a policy allows nothing
            _log.warning("the policy of %s was passed over: %s", arn, fault)
            return ()
