"""SnapStart: one snapshot a published version, made from an environment that was initialised at publish.

DIFFERS: SnapStart restores an environment that was initialised once for it, and not copies of one: what init drew at random is
different in each environment here, and the *same* in all of them on AWS. Draw again in an after-restore hook. A cold start that finds
no such environment waiting repeats init within the restore phase.

Source: AWS Lambda Developer Guide, "Improving startup performance with Lambda SnapStart", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from lambda_sandbox.resources import LATEST, FunctionConfiguration


class SnapshotState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Snapshot:
    """``parked`` names the environment that waits, or is being initialised to wait; ``reason`` says why it failed."""

    parked: str
    state: SnapshotState = SnapshotState.PENDING
    reason: str = ""


def wanted(function: FunctionConfiguration) -> bool:
    """AWS: SnapStart is for published versions."""
    return function.snap_start == "PublishedVersions" and function.version != LATEST


def status(snapshot: Snapshot | None, environments: Container[str]) -> tuple[SnapshotState, str] | None:
    """Return how far a version's snapshot is, and why it failed; ``None`` for one that was never asked for.

    ``environments`` are the ids of those that are there. Reads only; any thread may ask.
    """
    if snapshot is None:
        return None
    if snapshot.state is SnapshotState.PENDING and snapshot.parked not in environments:
        # POLICY: a SnapStart version whose waiting environment had to make room counts as ready; the next cold start repeats init.
        return SnapshotState.READY, ""
    return snapshot.state, snapshot.reason
