"""Who access keys belong to, and what roles may do: asked of moto's IAM and STS once, and kept until they may have changed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lambda_sandbox import errors
from lambda_sandbox.config import ROOT_SECRET
from lambda_sandbox.iam.credentials import RoleSessions
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.iam.policy import PolicyFault, Statement, parse
from lambda_sandbox.services.identities import PATH

_KEPT = 10_000
_log = logging.getLogger(__name__)


class Neighbours(Protocol):
    """Where identities are read. ``token`` is known to the neighbours' process alone; ``pid`` changes with its data."""

    token: str

    @property
    def pid(self) -> int | None: ...

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """``expires`` is seconds since 1970; ``token`` is empty for keys that are no session's."""

    principal: Principal
    secret: str
    token: str = ""
    expires: float | None = None


class Identities:
    """Belongs to the event loop. ``sessions`` are those of the environments, of which STS is told when they first call."""

    def __init__(self, neighbours: Neighbours, sessions: RoleSessions) -> None:
        self._neighbours = neighbours
        self._sessions = sessions
        self._known: dict[str, Identity] = {}
        self._trust: dict[str, tuple[Statement, ...]] = {}
        self._life = neighbours.pid
        self._changes = 0

    def is_neighbour(self, token: str) -> bool:
        """Whether a caller shows what only the neighbours' process knows."""
        return token == self._neighbours.token

    def forget(self) -> None:
        """Ask for everything anew."""
        self._changes += 1
        self._known.clear()
        self._trust.clear()

    async def find(self, access_key: str) -> Identity | None:
        """Return whom a key belongs to, ``None`` for nobody. Raises ``ServiceException`` while IAM cannot be asked."""
        self._check_life()
        known = self._known.get(access_key)
        if known is not None:
            return known
        if len(access_key) == 12 and access_key.isdigit():
            # POLICY: with ``--enforce-iam`` the root user of an account is there without setting up: its access key is the account's id and
            # its secret is ``sandbox``.
            found = Identity(
                Principal(f"arn:aws:iam::{access_key}:root", access_key, trusted=True), ROOT_SECRET
            )
        else:
            changes = self._changes
            answer = await self._ask({"access_key": access_key, **self._session(access_key)})
            if not answer:
                return None
            found = _identity(answer)
            if changes != self._changes:  # a change overtook the answer: use it once, do not keep it
                return found
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[access_key] = found
        return found

    async def trusts(self, role_arn: str) -> tuple[Statement, ...]:
        """Return a role's trust policy; its statements name no resource: they are about the role."""
        self._check_life()
        known = self._trust.get(role_arn)
        if known is None:
            changes = self._changes
            answer = await self._ask({"role": role_arn})
            known = tuple(_about(parse(answer["trust"]), role_arn)) if answer else ()
            if changes == self._changes:
                self._trust[role_arn] = known
        return known

    async def role(self, role_arn: str) -> Principal:
        """Return a role as its own principal, with its policies; one that does not exist may do nothing."""
        answer = await self._ask({"role": role_arn})
        return Principal(
            role_arn,
            role_arn.split(":")[4],
            policies=tuple(_statements(answer.get("policies") or ())),
            boundary=tuple(_statements([answer["boundary"]])) if "boundary" in answer else None,
        )

    def _check_life(self) -> None:
        if self._life != self._neighbours.pid:  # moto was started anew, and empty
            self._life = self._neighbours.pid
            self.forget()

    def _session(self, access_key: str) -> dict[str, Any]:
        session = self._sessions.find(access_key)
        if session is None:
            return {}
        given = {
            "role_arn": session.role_arn,
            "name": session.name,
            "secret_key": session.secret_key,
            "token": session.token,
        }
        return {"session": given}

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(question).encode()
        headers = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]
        status, _, text = await self._neighbours.forward("POST", PATH, headers, body)
        if status != 200:
            raise errors.ServiceException(f"IAM could not be asked ({status}): repeat the call.")
        answer: dict[str, Any] = json.loads(text)
        return answer


def _identity(answer: dict[str, Any]) -> Identity:
    account_id = answer["account_id"]
    keys = {name: (value,) for name, value in answer["keys"].items()}
    principal = Principal(
        arn=answer["arn"],
        account_id=account_id,
        role_arn=answer.get("role_arn", ""),
        policies=tuple(_statements(answer["policies"])),
        boundary=tuple(_statements([answer["boundary"]])) if "boundary" in answer else None,
        session=tuple(_statements([answer["session"]])) if "session" in answer else None,
        keys={"aws:principalaccount": (account_id,), **keys},
    )
    return Identity(principal, answer["secret_key"], answer["token"], answer.get("expires"))


def _statements(documents: Iterable[str]) -> Iterator[Statement]:
    for document in documents:
        try:
            yield from parse(document)
        except PolicyFault as fault:  # IAM takes some that nobody can read; such a policy allows nothing
            _log.warning("a policy was passed over: %s", fault)


def _about(statements: Iterable[Statement], role_arn: str) -> Iterator[Statement]:
    for each in statements:
        yield replace(each, resources=(role_arn,), not_resources=())
