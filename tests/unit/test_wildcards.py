"""Stars in patterns: what they cover, and that no pattern holds up whoever compares it."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from lambda_sandbox import event_patterns, wildcards
from lambda_sandbox.front_doors import authorizer
from lambda_sandbox.iam import patterns
from lambda_sandbox.triggers import logs_values


def compiled(pattern: str) -> re.Pattern[str]:
    kinds = {"*": None, "?": "."}
    return re.compile(wildcards.expression(kinds.get(each, each) for each in pattern), re.DOTALL)


def test_covers_just_what_trying_every_way_covers() -> None:
    texts = ["".join(letters) for size in range(6) for letters in itertools.product("ab", repeat=size)]
    wanted = ["".join(letters) for size in range(6) for letters in itertools.product("a*b?", repeat=size)]
    for pattern in wanted:
        slow = re.compile(pattern.replace("?", ".").replace("**", "*").replace("**", "*").replace("*", ".*"))
        quick = compiled(pattern)
        for text in texts:
            assert bool(quick.fullmatch(text)) is bool(slow.fullmatch(text)), (pattern, text)


MANY = "*a" * 12 + "*b"
LONG = "a" * 200


@pytest.mark.timeout(20)  # it took longer than anybody waits
@pytest.mark.parametrize(
    "matched",
    [
        lambda: event_patterns.EventPattern(json.dumps({"a": [{"wildcard": MANY}]})).matches({"a": LONG}),
        lambda: patterns.matches(MANY, LONG, {}),
        lambda: patterns.matches("${aws:username}" + MANY, "ada" + LONG, {"aws:username": ("ada",)}),
        lambda: authorizer._pattern(MANY).fullmatch(LONG) is not None,
        lambda: logs_values.comparison("=", MANY)(LONG),
    ],
    ids=["event pattern", "policy", "policy with a variable", "authorizer", "log filter"],
)
def test_many_stars_take_a_moment(matched: object) -> None:
    assert callable(matched)
    assert matched() is False
