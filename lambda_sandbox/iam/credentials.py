"""The credentials that execution environments get: a session of the function's role each."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

_KEY_CHARS = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class RoleSession:
    """One environment's credentials. ``name`` is the session's name: AWS uses the function's."""

    access_key: str
    secret_key: str
    token: str
    role_arn: str
    name: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that every SDK reads."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }


class RoleSessions:
    """The sessions of the environments that run, by access key."""

    def __init__(self) -> None:
        self._sessions: dict[str, RoleSession] = {}
        self._keys: dict[str, str] = {}

    def begin(self, environment_id: str, role_arn: str, name: str) -> RoleSession:
        """Return new credentials for an environment; those it had before end."""
        self.end(environment_id)
        access_key = "ASIA" + "".join(secrets.choice(_KEY_CHARS) for _ in range(16))
        session = RoleSession(
            access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(120), role_arn, name
        )
        self._sessions[access_key] = session
        self._keys[environment_id] = access_key
        return session

    def end(self, environment_id: str) -> None:
        """Forget an environment that has stopped. AWS: credentials it gave away stay good until they expire."""
        self._sessions.pop(self._keys.pop(environment_id, ""), None)

    def find(self, access_key: str) -> RoleSession | None:
        return self._sessions.get(access_key)
