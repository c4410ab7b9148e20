"""Whether the snapshot of a SnapStart version is there, still being made, or could not be made.

DIFFERS: a SnapStart snapshot does not outlive the sandbox's process, not even with ``--state``. After a restart a version whose
snapshot had failed is still ``Failed`` and every other one ``Active``; its first cold start runs a full init.

Source: AWS Lambda Developer Guide, "Activating and managing Lambda SnapStart" and "Lambda function states", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import ResourceConflictException
from lambda_sandbox.resources import FunctionConfiguration

# What the core says of a version's snapshot: ``pending``, ``ready`` or ``failed``, and why it failed.
SnapshotOf = Callable[[str], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class SnapshotStatus:
    """``state`` is AWS's word for the version; ``reason`` says what ended its init, empty unless it is ``Failed``."""

    state: str
    reason: str = ""


READY = SnapshotStatus("Active")
PENDING = SnapshotStatus("Pending")


class SnapshotStates:
    """``snapshot_of(qualified_arn)`` asks the core; ``awaited`` are the versions that this process published.

    Any thread may ask. Once its snapshot was there a version stays active: a snapshot that is made again later is made
    behind its invocations.
    """

    def __init__(self, store: Store, snapshot_of: SnapshotOf | None, awaited: set[str]) -> None:
        self._store = store
        self._snapshot_of = snapshot_of
        self._awaited = awaited

    def expect(self, version: FunctionConfiguration) -> None:
        """A version is being published; with SnapStart it is pending from now on."""
        if version.snap_start == "PublishedVersions" and self._snapshot_of is not None:
            self._awaited.add(version.qualified_arn)

    def of(self, function: FunctionConfiguration) -> SnapshotStatus:
        """Return what became of the version's snapshot; one that wants none is active."""
        if function.snapshot_failure:
            return SnapshotStatus("Failed", function.snapshot_failure)
        arn = function.qualified_arn
        if self._snapshot_of is None or arn not in self._awaited:
            return READY
        told = self._snapshot_of(arn)
        if told is None and self._is_newest(function):
            return PENDING  # the core is about to hear of it
        if told is None or told[0] == "ready":
            self._awaited.discard(arn)
            return READY
        return PENDING if told[0] == "pending" else SnapshotStatus("Failed", told[1])

    def refuse_inactive(self, function: FunctionConfiguration) -> None:
        """Raise ``ResourceConflictException`` for an invocation of a version that has no snapshot yet, or will have none."""
        state = self.of(function).state
        if state != "Active":
            raise not_active(state)

    def refuse_failed(self, version: FunctionConfiguration) -> None:
        """Raise ``ResourceConflictException`` for an alias that shall mean a version without a snapshot.

        One that is still being made is no obstacle: only invocations by the alias have to wait.
        Source: issue 49904 of hashicorp/terraform-provider-aws (``UpdateAlias`` of a failed version is a 409), pull request 190
        of alexcasalboni/aws-lambda-power-tuning (aliases of pending versions are made, and waited for), read 2026-11.
        """
        state = self.of(version).state
        if state == "Failed":
            raise not_active(state)

    def _is_newest(self, function: FunctionConfiguration) -> bool:
        """The core makes the snapshot of the newest version only, so of an older one it may never hear."""
        latest = self._store.function(function.account_id, function.region, function.function_name)
        return latest is not None and latest.published_version == function.version


def not_active(state: str) -> ResourceConflictException:
    """The refusal of what needs a function that is active."""  # UNCONFIRMED: the wording for ``Failed``
    return ResourceConflictException(
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )
