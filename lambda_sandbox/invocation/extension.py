"""An extension of one execution environment, as the core sees it.

Source: AWS Lambda Developer Guide, "Using the Lambda Extensions API to create extensions", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from msgspec import Struct

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
# AWS's words for how far an extension has come by the end of init.
STARTED, REGISTERED, READY = "Started", "Registered", "Ready"
INIT_ERROR, EXIT_ERROR, LAUNCH_ERROR = "InitError", "ExitError", "LaunchError"


@dataclass(slots=True, eq=False)
class Extension:
    """``external`` is a process of its own; ``waits`` says that it asked for its next event and has none.

    ``trouble`` is ``InitError`` or ``ExitError`` once it has reported one, and ``error_type`` the type that it gave.
    """

    extension_id: str
    name: str
    external: bool
    events: frozenset[str]
    waits: bool = False
    trouble: str = ""
    error_type: str = ""


class ExtensionStatus(Struct, frozen=True):
    """What became of one extension in an init; ``error_type`` is empty where it gave none."""

    name: str
    state: str
    events: tuple[str, ...] = ()
    error_type: str = ""

    def line(self) -> str:
        """Return the line that the platform writes into the function's log, without its newline.

        >>> ExtensionStatus("watcher", "Ready", ("INVOKE", "SHUTDOWN")).line()
        'EXTENSION\\tName: watcher\\tState: Ready\\tEvents: [INVOKE, SHUTDOWN]'

        Source: CloudWatch Logs as published in public repositories, 2024 to 2026, and the source of AWS's Runtime
        Interface Emulator for states and error types, read 2026-11.
        """
        line = f"EXTENSION\tName: {self.name}\tState: {self.state}\tEvents: [{', '.join(self.events)}]"
        return f"{line}\tError Type: {self.error_type}" if self.error_type else line


def statuses(launched: Mapping[str, str], registered: Iterable[Extension]) -> tuple[ExtensionStatus, ...]:
    """Return the status of every extension of an init that ends: of the external ones ``launched``, then of internal ones.

    ``launched`` holds why each could not be started, or an empty text.
    """
    by_name = {each.name: each for each in registered}
    found = []
    for name, reason in launched.items():
        if name not in by_name:
            found.append(ExtensionStatus(name, LAUNCH_ERROR if reason else STARTED, (), reason))
    for name, each in by_name.items():
        state = each.trouble or (READY if each.waits else REGISTERED)
        found.append(ExtensionStatus(name, state, tuple(sorted(each.events)), each.error_type))
    return tuple(found)


def make(environment_id: str, name: str, external: bool, events: Collection[str]) -> Extension:
    """Return an extension that has just registered; its id is a UUID made from the environment and the name."""
    digits = blake2b(f"{environment_id}/{name}".encode(), digest_size=16).hexdigest()
    identity = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return Extension(identity, name, external, frozenset(events))
