"""What a role must be allowed before its function's event source is polled."""

from __future__ import annotations

import pytest

from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.iam.policy import parse
from lambda_sandbox.iam.polling import refusal


def role(*actions: str, resource: str = "*") -> Principal:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return Principal(
        "arn:aws:iam::000000000000:role/r", "000000000000", policies=parse({"Statement": statement})
    )


@pytest.mark.parametrize(
    ("arn", "actions", "words"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:q", ("sqs:ReceiveMessage",), "call DeleteMessage on SQS"),
        (
            "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            ("kinesis:GetRecords",),
            "GetShardIterator, DescribeStream, ListShards, and ListStreams",
        ),
        (
            "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/1",
            ("kinesis:*",),
            "DescribeStream, and ListStreams",
        ),
    ],
    ids=["a queue", "a stream", "a table's stream"],
)
def test_a_role_without_a_permission_is_refused_as_aws_words_it(
    arn: str, actions: tuple[str, ...], words: str
) -> None:
    assert words in refusal(role(*actions), arn)
    service = arn.split(":")[2]
    assert refusal(role(f"{service}:*", resource=arn), arn) == ""
    assert refusal(role(f"{service}:*", resource=f"{arn}2"), arn) != ""


def test_a_queue_of_another_account_is_the_roles_side_only() -> None:
    assert refusal(role("sqs:*"), "arn:aws:sqs:us-east-1:111111111111:q") == ""


def test_other_sources_are_not_looked_at() -> None:
    assert refusal(role("s3:*"), "arn:aws:kafka:us-east-1:000000000000:cluster/c/1") == ""
