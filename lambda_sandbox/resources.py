"""What exists, as frozen dataclasses in snake_case; AWS's casing lives only at the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LATEST = "$LATEST"
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the account comes from the access key, the Region from the credential scope."""

    account_id: str
    region: str
    access_key: str = ""


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """One version of a function. ``code_size`` is bytes of the zip; ``last_modified`` AWS's ISO text with milliseconds."""

    account_id: str
    region: str
    function_name: str
    runtime: str
    handler: str
    role: str
    code_sha256: str
    code_size: int
    revision_id: str
    last_modified: str
    version: str = LATEST
    description: str = ""
    memory_mb: int = 128
    timeout_s: int = 3
    environment: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    architecture: str = "x86_64"
    ephemeral_storage_mb: int = 512
    tracing_mode: str = "PassThrough"
    log_format: str = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    log_group: str = ""
    reserved_concurrency: int | None = None
    state: str = "Active"
    last_update_status: str = "Successful"

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}"

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.version}"

    @property
    def log_group_name(self) -> str:
        return self.log_group or f"/aws/lambda/{self.function_name}"


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """One event source mapping. Times are seconds."""

    uuid: str
    account_id: str
    region: str
    event_source_arn: str
    function_arn: str
    batch_size: int = 10
    maximum_batching_window_s: int = 0
    report_batch_item_failures: bool = False
    maximum_concurrency: int | None = None
    state: str = "Enabled"
    last_modified: float = 0.0


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An accepted asynchronous event, as it is kept on disk. Times are seconds; ``payload`` is JSON as bytes."""

    request_id: str
    function_arn: str
    payload: bytes
    arrived_at: float
    due_at: float = 0.0
    attempt: int = 1
    throttles: int = 0
    client_context: str = ""
    trace_header: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """How an environment's process ended. Exactly one of ``code`` and ``signal`` is set."""

    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the machine lets the sandbox enforce. ``level`` is ``bwrap``, ``namespaces`` or ``process``."""

    level: str
    enforced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
