"""Limits of AWS Lambda, each with its source. Bytes unless the name says otherwise.

Source, where nothing else is said: AWS Lambda Developer Guide, "Lambda quotas", and the service model of botocore 1.44.5,
both read 2026-11.
"""

from __future__ import annotations

MIB = 1024 * 1024

MEMORY_MB_MIN = 128
MEMORY_MB_MAX = 10_240  # the model allows 32,768: that part is for Managed Instances only
MEMORY_MB_DEFAULT = 128
MB_PER_VCPU = 1_769
TIMEOUT_S_MAX = 900  # the model allows 5,400: Managed Instances only
TIMEOUT_S_DEFAULT = 3
EPHEMERAL_STORAGE_MB_MIN = 512
EPHEMERAL_STORAGE_MB_MAX = 10_240
ENVIRONMENT_VARIABLES_BYTES = 4 * 1024
FUNCTION_NAME_CHARS = 64
LAYERS_PER_FUNCTION = 5
ZIP_DIRECT_BYTES = 50 * MIB
UNZIPPED_BYTES = 250 * MIB
CODE_STORAGE_BYTES = 300 * 1024 * MIB  # zip functions and layers in one Region
TAGS_PER_RESOURCE = 50
VERSIONS_PER_CAPACITY_PROVIDER = 100

# The limit is documented as 6 MB; the exact number is the one in AWS's own runtime interface emulator.
SYNC_PAYLOAD_BYTES = 6 * MIB + 100
ASYNC_PAYLOAD_BYTES = 1 * MIB  # 256 KB until 2025-10
STREAMED_RESPONSE_BYTES = 200 * MIB  # a soft limit; 20 MB until 2025-07
LOG_TAIL_BYTES = 4 * 1024
CLIENT_CONTEXT_BYTES = 3_583

INIT_TIMEOUT_S = 10.0
# Provisioned concurrency and SnapStart: at least, and at most. Between them it is the timeout.
PREPARED_INIT_TIMEOUT_S = (130.0, 900.0)
RESTORE_TIMEOUT_S = 10.0
SHUTDOWN_MS_NO_EXTENSION = 0
SHUTDOWN_MS_INTERNAL = 500
SHUTDOWN_MS_EXTERNAL = 2_000
EXTENSIONS = 10  # registered in one environment; the constant of AWS's runtime interface emulator
SCALING_ENVIRONMENTS = 1_000  # a function may add so many ...
SCALING_INTERVAL_S = 10.0  # ... in so many seconds; since 2023-11, refilled continuously, never above
REQUESTS_PER_S_PER_CONCURRENCY = 10  # synchronous requests only
RECURSION_INVOCATIONS = 16  # of one function in one chain; source: AWS Compute Blog, 2023-07
ACCOUNT_CONCURRENCY = 1_000
UNRESERVED_CONCURRENCY_MIN = 100
ASYNC_RETRIES_DEFAULT = 2
ASYNC_RETRY_WAITS_S = (60.0, 120.0)
ASYNC_EVENT_AGE_S_MAX = 21_600
ASYNC_THROTTLE_BACKOFF_S = (1.0, 300.0)
OPEN_FILES = 1_024
PROCESSES = 1_024

RESERVED_ENVIRONMENT_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)

# Of one durable execution. Source: Developer Guide, "Lambda quotas", and the service model's "OperationUpdate", read 2026-11.
DURABLE_OPERATIONS = 3_000
DURABLE_BYTES = 100 * MIB  # written by all its operations together
DURABLE_PAYLOAD_BYTES = 1 * MIB  # of an operation, of an error, and of an asynchronous execution's result
DURABLE_LIFE_S = 31_622_400  # 366 days, also where a pause stops the timeout
# Of one account in one Region. Source: Developer Guide, "Lambda quotas", read 2026-11.
DURABLE_RUNNING = 5_000_000
DURABLE_RUNNING_LARGE = 10_000_000  # in us-east-1, us-west-2 and eu-west-1
DURABLE_STARTS_PER_SECOND = 300

# Of custom resources in stacks. Source: CloudFormation User Guide, "CloudFormation custom resource request and response
# reference", read 2026-11.
CUSTOM_RESOURCE_RESPONSE_MAX_BYTES = 4_096
CUSTOM_RESOURCE_SERVICE_TIMEOUT_DEFAULT_S = 3_600
CUSTOM_RESOURCE_SERVICE_TIMEOUT_MAX_S = 3_600
