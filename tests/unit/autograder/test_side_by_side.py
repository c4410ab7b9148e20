"""The table of two texts beside each other: what it shows, what it escapes, and how long it takes at worst."""

from __future__ import annotations

import re
import time

import pytest

from autograder.side_by_side import MOST_LINES, table

_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_TEXT = re.compile(r'<td class="diff_header">(.*?)</td><td>(.*?)</td>', re.DOTALL)


def rows(first: str, second: str) -> list[list[tuple[str, str]]]:
    """Return number and text of both cells of each row."""
    return [_TEXT.findall(row) for row in _ROW.findall(table(first, second))]


def test_equal_lines_stand_beside_each_other_and_others_are_marked() -> None:
    assert rows("a\nold\nc", "a\nc\nnew") == [
        [("1", "a"), ("1", "a")],
        [("2", '<span class="diff_sub">old</span>'), ("", "")],
        [("3", "c"), ("2", "c")],
        [("", ""), ("3", '<span class="diff_add">new</span>')],
    ]


def test_of_a_changed_line_the_change_is_marked() -> None:
    assert rows("x = 1 + y", "x = 2 + y") == [
        [("1", 'x = <span class="diff_chg">1</span> + y'), ("1", 'x = <span class="diff_chg">2</span> + y')]
    ]


def test_nothing_in_it_is_markup() -> None:
    page = table("<script>\n<b>&", "</td><img>\n<b>&amp;")
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;b&gt;&amp;amp;" in page.replace('<span class="diff_chg">', "").replace("</span>", "")


def test_what_is_too_long_is_counted() -> None:
    page = table("x\n" * (MOST_LINES + 7), "x\n")
    assert "7 more lines are not shown" in page


@pytest.mark.timeout(60)
def test_a_thousand_lines_that_are_all_alike_take_a_moment() -> None:
    first, second = (
        "\n".join(f"x = [{'a, ' * 30}{number * factor}]" for number in range(1_000))
        for factor in (7919, 104729)
    )
    began = time.process_time()
    table(first, second)
    assert time.process_time() - began < 10
