"""Which permission it takes to send something, and what Lambda says where it is missing."""

from __future__ import annotations

import pytest

from lambda_sandbox.iam import sending

HERE = "us-east-1:000000000000"


@pytest.mark.parametrize(
    ("target", "key", "action", "resource"),
    [
        (f"arn:aws:lambda:{HERE}:function:f:live", "", "lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:f:live"),
        (f"arn:aws:sqs:{HERE}:q", "", "sqs:SendMessage", f"arn:aws:sqs:{HERE}:q"),
        (f"arn:aws:sns:{HERE}:t", "", "sns:Publish", f"arn:aws:sns:{HERE}:t"),
        (f"arn:aws:events:{HERE}:event-bus/b", "", "events:PutEvents", f"arn:aws:events:{HERE}:event-bus/b"),
        ("arn:aws:s3:::bucket", "a/b", "s3:PutObject", "arn:aws:s3:::bucket/a/b"),
        (f"arn:aws:states:{HERE}:stateMachine:m", "", "states:StartExecution", f"arn:aws:states:{HERE}:stateMachine:m"),
    ],
)  # fmt: skip
def test_each_target_has_its_action(target: str, key: str, action: str, resource: str) -> None:
    asked = sending.needed(target, key)
    assert asked is not None
    assert (asked.action, asked.resource) == (action, resource)


def test_other_services_are_not_asked_about() -> None:
    assert sending.needed(f"arn:aws:kinesis:{HERE}:stream/s") is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("DeadLetterConfig", "The provided execution role does not have permissions to call Publish on SNS"),
        ("Mapping", "The function execution role does not have permissions to call Publish on SNS"),
        (
            "DestinationConfig",
            f"The function's execution role does not have permissions to call Publish on arn:aws:sns:{HERE}:t",
        ),
    ],
)
def test_each_setting_is_refused_in_its_own_words(setting: sending.Setting, said: str) -> None:
    assert sending.config_refusal(setting, f"arn:aws:sns:{HERE}:t") == said


def test_every_target_that_has_an_action_has_a_name() -> None:
    for service in ("lambda", "sqs", "sns", "events", "s3", "states"):
        assert "permissions to call" in sending.config_refusal("Mapping", f"arn:aws:{service}:{HERE}:x")
