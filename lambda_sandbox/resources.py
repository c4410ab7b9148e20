"""What exists, as frozen dataclasses in snake_case; AWS's casing lives only at the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

LATEST = "$LATEST"
LATEST_PUBLISHED = "$LATEST.PUBLISHED"
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the account comes from the access key, the Region from the credential scope.

    ``host`` is the ``Host`` under which the endpoint was called, empty where no request came over HTTP: links in answers
    lead there, since a caller may have no way to any other port.
    """

    account_id: str
    region: str
    access_key: str = ""
    host: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A layer version that a function mounts below ``/opt``. ``code_size`` is bytes of its zip."""

    arn: str
    code_sha256: str
    code_size: int
    signing_profile_version_arn: str = ""
    signing_job_arn: str = ""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What overrides a container image's own settings."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """An access point and where it would be mounted. ``direct_s3_read`` is AWS's word, empty when none was given."""

    arn: str
    local_mount_path: str
    direct_s3_read: str = ""


@dataclass(frozen=True, slots=True)
class S3Object:
    """Where a referenced deployment package lies; ``version`` is empty for the newest."""

    bucket: str
    key: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class CapacityProviderUse:
    """The capacity provider that a function of Managed Instances runs on. ``concurrency`` is that of one environment."""

    arn: str
    concurrency: int | None = None
    memory_gib_per_vcpu: float | None = None


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """One version of a function.

    ``code_size`` is bytes of the zip; ``last_modified`` AWS's ISO text with milliseconds. ``layers`` are in the order of
    mounting: a later one covers an earlier. ``snap_start`` is ``None`` or ``PublishedVersions``, and
    ``snapshot_failure`` why a version has no snapshot and will have none, ``timeout`` or an error type. ``code_sha256`` is base64
    for a zip, the hexadecimal digest for an image. Until ``pending_until`` the version is being created, until
    ``updating_until`` it is being updated: seconds on the sandbox's clock.

    Kept on ``$LATEST`` because they belong to the function and hold for every version: ``reserved_concurrency``,
    ``recursive_loop``, ``code_signing_config_arn``; and of the version published last, ``published_version`` and
    ``published_content``, a hash of what it was made from.
    """

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
    package_type: str = "Zip"
    image_uri: str = ""
    image_config: ImageConfig | None = None
    layers: tuple[LayerReference, ...] = ()
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    vpc_ipv6: bool = False
    dead_letter_target_arn: str = ""
    file_systems: tuple[FileSystem, ...] = ()
    snap_start: str = "None"
    snapshot_failure: str = ""
    signing_profile_version_arn: str = ""
    signing_job_arn: str = ""
    tenant_isolation: bool = False
    durable_timeout_s: int | None = None
    durable_retention_days: int | None = None
    recursive_loop: str = "Terminate"
    source_kms_key_arn: str = ""
    s3_object: S3Object | None = None
    durable_kms_key_arn: str = ""
    capacity_provider: CapacityProviderUse | None = None
    accelerator_memory_gb: int | None = None
    code_signing_config_arn: str = ""
    update_runtime_on: str = "Auto"
    runtime_version_arn: str = ""
    published_version: str = ""
    published_content: str = ""
    pending_until: float = 0.0
    updating_until: float = 0.0

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
class Alias:
    """A name for a version. ``additional_versions`` are pairs of version and weight (0.0-1.0) that share its traffic."""

    account_id: str
    region: str
    function_name: str
    name: str
    function_version: str
    revision_id: str
    description: str = ""
    additional_versions: tuple[tuple[str, float], ...] = ()

    @property
    def function_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}"

    @property
    def arn(self) -> str:
        return f"{self.function_arn}:{self.name}"


@dataclass(frozen=True, slots=True)
class Cors:
    """A function URL's cross-origin rules. ``max_age_s`` is seconds."""

    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """The HTTPS front of ``$LATEST`` (``qualifier`` empty) or of an alias.

    ``auth_type`` is ``NONE`` or ``AWS_IAM``, ``invoke_mode`` ``BUFFERED`` or ``RESPONSE_STREAM``; times are AWS's ISO text.
    """

    account_id: str
    region: str
    function_name: str
    qualifier: str
    url_id: str
    auth_type: str
    creation_time: str
    last_modified_time: str
    invoke_mode: str = "BUFFERED"
    cors: Cors | None = None

    @property
    def function_arn(self) -> str:
        arn = f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """How asynchronous events of one qualifier are retried and where their records go. The age is seconds."""

    account_id: str
    region: str
    function_name: str
    qualifier: str
    last_modified: float
    maximum_retry_attempts: int | None = None
    maximum_event_age_s: int | None = None
    on_success_arn: str = ""
    on_failure_arn: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionedConcurrency:
    """How many environments of a version or alias are kept initialised; ``last_modified`` is AWS's ISO text."""

    account_id: str
    region: str
    function_name: str
    qualifier: str
    requested: int
    last_modified: str


@dataclass(frozen=True, slots=True)
class ProvisionedStatus:
    """How far an allocation is: ``status`` is ``IN_PROGRESS``, ``READY`` or ``FAILED``, and then ``reason`` says why.

    ``available`` environments of the ``allocated`` ones serve no invocation right now.
    """

    status: str
    allocated: int = 0
    available: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EventSourceState:
    """What a neighbour says of an event source; ``problem`` is its error where there is one, as AWS passes it on."""

    exists: bool
    visibility_timeout_s: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """What is said of a Kafka topic's consumer. ``consumption_mode`` is ``Stream`` or ``Queue``, empty for MSK.

    ``schema_registry`` is AWS's ``SchemaRegistryConfig`` as it was given.
    """

    consumer_group_id: str
    consumption_mode: str = ""
    schema_registry: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DocumentDbSettings:
    """Which change stream of a DocumentDB cluster is read; without a collection it is the whole database's."""

    database: str
    collection: str = ""
    full_document: str = "Default"


@dataclass(frozen=True, slots=True)
class PollerSettings:
    """The provisioned mode of an event source mapping: how many pollers at least and at most."""

    minimum: int
    maximum: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """One event source mapping. Times are seconds.

    ``event_source_arn`` is empty for a self-managed Kafka cluster, which has ``bootstrap_servers``. ``filters`` are patterns as
    JSON text. A setting that the kind of source does not have is ``None`` or empty; -1 retries or seconds of age are
    without limit. ``source_access`` are pairs of AWS's type and URI. In ``transition`` (``Creating``, ``Enabling``,
    ``Disabling`` or ``Updating``) it is until ``transition_until``, then in ``state``.
    """

    uuid: str
    account_id: str
    region: str
    event_source_arn: str
    function_arn: str
    batch_size: int = 10
    maximum_batching_window_s: float = 0
    report_batch_item_failures: bool = False
    maximum_concurrency: int | None = None
    state: str = "Enabled"
    last_modified: float = 0.0
    transition: str = ""
    transition_until: float = 0.0
    filters: tuple[str, ...] = ()
    kms_key_arn: str = ""
    metrics: tuple[str, ...] = ()
    system_log_level: str = ""
    starting_position: str = ""
    starting_position_timestamp: float | None = None
    parallelization_factor: int | None = None
    bisect_batch_on_function_error: bool | None = None
    maximum_retry_attempts: int | None = None
    maximum_record_age_s: int | None = None
    tumbling_window_s: int | None = None
    on_failure_arn: str = ""
    topics: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    source_access: tuple[tuple[str, str], ...] = ()
    bootstrap_servers: tuple[str, ...] = ()
    kafka: KafkaSettings | None = None
    document_db: DocumentDbSettings | None = None
    pollers: PollerSettings | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:event-source-mapping:{self.uuid}"


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
    tenant_id: str = ""
    cognito_identity: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """How an environment's process ended. Exactly one of ``code`` and ``signal`` is set."""

    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the machine lets the sandbox enforce. ``level`` is ``bwrap``, ``namespaces`` or ``process``.

    ``opened`` are the ``HOST:PORT`` pairs of ``--allow-network``.
    """

    level: str
    enforced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    @property
    def network(self) -> str:
        """Say in words what functions reach."""
        if self.level not in ("bwrap", "namespaces"):
            narrows = "; --allow-network does not narrow it" if self.opened else ""
            return f"everything that this machine reaches{narrows}"
        opened = (
            f" and, from every function of every account, {', '.join(self.opened)}" if self.opened else ""
        )
        return f"the sandbox{opened}"
