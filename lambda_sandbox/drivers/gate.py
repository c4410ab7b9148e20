"""With ``--enforce-iam``: every request is signed by somebody who may do what it asks, or refused as AWS refuses.

Who asks is looked up once (``identities``); decisions are made in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qsl

from lambda_sandbox import errors
from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers import execution_roles
from lambda_sandbox.drivers.execution_roles import ExecutionRoles
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.resource_policies import ResourcePolicies
from lambda_sandbox.http_server import Request
from lambda_sandbox.iam import denial, lambda_requests, neighbour_requests, signature
from lambda_sandbox.iam.evaluation import Access, Decision, Principal, evaluate
from lambda_sandbox.iam.lambda_requests import Asked
from lambda_sandbox.iam.policy import Statement
from lambda_sandbox.iam.signature import Signature, SignatureFault
from lambda_sandbox.resources import Caller
from lambda_sandbox.services.addressing import path_style
from lambda_sandbox.telemetry.history import History

ANONYMOUS = Principal("anonymous", "", trusted=True)  # for function URLs: nobody's account has a say
_CHANGING = (b"iam", b"sts", b"cloudformation")
_UNKNOWN = "The security token included in the request is invalid."
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The request is not let in. ``kind`` is ``denied`` or a kind of ``SignatureFault``, or ``unknown``."""

    def __init__(self, service: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.service = service
        self.kind = kind
        self.message = message


class Model(Protocol):
    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None: ...


class Gate:
    """``execution_roles`` checks what Lambda itself will do for the function that a request is about."""

    def __init__(
        self,
        clock: Clock,
        identities: Identities,
        model: Model,
        history: History,
        policies: ResourcePolicies,
        execution_roles: ExecutionRoles,
    ) -> None:
        self._clock = clock
        self._identities = identities
        self._model = model
        self._history = history
        self._policies = policies
        self._execution_roles = execution_roles

    # --- for the endpoint ----------------------------------------------------------------------------

    async def admit(self, request: Request) -> Principal:
        """Return who asks if all that the request needs is allowed. Raises ``Refused``, ``ServiceException``."""
        if b".lambda-url." in request.header(b"host"):
            signed = request.header(b"authorization") or b"X-Amz-Signature=" in request.target
            return (await self._authenticate(request))[0] if signed else ANONYMOUS
        source = request.header(b"x-sandbox-source").decode("latin-1").split(" ")
        if self._identities.is_neighbour(source[0]):
            region, principal, context = _of_neighbour(request, source[1:])
            service = "lambda"
        else:
            principal, signed_by = await self._authenticate(request)
            region, service, context = signed_by.region, signed_by.service, {}
        context = {**context, **self._context(request, region)}
        for asked in self._asked(request, service, principal.account_id, region):
            await self._authorize(principal, asked, context, service)
        await self._check_execution_role(request, service, Caller(principal.account_id, region))
        return principal

    def forwarded(self, service: bytes) -> None:
        """A request for a neighbour is answered: what is kept of identities may be old now."""
        if service in _CHANGING:
            self._identities.forget()

    def forget(self) -> None:
        """The neighbours were emptied."""
        self._identities.forget()

    # --- who -----------------------------------------------------------------------------------------

    async def _authenticate(self, request: Request) -> tuple[Principal, Signature]:
        # An unsigned request names no service: Lambda's paths are known, and a browser's are S3's.
        known = self._model.match(request.method.decode(), request.target.decode("latin-1"))
        service = "" if known is not None or request.header(b"x-amz-target") else "s3"
        try:
            signed = signature.read(request.target, request.headers)
            service = signed.service
            identity = await self._identities.find(signed.access_key)
            if identity is None or identity.token != signed.token:
                raise Refused(service, "unknown", _UNKNOWN)
            if identity.expires is not None and identity.expires <= self._clock.now():
                raise Refused(service, "over", "The security token included in the request is expired")
            signature.verify(
                signed,
                identity.secret,
                request.method,
                request.target,
                request.headers,
                request.body,
                self._clock.now(),
            )
        except SignatureFault as fault:
            raise Refused(service, fault.kind, fault.message) from None
        return identity.principal, signed

    # --- may they ------------------------------------------------------------------------------------

    def _asked(self, request: Request, service: str, account_id: str, region: str) -> Iterable[Asked]:
        method, target = request.method.decode(), request.target.decode("latin-1")
        operation = self._model.match(method, target)
        # Invokes are taken by their path, whatever service the signature names.
        if operation is not None and (service == "lambda" or operation[0].startswith("Invoke")):
            query = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
            return lambda_requests.asked(*operation, query, request.body, account_id, region)
        if service == "lambda":
            return ()
        if service == "s3":
            target = path_style(request.target, request.headers)[0].decode("latin-1")
        headers = dict(request.headers)
        return neighbour_requests.asked(service, method, target, headers, request.body, account_id, region)

    async def _authorize(
        self, principal: Principal, asked: Asked, context: Mapping[str, tuple[str, ...]], service: str
    ) -> None:
        access = Access(
            principal, asked.action, asked.resource, asked.account_id, {**context, **asked.context}
        )
        trusting = asked.action == "sts:AssumeRole"
        source = self._identities.trusts if trusting else self._policies.of
        policy = await source(asked.resource)
        decision = evaluate(access, policy, required=trusting)
        if not decision.allowed:
            self._deny(access, decision, policy, service)
        if asked.action == "iam:PassRole":
            await self._check_trust(asked.resource)

    async def _check_trust(self, role_arn: str) -> None:
        """Refuse a role that does not exist or does not trust Lambda. Raises ``InvalidParameterValueException``."""
        service = Principal("lambda.amazonaws.com", "", service="lambda.amazonaws.com")
        access = Access(service, "sts:AssumeRole", role_arn, role_arn.split(":")[4])
        if not evaluate(access, await self._identities.trusts(role_arn)).allowed:
            raise errors.InvalidParameterValueException(
                "The role defined for the function cannot be assumed by Lambda."
            )

    async def _check_execution_role(self, request: Request, service: str, caller: Caller) -> None:
        if service != "lambda":
            return
        found = self._model.match(request.method.decode(), request.target.decode("latin-1"))
        if found is not None and found[0] in execution_roles.CHECKED:
            await self._execution_roles.check(*found, request.body, caller)

    def _deny(self, access: Access, decision: Decision, policy: tuple[Statement, ...], service: str) -> None:
        why = denial.explanation(access, decision, policy)
        self._history.denial(self._clock.now(), access.principal.arn, access.action, access.resource, why)
        _log.warning("denied: %s", why)
        raise Refused(service, "denied", denial.message(access, decision))

    def _context(self, request: Request, region: str) -> dict[str, tuple[str, ...]]:
        now = self._clock.now()
        return {
            "aws:sourceip": ("127.0.0.1",),
            "aws:securetransport": ("false",),
            "aws:requestedregion": (region,),
            "aws:currenttime": (datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),),
            "aws:epochtime": (str(int(now)),),
            "aws:useragent": (request.header(b"user-agent").decode("latin-1"),),
        }


def _of_neighbour(request: Request, source: list[str]) -> tuple[str, Principal, dict[str, tuple[str, ...]]]:
    """Return Region, principal and condition keys of a call that a neighbour makes: a service, or for its owner."""
    found = request.header(b"authorization").decode("latin-1").partition("Credential=")[2].split("/")
    account_id, region = found[0], found[2]
    if not source:
        return region, Principal(f"arn:aws:iam::{account_id}:root", account_id, trusted=True), {}
    context: dict[str, tuple[str, ...]] = {"aws:sourceaccount": (account_id,)}
    if len(source) > 1:
        context["aws:sourcearn"] = (source[1],)
    return region, Principal(source[0], account_id, service=source[0]), context
