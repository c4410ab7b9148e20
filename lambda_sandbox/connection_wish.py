"""What ``connect()`` asks of a sandbox that is settled when the sandbox starts: its clock, and whether IAM decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.config import Config
from lambda_sandbox.errors import SandboxFault


@dataclass(frozen=True, slots=True)
class Traits:
    """What a running sandbox is: ``clock`` is ``real``, ``scaled:FACTOR`` or ``manual``."""

    clock: str
    enforces_iam: bool

    @classmethod
    def of(cls, health: Mapping[str, Any]) -> Traits:
        """Return what ``/_sandbox/health`` tells."""
        return cls(str(health.get("clock", "real")), bool(health.get("enforces_iam", False)))


@dataclass(frozen=True, slots=True)
class Wish:
    """A clock of ``None``, and IAM not asked for, take what there is."""

    clock: str | None = None
    enforce_iam: bool = False

    def check(self, driver: str) -> None:
        """Raise ``SandboxFault`` for what no sandbox can be, or none of this driver's."""
        if driver == "in_process" and self.clock is not None:
            raise SandboxFault(
                "the in_process driver's clock is moved by hand, with advance(); leave out clock="
            )
        if driver == "in_process" and self.enforce_iam:
            raise SandboxFault("the in_process driver checks no signatures; leave out enforce_iam=")
        try:
            Config(clock=self.clock or "real")
        except ValueError as error:
            raise SandboxFault(str(error)) from None

    def unmet(self, traits: Traits) -> str:
        """Return in which way a sandbox is not what is asked for, as the end of a sentence; empty if it is."""
        if self.clock not in (None, traits.clock):
            return f"runs by clock {traits.clock}"
        if self.enforce_iam and not traits.enforces_iam:
            return "does not enforce IAM"
        return ""

    @property
    def special(self) -> bool:
        """Whether a sandbox like this would surprise somebody who asked for nothing."""
        return self.clock not in (None, "real") or self.enforce_iam

    @property
    def flags(self) -> tuple[str, ...]:
        """Return what ``serve`` is started with."""
        clock = ("--clock", self.clock) if self.clock else ()
        return (*clock, "--enforce-iam") if self.enforce_iam else clock
