"""What the operations on functions honour of their input."""

from __future__ import annotations

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.control_plane.coverage import Coverage

# What acts on what runs, or on what the control plane answers.
_SETTINGS = {
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "EphemeralStorage",
    "Layers",
    "SnapStart",
    "TracingConfig",
    "DeadLetterConfig",
    "LoggingConfig.LogGroup",
    "LoggingConfig.LogFormat",
    "LoggingConfig.ApplicationLogLevel",
    "LoggingConfig.SystemLogLevel",
    "DurableConfig.ExecutionTimeout",
    "DurableConfig.RetentionPeriodInDays",
}
_STORED_SETTINGS = {
    "AcceleratorConfig",
    "VpcConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "DurableConfig.KMSKeyArn",
    "CapacityProviderConfig",
}
_ZIP = {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode"}
_RUNS = "runs " + ", ".join(runtime_identifiers.NAMES)
_READ_ONCE = "a referenced object is read when the function is made or updated"
_LOGGERS = "the loggers of Python and Node.js; those of Java and .NET write text"
_SETTING_NOTES = {
    "Runtime": _RUNS,
    "LoggingConfig.LogFormat": f"Lambda's own lines, and {_LOGGERS}",
    "DurableConfig.KMSKeyArn": "what executions write is kept as it is: no key encrypts it",
    "LoggingConfig.ApplicationLogLevel": f"lines of JSON that name their level, and {_LOGGERS}, which is kept",
}
# The console's encryption helpers ask for this key; without it they encrypt nothing, and no handler has to decrypt.
_REASONS = {
    "KMSKeyArn": "it keeps variables as they are given, so no key encrypts them and there is nothing to decrypt: leave the "
    "member out here, put plain test values into the variables, and set the key where you deploy to AWS"
}
_NO_KEY = "no package is encrypted here"
_NO_ENGINE = "stored; running an image needs a container engine"

COVERAGE: dict[str, Coverage] = {
    "CreateFunction": Coverage(
        works=frozenset(
            {
                "FunctionName",
                "Tags",
                "Publish",
                "PublishTo",
                "PackageType",
                "TenancyConfig",
                "CodeSigningConfigArn",
                "Code.ImageUri",
                *_SETTINGS,
                *(f"Code.{name}" for name in _ZIP),
            }
        ),
        stored=frozenset({"Code.SourceKMSKeyArn", "Architectures", *_STORED_SETTINGS}),
        notes={
            **_SETTING_NOTES,
            "Code.S3ObjectStorageMode": _READ_ONCE,
            "Code.SourceKMSKeyArn": _NO_KEY,
            "Code.ImageUri": _NO_ENGINE,
            "PackageType": f"Image: {_NO_ENGINE}",
            "CodeSigningConfigArn": "no package is signed here, so Enforce refuses all",
        },
        reasons=_REASONS,
    ),
    "GetFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
    "GetFunctionConfiguration": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
    "ListFunctions": Coverage(works=frozenset({"FunctionVersion", "MasterRegion", "Marker", "MaxItems"})),
    "UpdateFunctionCode": Coverage(
        works=frozenset({"FunctionName", "DryRun", "RevisionId", "Publish", "PublishTo", "ImageUri", *_ZIP}),
        stored=frozenset({"Architectures", "SourceKMSKeyArn"}),
        notes={"S3ObjectStorageMode": _READ_ONCE, "SourceKMSKeyArn": _NO_KEY, "ImageUri": _NO_ENGINE},
    ),
    "UpdateFunctionConfiguration": Coverage(
        works=frozenset({"FunctionName", "RevisionId", *_SETTINGS}),
        stored=frozenset(_STORED_SETTINGS),
        notes=_SETTING_NOTES,
        reasons=_REASONS,
    ),
    "DeleteFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
}
