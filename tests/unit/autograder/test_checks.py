"""Comparing: typed JSON and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.checks import CheckFailed, expect, expect_true, shown, wanted


class Same(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    ("got", "asked"),
    [
        (True, 1),
        (1, 1.0),
        (0, False),
        ("1", 1),
        (None, ""),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1, "b": None}),
        (float("nan"), float("nan")),
        (Same(3), 3),
        ({"a": [Same(3)]}, {"a": [3]}),
        ({1: "a"}, {"1": "a"}),
        ((1, 2), [1, 2]),
    ],
    ids=repr,
)
def test_values_of_other_kinds_are_never_equal(got: Any, asked: Any) -> None:
    with pytest.raises(CheckFailed):
        expect(got, wanted=asked, look_at="the kind")


@pytest.mark.parametrize("text", ['{"b": [1, 2.5, null], "a": true}', '"ä\\ud83d\\ude00"', "[]"])
def test_the_same_json_is_equal_in_any_key_order(text: str) -> None:
    value = json.loads(text)
    again = dict(reversed(value.items())) if isinstance(value, dict) else json.loads(text)
    expect(again, wanted=value, look_at="nothing")


def test_failure_says_wanted_got_and_look_at() -> None:
    with pytest.raises(CheckFailed, match=r'wanted: \{"id": "7"\} · got: \[\] · look at: the Key'):
        expect([], wanted={"id": "7"}, look_at="the Key")


def test_only_exactly_true_is_true() -> None:
    expect_true(True, wanted="so", got="so", look_at="it")
    with pytest.raises(CheckFailed):
        expect_true(1, wanted="so", got=1, look_at="it")  # type: ignore[arg-type]


def test_texts_are_shown_as_they_are() -> None:
    with pytest.raises(CheckFailed, match="wanted: an item · got: nothing · look at: put_item"):
        wanted("an item", "nothing", "put_item")


def test_foreign_object_is_shown_as_its_type_and_never_asked() -> None:
    class Loud:
        def __repr__(self) -> str:
            raise SystemExit

    assert shown(Loud()) == "a value of type Loud"


def test_value_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CheckFailed, match="nested too deeply"):
        expect(value, wanted=[], look_at="the list")
