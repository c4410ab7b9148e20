"""``kind:argument:argument``: how the command line names a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from lambda_sandbox.errors import SandboxFault


@dataclass(frozen=True, slots=True)
class Specification:
    """A model as it was written: ``text`` is all of it, ``rest`` what follows the kind."""

    text: str
    kind: str
    rest: str

    @classmethod
    def read(cls, text: str) -> Specification:
        kind, _, rest = text.partition(":")
        return cls(text, kind, rest)

    def number(
        self, place: int, name: str, default: float | None = None, *, least: float = 0.0, above: bool = False
    ) -> float:
        """Return the number at ``place``; at least ``least``, or above it. Raises ``SandboxFault``."""
        parts = self.rest.split(":") if self.rest else []
        if place >= len(parts) and default is not None:
            return default
        try:
            value = float(parts[place])
        except (IndexError, ValueError):
            raise SandboxFault(f"{self.text}: {name} is missing or no number") from None
        if not math.isfinite(value) or value < least or (above and value == least):
            raise SandboxFault(f"{self.text}: {name} must be {'above' if above else 'at least'} {least:g}")
        return value

    def file(self, name: str) -> Path:
        """Return all that follows the kind as a path: a colon may be part of it. Raises ``SandboxFault``."""
        if not self.rest:
            raise SandboxFault(f"{self.text}: {name} is missing")
        return Path(self.rest)

    def at_most(self, places: int) -> None:
        """Raise ``SandboxFault`` for arguments that the kind does not take: none is ignored."""
        if self.rest.count(":") + bool(self.rest) > places:
            raise SandboxFault(f"{self.text}: {self.kind} takes at most {places} numbers")

    def unknown(self, kinds: str) -> SandboxFault:
        return SandboxFault(f"{self.text}: the kind must be one of {kinds}")
