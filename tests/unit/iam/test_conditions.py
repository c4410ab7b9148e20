"""Condition operators, wildcards and policy variables."""

from __future__ import annotations

import pytest

from lambda_sandbox.iam.conditions import Condition, is_known
from lambda_sandbox.iam.patterns import arn_matches, matches

CONTEXT = {
    "aws:username": ("ann",),
    "aws:sourceip": ("10.1.2.3",),
    "aws:sourcearn": ("arn:aws:sns:us-east-1:000000000000:news",),
    "aws:currenttime": ("2026-11-21T12:00:00Z",),
    "aws:epochtime": ("1795262400",),
    "aws:securetransport": ("false",),
    "s3:max-keys": ("10",),
    "aws:tagkeys": ("team", "stage"),
    "blob": ("aGVsbG8=",),
}


@pytest.mark.parametrize(
    ("operator", "key", "values", "holds"),
    [
        ("StringEquals", "aws:username", ("bob", "ann"), True),
        ("StringEquals", "AWS:UserName", ("ann",), True),
        ("StringEquals", "aws:username", ("Ann",), False),
        ("StringEqualsIgnoreCase", "aws:username", ("ANN",), True),
        ("StringNotEquals", "aws:username", ("bob",), True),
        ("StringNotEquals", "aws:username", ("bob", "ann"), False),
        ("StringLike", "aws:username", ("a?n",), True),
        ("StringLike", "aws:username", ("b*",), False),
        ("StringNotLike", "aws:username", ("b*",), True),
        ("StringEquals", "aws:username", ("${aws:username}",), True),
        ("ArnLike", "aws:SourceArn", ("arn:aws:sns:*:000000000000:news",), True),
        ("ArnLike", "aws:SourceArn", ("arn:aws:sns:*:news",), False),
        ("ArnNotEquals", "aws:SourceArn", ("arn:aws:sns:*:*:other",), True),
        ("Bool", "aws:SecureTransport", ("false",), True),
        ("Bool", "aws:SecureTransport", ("true",), False),
        ("NumericLessThanEquals", "s3:max-keys", ("10",), True),
        ("NumericGreaterThan", "s3:max-keys", ("10",), False),
        ("NumericEquals", "s3:max-keys", ("ten",), False),
        ("DateLessThan", "aws:CurrentTime", ("2026-11-22T00:00:00Z",), True),
        ("DateGreaterThan", "aws:EpochTime", ("2026-01-01T00:00:00Z",), True),
        ("DateEquals", "aws:CurrentTime", ("never",), False),
        ("IpAddress", "aws:SourceIp", ("10.0.0.0/8",), True),
        ("NotIpAddress", "aws:SourceIp", ("10.0.0.0/8",), False),
        ("IpAddress", "aws:SourceIp", ("no address",), False),
        ("BinaryEquals", "blob", ("aGVsbG8=",), True),
        ("Null", "aws:username", ("false",), True),
        ("Null", "aws:missing", ("true",), True),
        ("Null", "aws:missing", ("false",), False),
        ("StringEquals", "aws:missing", ("a",), False),
        ("StringNotEquals", "aws:missing", ("a",), True),
        ("StringEqualsIfExists", "aws:missing", ("a",), True),
        ("StringEqualsIfExists", "aws:username", ("bob",), False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ("team", "stage", "more"), True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ("team",), False),
        ("ForAllValues:StringEquals", "aws:missing", ("team",), True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ("team",), True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ("other",), False),
        ("ForAnyValue:StringEquals", "aws:missing", ("team",), False),
        ("StringAlmost", "aws:username", ("ann",), False),
    ],
)
def test_a_condition_holds_as_iam_says(operator: str, key: str, values: tuple[str, ...], holds: bool) -> None:
    assert Condition(operator, key, values).holds(CONTEXT) is holds


def test_operators_are_known_with_their_prefixes_and_suffixes() -> None:
    known = ("StringLike", "ForAnyValue:StringNotLikeIfExists", "Null", "ForAllValues:ArnLike")
    assert all(map(is_known, known))
    assert not is_known("StringAlmost")


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("*", "anything:at/all", True),
        ("a*c", "abbbc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("home/${aws:username}/*", "home/ann/file", True),
        ("home/${aws:username}/*", "home/bob/file", False),
        ("home/${aws:nobody}/*", "home/ann/file", False),
        ("home/${aws:nobody, 'guest'}", "home/guest", True),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("cost$", "cost$", True),
    ],
)
def test_wildcards_and_variables_cover_the_whole_text(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value, CONTEXT) is expected


def test_what_stands_for_a_variable_is_no_pattern() -> None:
    assert matches("${aws:username}", "*", {"aws:username": ("*",)})
    assert not matches("${aws:username}", "bob", {"aws:username": ("*",)})


def test_wildcards_of_arns_stop_at_colons() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert arn_matches("arn:aws:lambda:*:*:function:*", arn, {})
    assert not arn_matches("arn:*:function:f", arn, {})
    assert not arn_matches("arn:aws:lambda:*:*:function:*", "no arn", {})
