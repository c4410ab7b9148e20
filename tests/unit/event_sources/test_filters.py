from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.event_sources.filters import RecordFilter


def record(body: str) -> dict[str, Any]:
    return {"messageId": "1", "body": body, "attributes": {"SenderId": "me"}}


def passes(body: str, *patterns: dict[str, Any]) -> bool:
    return RecordFilter([json.dumps(each) for each in patterns], "body").passes(record(body))


def test_without_filters_everything_passes() -> None:
    assert passes("anything")


def test_one_of_the_filters_is_enough() -> None:
    assert passes('{"size": 7}', {"body": {"size": [1]}}, {"body": {"size": [7]}})
    assert not passes('{"size": 8}', {"body": {"size": [1]}}, {"body": {"size": [7]}})


@pytest.mark.parametrize(
    ("body", "pattern", "expected"),
    [
        ('{"city": "Bern"}', {"body": {"city": ["Bern"]}}, True),
        ("plain", {"body": ["plain"]}, True),
        ("plain", {"body": [{"prefix": "pl"}]}, True),
        ("other", {"body": ["plain"]}, False),
        ("plain", {"body": {"city": ["Bern"]}}, False),
        ("plain", {"body": {"city": [{"exists": False}]}}, False),
        ('{"city": "Bern"}', {"body": [{"prefix": "{"}]}, False),
        ("7", {"body": ["7"]}, True),
        ("plain", {"attributes": {"SenderId": ["me"]}}, True),
        ('{"city": "Bern"}', {"attributes": {"SenderId": ["you"]}}, False),
    ],
    ids=[
        "JSON with fields",
        "text with text",
        "text with an operator",
        "other text",
        "text with fields",
        "text with a field that must be absent",
        "JSON with text",
        "a number is text",
        "no word on the body",
        "another sender",
    ],
)
def test_body_and_pattern_are_of_the_same_sort(body: str, pattern: dict[str, Any], expected: bool) -> None:
    assert passes(body, pattern) is expected
