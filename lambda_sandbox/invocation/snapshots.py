"""SnapStart: one snapshot a published version, made from an environment that was initialised at publish.

Source: AWS Lambda Developer Guide, "Improving startup performance with Lambda SnapStart", read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lambda_sandbox.resources import LATEST, FunctionConfiguration


class SnapshotState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Snapshot:
    """``environment_id`` names the environment that was initialised for it; ``reason`` says why it failed."""

    environment_id: str
    state: SnapshotState = SnapshotState.PENDING
    reason: str = ""


def wanted(function: FunctionConfiguration) -> bool:
    """AWS: SnapStart is for published versions."""
    return function.snap_start == "PublishedVersions" and function.version != LATEST
