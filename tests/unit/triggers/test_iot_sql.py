"""AWS IoT SQL: what rules make of messages, value for value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.triggers import iot_topics
from lambda_sandbox.triggers.iot_functions import UNDEFINED, Message
from lambda_sandbox.triggers.iot_sql import parse

READING = {
    "temperature": 50,
    "label": "Fridge 7",
    "number": "12",
    "ok": True,
    "nothing": None,
    "colour": {"red": 255, "depth": {"bits": 8}},
    "tags": ["cold", "new"],
}


def result(sql: str, payload: Any = READING, topic: str = "shop/7/fridge") -> Any:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse(sql).result(Message(topic, data, 1_700_000_000_000))


@pytest.mark.parametrize(
    ("selected", "outcome"),
    [
        ("temperature", {"temperature": 50}),
        ("temperature AS t", {"t": 50}),
        ("colour.red", {"red": 255}),
        ("colour.depth.bits AS bits", {"bits": 8}),
        ('"colour".red AS r', {"r": 255}),
        ("missing, temperature", {"temperature": 50}),
        ("*, 1 AS one", {**READING, "one": 1}),
        ("temperature, 'x' AS temperature", {"temperature": "x"}),
        ("topic() AS a, topic(2) AS b, topic(9) AS c", {"a": "shop/7/fridge", "b": "7"}),
        ("timestamp() AS at", {"at": 1_700_000_000_000}),
        ("temperature + 1 AS a, temperature - 1.5 AS b", {"a": 51, "b": 48.5}),
        ("2 + 3 * 4 AS a, (2 + 3) * 4 AS b", {"a": 14, "b": 20}),
        ("7 / 2 AS a, 7 / 2.0 AS b, 7 % 4 AS c, 1 / 0 AS d", {"a": 3, "b": 3.5, "c": 3}),
        ("-temperature AS a, number * 2 AS b", {"a": -50, "b": 24}),
        ("'a' + temperature AS a", {"a": "a50"}),
        ("label + 1 AS a, nothing + 1 AS b", {"a": "Fridge 71"}),
        ("upper(label) AS a, length(label) AS b", {"a": "FRIDGE 7", "b": 8}),
        ("concat('a', 1, 'b') AS a, concat(tags, [1]) AS b", {"a": "a1b", "b": ["cold", "new", 1]}),
        ("get(tags, 0) AS a, get(tags, 5) AS b, get(colour, 'red') AS c", {"a": "cold", "c": 255}),
        ("substring(label, 0, 3) AS a, indexof(label, '7') AS b", {"a": "Fri", "b": 7}),
        ("startswith(label, 'Fri') AS a, endswith(label, 'x') AS b", {"a": True, "b": False}),
        ("regexp_matches(label, '[0-9]$') AS a", {"a": True}),
        ("round(2.5) AS a, floor(-2.5) AS b, ceil(2.1) AS c, abs(-3) AS d", {"a": 3, "b": -3, "c": 3, "d": 3}),
        ("isNull(nothing) AS a, isUndefined(missing) AS b, isNull(missing) AS c", {"a": True, "b": True, "c": False}),
        ("sqrt(-1) AS a, upper(missing) AS b", {}),
        ("{'t': temperature, 'm': missing} AS a, [1, missing, 'x'] AS b", {"a": {"t": 50}, "b": [1, "x"]}),
        ("encode('a', 'base64') AS a, decode('YQ==', 'base64') AS b", {"a": "YQ==", "b": "a"}),
        ("'it''s' AS a", {"a": "it's"}),
    ],
)  # fmt: skip
def test_select(selected: str, outcome: dict[str, Any]) -> None:
    assert result(f"SELECT {selected} FROM 'shop/#'") == outcome


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("temperature = 50", True),
        ("temperature <> 50", False),
        ("temperature >= 50 AND temperature < 51", True),
        ("temperature > 50 OR ok", True),
        ("NOT ok", False),
        ("number = 12", True),
        ("number > 9", True),
        ("label > 'Eggs'", True),
        ("label = 'fridge 7'", False),
        ("missing = 1", False),
        ("NOT (missing = 1)", False),
        ("missing <> 1", False),
        ("missing = 1 OR temperature = 50", True),
        ("'cold' IN tags", True),
        ("'hot' IN tags", False),
        ("7 IN [1, '7']", True),
        ("ok = true AND nothing = null", True),
        ("topic(2) = '7'", True),
        ("colour.depth.bits = 8", True),
        ("temperature", False),
    ],
)
def test_where(condition: str, met: bool) -> None:
    found = result(f"SELECT temperature FROM 'shop/#' WHERE {condition}")
    assert (found is not UNDEFINED) is met


def test_value_and_payloads_that_are_no_object() -> None:
    assert result("SELECT VALUE colour.red FROM 'a'") == 255
    assert result("SELECT VALUE * FROM 'a'", [1, 2]) == [1, 2]
    assert result("SELECT * FROM 'a'", 7) == 7
    assert result("SELECT * FROM 'a'", b"\xff\x00") == "/wA="
    assert result("SELECT a FROM 'a'", b"\xff\x00") == {}


@pytest.mark.parametrize(
    ("topic_filter", "topic", "taken"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("+/+", "/a", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$aws/events", False),
        ("$aws/#", "$aws/events", True),
        ("A/b", "a/b", False),
    ],
)
def test_topic_filters(topic_filter: str, topic: str, taken: bool) -> None:
    assert iot_topics.matches(topic_filter, topic) is taken


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT a[0] FROM 'a'", "get"),
        ("SELECT a FROM 'a' WHERE a != 1", "write <>"),
        ("SELECT topic(1, 2) FROM 'a'", "does not take 2 arguments"),
        ("SELECT a AS from FROM 'a'", "from is not a name"),
        ("SELECT a FROM", "ends too early"),
        ("SELECT a FROM 'a' WHERE", "ends too early"),
        ("SELECT a FROM ''", "empty"),
        ("SELECT " + "(" * 100 + "1", "nested more than"),
        ("SELECT a FROM 'a' -- why", "--|not expected"),
    ],
)
def test_what_cannot_be_read_says_why(sql: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(sql)
