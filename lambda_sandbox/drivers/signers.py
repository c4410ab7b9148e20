"""Who signed a request to an API whose methods or routes want ``AWS_IAM``.

DIFFERS: a route or method of API Gateway with ``AWS_IAM`` refuses who has not signed, and takes any key and any signature unless the
sandbox was started with ``--enforce-iam``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.front_doors.http_request import HttpRequest
from lambda_sandbox.iam import signature
from lambda_sandbox.iam.evaluation import Access, Principal, evaluate
from lambda_sandbox.iam.signature import SignatureFault

_CREDENTIAL = re.compile(
    r"Credential=([^/\s,&]*)(?:/|%2F)\d+(?:/|%2F)([^/\s,&%]+)(?:/|%2F)([^/\s,&%]+)(?:/|%2F)aws4_request"
)


class NotSigned(Exception):
    """Nobody who may signed the request; ``denied`` tells a known caller without permission from an unknown one."""

    def __init__(self, message: str, *, denied: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.denied = denied


class Signers:
    """``identities`` is ``None`` where IAM is not enforced; ``now()`` is seconds."""

    def __init__(self, identities: Identities | None, account_id: str, now: Callable[[], float]) -> None:
        self._identities = identities
        self._account_id = account_id
        self._now = now

    async def identity(self, request: HttpRequest, arn: str, action: str = "Invoke") -> dict[str, Any]:
        """Return what ``requestContext.identity`` says of a signer who may do ``action`` to ``arn``. Raises ``NotSigned``."""
        found = _CREDENTIAL.search(request.header("authorization") or request.query)
        if found is None:
            raise NotSigned("Missing Authentication Token")
        if found[3] != "execute-api":
            raise NotSigned(
                f"Credential should be scoped to correct service: 'execute-api', not {found[3]!r}."
            )
        if self._identities is None:
            account = found[1] if len(found[1]) == 12 and found[1].isdigit() else self._account_id
            return _identity(found[1], account, f"arn:aws:iam::{account}:root", account)
        principal = await self._verified(self._identities, request)
        access = Access(principal, f"execute-api:{action}", arn, arn.split(":")[4])
        if not evaluate(access).allowed:
            sentence = (
                f"User: {principal.arn} is not authorized to perform: execute-api:{action} on resource: {arn}"
            )
            raise NotSigned(sentence, denied=True)
        user_id = (principal.keys.get("aws:userid") or (principal.account_id,))[0]
        return _identity(found[1], principal.account_id, principal.arn, user_id)

    async def _verified(self, identities: Identities, request: HttpRequest) -> Principal:
        target, headers = _as_sent(request)
        try:
            signed = signature.read(target, headers)
            identity = await identities.find(signed.access_key)
            if identity is None or identity.token != signed.token:
                raise NotSigned("The security token included in the request is invalid.")
            method, now = request.method.encode(), self._now()
            signature.verify(signed, identity.secret, method, target, headers, request.body, now)
        except SignatureFault as fault:
            raise NotSigned(fault.message) from None
        return identity.principal


def _as_sent(request: HttpRequest) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return target and headers as the signature covers them: names in lower case, and the host that was written."""
    target = request.sent_target or request.path + (f"?{request.query}" if request.query else "")
    headers = []
    for name, value in request.headers:
        sent = request.sent_host if request.sent_host and name.lower() == "host" else value
        headers.append((name.lower().encode("latin-1"), sent.encode("latin-1")))
    return target.encode("latin-1"), headers


def _identity(access_key: str, account_id: str, user_arn: str, user_id: str) -> dict[str, Any]:
    return {
        "accessKey": access_key,
        "accountId": account_id,
        "caller": user_id,
        "user": user_id,
        "userArn": user_arn,
    }
