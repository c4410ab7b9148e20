"""An extension of one execution environment, as the core sees it.

Source: AWS Lambda Developer Guide, "Using the Lambda Extensions API to create extensions", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"


@dataclass(slots=True, eq=False)
class Extension:
    """``external`` is a process of its own; ``waits`` says that it asked for its next event and has none."""

    extension_id: str
    name: str
    external: bool
    events: frozenset[str]
    waits: bool = False


def make(environment_id: str, name: str, external: bool, events: Collection[str]) -> Extension:
    """Return an extension that has just registered; its id is a UUID made from the environment and the name."""
    digits = blake2b(f"{environment_id}/{name}".encode(), digest_size=16).hexdigest()
    identity = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return Extension(identity, name, external, frozenset(events))
