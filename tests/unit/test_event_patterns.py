"""EventBridge's pattern language: what matches, what does not, and what is no pattern."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.event_patterns import EventPattern

# pattern, events that match, events that do not
CASES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "equal": ({"a": ["x"]}, [{"a": "x"}, {"a": "x", "b": 1}], [{"a": "X"}, {"a": 1}, {}, {"b": "x"}]),
    "number": ({"a": [3]}, [{"a": 3}, {"a": 3.0}], [{"a": "3"}, {"a": 4}]),
    "true is not 1": ({"a": [True]}, [{"a": True}], [{"a": 1}, {"a": "true"}]),
    "1 is not true": ({"a": [1]}, [{"a": 1}], [{"a": True}]),
    "null": ({"a": [None]}, [{"a": None}], [{}, {"a": ""}, {"a": 0}]),
    "empty": ({"a": [""]}, [{"a": ""}], [{"a": None}, {}]),
    "one of several": ({"a": ["x", "y"]}, [{"a": "y"}], [{"a": "z"}]),
    "all fields": ({"a": ["x"], "b": ["y"]}, [{"a": "x", "b": "y"}], [{"a": "x"}, {"a": "x", "b": "x"}]),
    "nested": ({"a": {"b": ["x"]}}, [{"a": {"b": "x"}}], [{"a": "x"}, {"a": {}}, {}]),
    "a value within a list": ({"a": ["x"]}, [{"a": ["y", "x"]}], [{"a": ["y"]}, {"a": []}]),
    "an object within a list": (
        {"a": {"b": ["x"], "c": [1]}},
        [{"a": [{"b": "y"}, {"b": "x", "c": 1}]}],
        [{"a": [{"b": "x"}, {"c": 1}]}],
    ),
    "or": (
        {"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 1]}]}], "c": ["z"]},
        [{"a": "x", "c": "z"}, {"b": 2, "c": "z"}],
        [{"a": "x"}, {"b": 1, "c": "z"}],
    ),
    "or within": ({"d": {"$or": [{"a": [1]}, {"b": [1]}]}}, [{"d": {"b": 1}}], [{"d": {}}, {"a": 1}]),
    "exists": ({"a": [{"exists": True}]}, [{"a": None}, {"a": 0}], [{}, {"a": {"b": 1}}]),
    "does not exist": ({"a": [{"exists": False}]}, [{}, {"b": 1}], [{"a": None}]),
    "does not exist within": (
        {"a": {"b": [{"exists": False}]}},
        [{}, {"a": {"c": 1}}],
        [{"a": {"b": 1}}, {"a": "text"}],
    ),
    "prefix": ({"a": [{"prefix": "us-"}]}, [{"a": "us-east-1"}], [{"a": "US-1"}, {"a": 1}, {}]),
    "prefix of any case": (
        {"a": [{"prefix": {"equals-ignore-case": "US-"}}]},
        [{"a": "us-east-1"}],
        [{"a": "eu"}],
    ),
    "suffix": ({"a": [{"suffix": ".png"}]}, [{"a": "i.png"}], [{"a": "i.PNG"}, {}]),
    "any case": ({"a": [{"equals-ignore-case": "Alice"}]}, [{"a": "aLICE"}], [{"a": "alic"}, {"a": None}]),
    "numeric": ({"a": [{"numeric": ["=", 5]}]}, [{"a": 5}, {"a": 5.0}], [{"a": "5"}, {"a": True}, {}]),
    "range": (
        {"a": [{"numeric": [">", 10, "<=", 20]}]},
        [{"a": 10.5}, {"a": 20}],
        [{"a": 10}, {"a": 21}, {"a": None}],
    ),
    "anything but": ({"a": [{"anything-but": ["x", 1]}]}, [{"a": "y"}, {"a": 2}], [{"a": "x"}, {"a": 1}, {}]),
    "anything but a prefix": (
        {"a": [{"anything-but": {"prefix": "init"}}]},
        [{"a": "running"}],
        [{"a": "initial"}, {}],
    ),
    "anything but suffixes": (
        {"a": [{"anything-but": {"suffix": [".png", ".jpg"]}}]},
        [{"a": "i.gif"}],
        [{"a": "i.jpg"}],
    ),
    "wildcard": ({"a": [{"wildcard": "d*/*.png"}]}, [{"a": "dir/x.png"}, {"a": "d/.png"}], [{"a": "d.png"}]),
    "escaped wildcard": ({"a": [{"wildcard": r"a\*b"}]}, [{"a": "a*b"}], [{"a": "axb"}]),
    "cidr": (
        {"a": [{"cidr": "10.0.0.0/24"}]},
        [{"a": "10.0.0.7"}],
        [{"a": "10.0.1.7"}, {"a": "no"}, {"a": 1}],
    ),
}


@pytest.mark.parametrize(("pattern", "matching", "other"), CASES.values(), ids=CASES.keys())
def test_pattern_matches_what_it_says(pattern: dict[str, Any], matching: list[Any], other: list[Any]) -> None:
    compiled = EventPattern(json.dumps(pattern))
    assert [event for event in matching if not compiled.matches(event)] == []
    assert [event for event in other if compiled.matches(event)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"a"',
        "{}",
        '{"a": "x"}',
        '{"a": 1}',
        '{"a": []}',
        '{"a": {}}',
        '{"a": [[1]]}',
        '{"a": [{}]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"suffix": []}]}',
        '{"a": [{"unknown": 1}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["~", 1]}]}',
        '{"a": [{"numeric": [">", "1"]}]}',
        '{"a": [{"numeric": ["<", 1, ">", 2]}]}',
        '{"a": [{"numeric": [">", 3, "<", 2]}]}',
        '{"a": [{"numeric": [">", 5000000001]}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": {"numeric": ["=", 1]}}]}',
        '{"a": [{"anything-but": [null]}]}',
        '{"a": [{"wildcard": "a**"}]}',
        '{"a": [{"cidr": "10.0.0.0/99"}]}',
        '{"$or": [{"a": [1]}]}',
        '{"$or": {"a": [1]}}',
        "[" * 100_000,
    ],
)
def test_text_that_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^.+$"):
        EventPattern(text)
