"""The kinds of event sources, and which parameters of a mapping each of them has.

Source: AWS Lambda Developer Guide, the pages on each event source with their tables of parameters, and the service model of
botocore 1.44.5, both read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lambda_sandbox.errors import InvalidParameterValueException


class SourceKind(StrEnum):
    """What a mapping reads from, in words for messages."""

    QUEUE = "SQS"
    FIFO_QUEUE = "SQS FIFO"
    KINESIS = "Kinesis"
    DYNAMODB = "DynamoDB Streams"
    MSK = "Amazon MSK"
    SELF_MANAGED_KAFKA = "self-managed Apache Kafka"
    MQ = "Amazon MQ"
    DOCUMENT_DB = "Amazon DocumentDB"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a kind takes beyond the parameters of every mapping. ``window_s`` and ``batch_size`` are the defaults."""

    parameters: frozenset[str]
    batch_size: int = 100
    window_s: float = 0
    access_types: frozenset[str] = frozenset()


_POSITION = frozenset({"StartingPosition", "StartingPositionTimestamp"})
_FAILURES = frozenset(
    {
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "FunctionResponseTypes",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
    }
)
_QUEUE = frozenset({"FunctionResponseTypes", "MetricsConfig", "ProvisionedPollerConfig", "ScalingConfig"})
_STREAM = _POSITION | _FAILURES | {"MetricsConfig", "ParallelizationFactor", "TumblingWindowInSeconds"}
_KAFKA = (
    _POSITION
    | _FAILURES
    | {"LoggingConfig", "MetricsConfig", "ProvisionedPollerConfig", "SourceAccessConfigurations", "Topics"}
)
_LATER_S = 0.5  # the default window of brokers: "500 ms", which no request can ask for

RULES: Mapping[SourceKind, Rules] = {
    SourceKind.QUEUE: Rules(_QUEUE, batch_size=10),
    SourceKind.FIFO_QUEUE: Rules(_QUEUE, batch_size=10),
    SourceKind.KINESIS: Rules(_STREAM),
    SourceKind.DYNAMODB: Rules(_STREAM),
    SourceKind.MSK: Rules(
        _KAFKA | {"AmazonManagedKafkaEventSourceConfig"},
        window_s=_LATER_S,
        access_types=frozenset({"SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH"}),
    ),
    SourceKind.SELF_MANAGED_KAFKA: Rules(
        _KAFKA | {"SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig"},
        window_s=_LATER_S,
        access_types=frozenset(
            {
                "BASIC_AUTH",
                "VPC_SUBNET",
                "VPC_SECURITY_GROUP",
                "SASL_SCRAM_256_AUTH",
                "SASL_SCRAM_512_AUTH",
                "CLIENT_CERTIFICATE_TLS_AUTH",
                "SERVER_ROOT_CA_CERTIFICATE",
                "OAUTHBEARER_AUTH",
                "OAUTHBEARER_SCOPE",
                "OAUTHBEARER_AUDIENCE",
                "OAUTHBEARER_LOGICAL_CLUSTER",
                "OAUTHBEARER_IDENTITY_POOL",
                "IAM_AUTH",
                "IAM_OAUTHBEARER_AUTH",
            }
        ),
    ),
    SourceKind.MQ: Rules(
        frozenset({"Queues", "SourceAccessConfigurations"}),
        window_s=_LATER_S,
        access_types=frozenset({"BASIC_AUTH", "VIRTUAL_HOST"}),
    ),
    SourceKind.DOCUMENT_DB: Rules(
        _POSITION | {"DocumentDBEventSourceConfig", "SourceAccessConfigurations"},
        window_s=_LATER_S,
        access_types=frozenset({"BASIC_AUTH"}),
    ),
}
# Every parameter that not all kinds have.
PARTICULAR = frozenset().union(*(rules.parameters for rules in RULES.values()))

QUEUES = frozenset({SourceKind.QUEUE, SourceKind.FIFO_QUEUE})
STREAMS = frozenset({SourceKind.KINESIS, SourceKind.DYNAMODB})
KAFKA = frozenset({SourceKind.MSK, SourceKind.SELF_MANAGED_KAFKA})
POSITIONED = STREAMS | KAFKA | {SourceKind.DOCUMENT_DB}

_ARNS = (
    (SourceKind.FIFO_QUEUE, re.compile(r"arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+\.fifo")),
    (SourceKind.QUEUE, re.compile(r"arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+")),
    (SourceKind.KINESIS, re.compile(r"arn:[^:]+:kinesis:[^:]+:\d{12}:stream/[^/]+(?:/consumer/.+)?")),
    (SourceKind.DYNAMODB, re.compile(r"arn:[^:]+:dynamodb:[^:]+:\d{12}:table/[^/]+/stream/.+")),
    (SourceKind.MSK, re.compile(r"arn:[^:]+:kafka:[^:]+:\d{12}:(?:cluster|vpc-connection)/.+")),
    (SourceKind.MQ, re.compile(r"arn:[^:]+:mq:[^:]+:\d{12}:broker:.+")),
    (SourceKind.DOCUMENT_DB, re.compile(r"arn:[^:]+:rds:[^:]+:\d{12}:cluster:.+")),
)


def kind_of(event_source_arn: str) -> SourceKind:
    """Return the kind of a source; an empty ARN is that of a self-managed Kafka cluster.

    Raises ``InvalidParameterValueException`` for an ARN that no mapping can read from.
    """
    if not event_source_arn:
        return SourceKind.SELF_MANAGED_KAFKA
    for kind, pattern in _ARNS:
        if pattern.fullmatch(event_source_arn):
            return kind
    raise InvalidParameterValueException("Unrecognized event source.")
