"""A template's notifications in the API's words."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.services.cloudformation.bucket_notifications import api_form

RULES = [{"Name": "suffix", "Value": ".csv"}]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, {}),
        (
            {
                "LambdaConfigurations": [
                    {"Event": "e", "Function": "f", "Filter": {"S3Key": {"Rules": RULES}}}
                ]
            },
            {
                "LambdaFunctionConfigurations": [
                    {"LambdaFunctionArn": "f", "Events": ["e"], "Filter": {"Key": {"FilterRules": RULES}}}
                ]
            },
        ),
        (
            {
                "QueueConfigurations": [{"Event": "e", "Queue": "q"}],
                "TopicConfigurations": [{"Event": "e", "Topic": "t"}],
            },
            {
                "QueueConfigurations": [{"QueueArn": "q", "Events": ["e"]}],
                "TopicConfigurations": [{"TopicArn": "t", "Events": ["e"]}],
            },
        ),
        ({"EventBridgeConfiguration": {"EventBridgeEnabled": "true"}}, {"EventBridgeConfiguration": {}}),
        ({"EventBridgeConfiguration": {"EventBridgeEnabled": False}}, {}),
    ],
    ids=["nothing", "functions with a filter", "queues and topics", "EventBridge on", "EventBridge off"],
)
def test_each_kind_of_target_has_the_apis_name(given: Any, wanted: dict[str, Any]) -> None:
    assert api_form(given) == wanted


def test_a_key_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"extraneous key \[Functions\] is not permitted"):
        api_form({"Functions": []})
