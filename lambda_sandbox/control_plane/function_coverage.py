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
_LOGGERS = "the loggers of Python and Node.js; those of Java and .NET write text here, where AWS's write JSON"
_SETTING_NOTES = {
    "Runtime": _RUNS,
    "LoggingConfig.LogFormat": f"Lambda's own lines, and {_LOGGERS}",
    "DurableConfig.KMSKeyArn": "what executions write is kept as it is: no key encrypts it",
    "LoggingConfig.ApplicationLogLevel": f"lines of JSON that name their level, and {_LOGGERS}, which is kept",
    "VpcConfig": "no function gets a VPC's network: what it may reach is what --allow-network opens",
    "FileSystemConfigs": "nothing is mounted: the path does not exist in the function",
    "ImageConfig": "images are not run here",
    "AcceleratorConfig": "no function gets an accelerator here",
    "CapacityProviderConfig": "no instance is started: the function runs like any other here",
}
# The console's encryption helpers ask for this key; without it they encrypt nothing, and no handler has to decrypt.
_REASONS = {
    "KMSKeyArn": "it keeps variables as they are given, so no key encrypts them and there is nothing to decrypt: leave the "
    "member out here, put plain test values into the variables, and set the key where you deploy to AWS",
    "RuntimeConfig": "it has no customer-managed runtimes: name one of Lambda's own in Runtime, or bring a bootstrap on "
    "provided.al2023",
}
_NO_KEY = "no package is encrypted here"
_ANY_PROCESSOR = "code runs on this machine's processor, whichever is named; the bill has the price of the one that is named"
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
            "Architectures": _ANY_PROCESSOR,
            "Code.ImageUri": _NO_ENGINE,
            "PackageType": f"Image: {_NO_ENGINE}",
            "CodeSigningConfigArn": "no package counts as signed here: a configuration with Enforce refuses every deployment, one with Warn none",
        },
        reasons=_REASONS,
    ),
    "GetFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
    "GetFunctionConfiguration": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
    "ListFunctions": Coverage(works=frozenset({"FunctionVersion", "MasterRegion", "Marker", "MaxItems"})),
    "UpdateFunctionCode": Coverage(
        works=frozenset({"FunctionName", "DryRun", "RevisionId", "Publish", "PublishTo", "ImageUri", *_ZIP}),
        stored=frozenset({"Architectures", "SourceKMSKeyArn"}),
        notes={
            "S3ObjectStorageMode": _READ_ONCE,
            "SourceKMSKeyArn": _NO_KEY,
            "ImageUri": _NO_ENGINE,
            "Architectures": _ANY_PROCESSOR,
        },
    ),
    "UpdateFunctionConfiguration": Coverage(
        works=frozenset({"FunctionName", "RevisionId", *_SETTINGS}),
        stored=frozenset(_STORED_SETTINGS),
        notes=_SETTING_NOTES,
        reasons=_REASONS,
    ),
    "DeleteFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
}
