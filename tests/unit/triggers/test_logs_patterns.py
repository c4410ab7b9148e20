"""The three pattern languages of CloudWatch Logs, on lines as functions and web servers write them."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.triggers.logs_patterns import FilterPattern

ACCESS = '10.0.0.7 - ana [10/Oct/2026:13:55:36 +0000] "GET /quote HTTP/1.1" 404 1534'
ORDER = json.dumps(
    {
        "level": "ERROR",
        "total": 75.5,
        "paid": False,
        "coupon": None,
        "ip": "123.123.7.8",
        "items": [{"sku": "a-1", "n": 2}, {"sku": "b-2", "n": 7}],
        "user": {"id": 17, "first.name": "Ana"},
    }
)


@pytest.mark.parametrize(
    ("pattern", "line", "taken"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "[ERROR 400] bad request", True),
        ("ERROR", "error", False),
        ("ERROR disk", "disk ERROR", True),
        ("ERROR disk", "ERROR", False),
        ("?ERROR ?WARN", "WARN low", True),
        ("?ERROR ?WARN", "INFO", False),
        ("ERROR ?WARN", "ERROR", True),
        ("ERROR -EXITING", "ERROR EXITING", False),
        ("-EXITING", "running", True),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR", True),
        ('"a \\"b\\""', 'a "b"', True),
        ("%4[0-9]{2}%", "status 404", True),
        ("%^4[0-9]{2}%", "status 404", False),
        ("größe", "größe 7", True),
    ],
)
def test_terms(pattern: str, line: str, taken: bool) -> None:
    assert (FilterPattern(pattern).match(line) is not None) is taken


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERR* }", True),
        ('{ $.level != "INFO" }', True),
        ("{ $.total > 75 }", True),
        ("{ $.total >= 7.55e1 }", True),
        ("{ $.total < 75 }", False),
        ("{ $.ip = 123.123.* }", True),
        ("{ $.ip != 10.* }", True),
        ("{ $.paid IS FALSE }", True),
        ("{ $.paid IS TRUE }", False),
        ("{ $.coupon IS NULL }", True),
        ("{ $.voucher IS NULL }", False),
        ("{ $.voucher NOT EXISTS }", True),
        ("{ $.level NOT EXISTS }", False),
        ('{ $.voucher != "x" }', False),
        ('{ $.items[1].sku = "b-2" }', True),
        ('{ $.items[2].sku = "b-2" }', False),
        ("{ $.items[*].n > 5 }", True),
        ("{ $.user.* = 17 }", True),
        ("{ $.user.['first.name'] = \"Ana\" }", True),
        ("{ $.user.id = 17 && ($.total < 1 || $.paid IS FALSE) }", True),
        ("{ $.user.id = 18 || $.total < 1 && $.paid IS FALSE }", False),
        ("{ $.ip = %^123\\.[0-9]+% }", True),
        ("{ $.items = * }", False),
    ],
)
def test_fields_of_json(pattern: str, taken: bool) -> None:
    assert (FilterPattern(pattern).match(ORDER) is not None) is taken


def test_a_line_that_is_no_json_meets_no_json_pattern() -> None:
    for line in ("ERROR", "7", '{"a": ', ""):
        assert FilterPattern("{ $.a NOT EXISTS }").match(line) is None


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("[ip, identity, user, moment, request, status, size]", True),
        ("[ip, user]", False),
        ("[ip, ...]", True),
        ("[..., status = 404, size]", True),
        ("[..., status = 4*, size > 1000]", True),
        ("[..., status = 5* || status = 404, size]", True),
        ("[..., status >= 400 && status < 500, size]", True),
        ("[ip = 10.0.*, ..., size < 10]", False),
        ('[ip, identity, user != "bo", ...]', True),
        ("[ip, identity, user, moment, request = %^GET% , status, size]", True),
        ('[ip, identity, user, moment, request = "*, quote*", status, size]', False),
    ],
)
def test_fields_of_a_space_delimited_line(pattern: str, taken: bool) -> None:
    assert (FilterPattern(pattern).match(ACCESS) is not None) is taken


def test_values_of_what_was_matched() -> None:
    spaced = FilterPattern("[ip, ..., status, size]").match(ACCESS)
    assert spaced is not None
    assert (spaced.value("$size"), spaced.value("$status"), spaced.value("$nothing")) == ("1534", "404", None)
    found = FilterPattern("{ $.total = * }").match(ORDER)
    assert found is not None
    assert (found.value("$.total"), found.value("$.user.id"), found.value("$.nothing")) == (75.5, 17, None)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("task-id", "double quotes"),
        ('"open', "quotation mark"),
        ("{ $.a = 1", "does not end"),
        ("{ }", "ends too early"),
        ("{ $.a }", "ends too early"),
        ("{ $.a = 1 $.b = 2 }", "not expected"),
        ("{ ($.a = 1 }", "ends too early"),
        ('{ $.a > "x" }', "compares with a number"),
        ("{ $.a NOT TRUE }", "none of"),
        ("{ $.*.* = 1 }", "at most one"),
        ("{ $.a = %x% && $.b = %y% && $.c = %z% }", "at most 2 regular"),
        ("%[%", "not a regular expression"),
        ("[a, b c]", "neither a name nor"),
        ("[a, x = 1 || y = 2]", "more than one field"),
        ("x" * 1025, "1024 characters"),
    ],
)
def test_a_pattern_that_cannot_be_read_says_why(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        FilterPattern(pattern)
