"""Comparing: typed JSON and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
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


@pytest.mark.parametrize(
    ("got", "asked"), [(1.0, 1), (0, -0.0), ({"a": [2.0]}, {"a": [2]}), (1e300, 10**300)], ids=repr
)
def test_a_whole_float_is_its_int_only_where_the_check_says_so(got: Any, asked: Any) -> None:
    if asked != 10**300:  # whose float is another number
        expect(got, wanted=asked, look_at="it", numbers_alike=True)
    with pytest.raises(CheckFailed):
        expect(got, wanted=asked, look_at="it")


@pytest.mark.parametrize(
    ("got", "asked"), [(True, 1), (True, 1.0), (1.5, 1), ("1", 1), (float("inf"), 1)], ids=repr
)
def test_numbers_alike_are_still_numbers(got: Any, asked: Any) -> None:
    with pytest.raises(CheckFailed):
        expect(got, wanted=asked, look_at="it", numbers_alike=True)


def test_negative_zero_is_zero() -> None:
    expect(-0.0, wanted=0.0, look_at="round(-0.001, 2)")


@pytest.mark.parametrize(
    "value", [10**4_300, -(10**9_999), 1 << 800_000], ids=["limit", "negative", "hexadecimal"]
)
def test_number_too_long_to_be_written_fails_its_check_and_nothing_else(value: int) -> None:
    with pytest.raises(CheckFailed, match="too long to be shown"):
        expect({"n": [value]}, wanted={"n": [1]}, look_at="n")
    assert shown(value) == "a value of type int"


def test_object_with_its_own_class_and_hash_is_never_asked() -> None:
    class Liar(dict[str, int]):
        __class__ = dict  # type: ignore[assignment]

        def items(self) -> Any:
            raise SystemExit

        def __eq__(self, other: object) -> bool:
            raise SystemExit

    with pytest.raises(CheckFailed, match="a value of type Liar, which JSON does not have"):
        expect(Liar(a=1), wanted={"a": 1}, look_at="the kind")


def test_failure_says_wanted_got_and_look_at() -> None:
    with pytest.raises(CheckFailed, match=r'wanted: \{"id": "7"\} · got: \[\] · look at: the Key'):
        expect([], wanted={"id": "7"}, look_at="the Key")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: expect(None, wanted={"total": 3}, look_at="the handler"),
        lambda: expect_true(False, wanted="an answer", got=None, look_at="the handler"),
        lambda: wanted("an answer", None, "the handler"),
    ],
    ids=["expect", "expect_true", "wanted"],
)
def test_nothing_returned_is_said_in_words(ask: Callable[[], None]) -> None:
    with pytest.raises(CheckFailed, match=r"got: null \(None in Python: nothing was returned, or"):
        ask()


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
