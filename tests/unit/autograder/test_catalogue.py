"""What checks say of themselves, and which of them a change of the source touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.catalogue import read_checks
from autograder.errors import GraderFault

SOURCE = '''"""Checks."""
import pytest
from autograder.checks import expect

RATE = 3

def twice(value):
    return value * 2

def rated(value):
    return twice(value) * RATE

@pytest.fixture
def order():
    return {"id": 1}

@pytest.mark.points(2)
def test_sum(submission):
    """The sum

    Because adding
    is the point.

    A third paragraph.
    """
    expect(rated(1), wanted=6, look_at="it")

@pytest.mark.points(1)
@pytest.mark.held
def test_order(order):
    """The order"""
    expect(order["id"], wanted=1, look_at="it")

@pytest.mark.given
def test_plain():
    expect(1, wanted=1, look_at="it")
'''


def digests(folder: Path, source: str) -> dict[str, str]:
    (folder / "test_all.py").write_text(source)
    return {name: check.digest for name, check in read_checks(folder).items()}


def test_title_why_and_marks_are_read_from_the_source(tmp_path: Path) -> None:
    digests(tmp_path, SOURCE)
    checks = read_checks(tmp_path)
    assert [(check.title, check.why, check.held, check.given) for check in checks.values()] == [
        ("The sum", "Because adding is the point.", False, False),
        ("The order", "", True, False),
        ("plain", "", False, True),
    ]


@pytest.mark.parametrize(
    ("before", "after", "touched"),
    [
        ("wanted=6", "wanted=7", {"test_sum"}),
        ("value * 2", "value + value", {"test_sum"}),
        ("RATE = 3", "RATE = 4", {"test_sum"}),
        ('{"id": 1}', '{"id": 2}', {"test_order"}),
        ("points(1)", "points(3)", {"test_order"}),
        (
            "import pytest\n",
            "import pytest\npytestmark = [pytest.mark.given]\n",
            {"test_sum", "test_order", "test_plain"},
        ),
        ("    return twice", "    # a remark\n\n    return twice", set()),
        ('"""Checks."""', '"""All the checks."""', set()),
    ],
    ids=[
        "a check itself",
        "a function two calls away",
        "a constant",
        "a fixture",
        "a mark",
        "a mark on all",
        "a comment",
        "the file's docstring",
    ],
)
def test_a_change_touches_the_checks_that_use_it(
    tmp_path: Path, before: str, after: str, touched: set[str]
) -> None:
    first = digests(tmp_path, SOURCE)
    assert before in SOURCE
    second = digests(tmp_path, SOURCE.replace(before, after))
    assert {name for name in second if second[name] != first.get(name)} == touched


def test_a_module_or_a_data_file_beside_the_checks_touches_all(tmp_path: Path) -> None:
    first = digests(tmp_path, SOURCE)
    (tmp_path / "shop.py").write_text("PRICE = 1\n")
    second = digests(tmp_path, SOURCE)
    (tmp_path / "prices.json").write_text("{}")
    third = digests(tmp_path, SOURCE)
    assert all(len({first[name], second[name], third[name]}) == 3 for name in first)


def test_a_file_that_is_no_python_is_a_fault_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "test_all.py").write_text("def test_(:\n")
    with pytest.raises(GraderFault, match=r"test_all\.py cannot be read"):
        read_checks(tmp_path)
