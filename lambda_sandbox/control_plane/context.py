"""What every room of the control plane shares: the store, the time, and whom to tell of a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.lookup import Lookup
from lambda_sandbox.control_plane.snapshot_states import SnapshotOf, SnapshotStates
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.resources import Caller, EventSourceState, ProvisionedStatus

Params = Mapping[str, Any]
Answer = dict[str, Any]
Operations = dict[str, Callable[[Params, Caller], Answer]]
FetchObject = Callable[[str, str, str | None], bytes]


def nothing(*_: Any) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every resource's module.

    ``fetch_object(bucket, key, version)`` reads from S3. ``on_change`` hears the unqualified ARN of a function after it,
    a version or an alias of it was updated or deleted; ``on_mappings_change`` that mappings changed;
    ``on_provisioned_change`` that provisioned concurrency did. ``last_processing_result(uuid)`` is the poller's word.
    ``base_url()`` is the endpoint's address, for links in answers. ``on_concurrency_change`` hears the unqualified ARN of a
    function whose reserved concurrency changed: unlike ``on_change``, nothing that runs need end.
    ``provisioned_status(qualified_arn)`` says how far an allocation is, ``None`` for one the core does not know.
    ``snapshot_of(qualified_arn)`` says how far a SnapStart version's snapshot is, ``None`` for one the core does not know;
    without it nobody makes snapshots, and none is waited for.
    ``inspect_source(arn)`` looks at an event source in the neighbours, ``None`` when nobody can tell.
    ``durable(operation, params, caller)`` answers what is asked of durable executions; without it there are none.
    ``runtime_notice(runtime)`` is a sentence when this machine runs another version, or none, in its place.
    """

    config: Config
    clock: Clock
    store: Store
    code: CodeStore
    fetch_object: FetchObject
    base_url: Callable[[], str]
    on_change: Callable[[str], None]
    on_mappings_change: Callable[[], None] = nothing
    on_provisioned_change: Callable[[], None] = nothing
    last_processing_result: Callable[[str], str] | None = None
    on_concurrency_change: Callable[[str], None] = nothing
    provisioned_status: Callable[[str], ProvisionedStatus | None] = nothing
    snapshot_of: SnapshotOf | None = None
    inspect_source: Callable[[str], EventSourceState | None] = nothing
    runtime_notice: Callable[[str], str | None] = nothing
    durable: Callable[[str, Params, Caller], Answer] | None = None
    awaited_snapshots: set[str] = field(default_factory=set)

    @property
    def lookup(self) -> Lookup:
        return Lookup(self.store)

    @property
    def snapshot_states(self) -> SnapshotStates:
        return SnapshotStates(self.store, self.snapshot_of, self.awaited_snapshots)
