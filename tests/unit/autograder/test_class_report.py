"""The report on a class, and the pairs that it shows side by side."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from autograder.class_report import Figures, bands, figures, most_missed, write_class_report
from autograder.gradebook import gradebook
from autograder.passed_over import PassedOver
from autograder.result import GRADED, Result
from autograder.roster import Student
from autograder.score import CheckResult
from autograder.similarity import near_identical

ANSWER = "def handler(event, context):\n    total = 0\n    for item in event['items']:\n        total += item['price'] * item['count']\n    return {'total': total}\n"
OTHER = (
    "import math\n\nhandler = lambda event, _: dict(total=math.fsum(x['price'] * x['count'] for x in event.get('items', ())))\n"
    * 2
)


def result(key: str, earned: int, got: str = "4") -> Result:
    check = CheckResult(
        "test_a", "Adds <b>", 2, earned, False, False, "passed" if earned == 2 else "failed", "5", got
    )
    return Result("03-environments", key, key, GRADED, (check,), student=key)


def notebook(path: Path, source: str) -> Path:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["answer:a"]})  # type: ignore[no-untyped-call]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)  # type: ignore[no-untyped-call]
    return path


def test_points_fall_into_ten_bands() -> None:
    counted = dict(bands([result("a", 0), result("b", 1), result("c", 2)]))
    assert {band: count for band, count in counted.items() if count} == {
        "0–10 %": 1,
        "50–60 %": 1,
        "90–100 %": 1,
    }


def test_figures_count_public_and_held_points_apart() -> None:
    held = CheckResult("test_h", "Held", 3, 3, True, False, "passed")
    both = replace(result("a", 2), checks=(*result("a", 2).checks, held))
    less = replace(result("b", 0), checks=(*result("b", 0).checks, replace(held, earned=0, outcome="failed")))
    assert figures([both, less, less]) == Figures(
        mean=pytest.approx(5 / 3),
        median=0,
        lowest=0,
        highest=5,
        public=(pytest.approx(2 / 3), 2),
        held=(1.0, 3),
    )
    assert figures([]) is None


def test_missed_checks_name_the_commonest_wrong_answers() -> None:
    [missed] = most_missed([result("a", 0), result("b", 0), result("c", 0, got="7"), result("d", 2)])
    assert (missed.failed, missed.of, missed.answers) == (3, 4, (("4", 2), ("7", 1)))


def test_a_copy_with_other_quotes_and_comments_is_found_and_another_idea_is_not() -> None:
    copied = ANSWER.replace("'", '"') + "# my own work\n"
    pairs = near_identical({"ada": ANSWER, "bo": copied, "cy": OTHER}, "")
    assert [(pair.first, pair.second) for pair in pairs] == [("ada", "bo")]


def test_a_thousand_equal_answers_are_as_many_pairs_and_no_more() -> None:
    pairs = near_identical({f"s{number:04}": ANSWER for number in range(1_000)}, "")
    assert len(pairs) == 999
    assert {pair.first for pair in pairs} == {"s0000"}


def test_answers_that_differ_in_a_few_characters_are_found_among_many_others() -> None:
    others = {
        f"o{number}": f"def solve_{number}(a):\n    return [{', '.join(str(number * k % 97) for k in range(60))}]\n"
        for number in range(1, 400)
    }
    close = ANSWER.replace("total += ", "total = total + ")
    pairs = near_identical({**others, "ada": ANSWER, "bo": close}, "")
    assert ("ada", "bo") in {(pair.first, pair.second) for pair in pairs}


def test_what_the_lab_gives_makes_nobody_alike() -> None:
    assert near_identical({"ada": ANSWER, "bo": ANSWER}, ANSWER) == []


LONG = "".join(
    f"def step_{n}(value):\n    small = value + {n}\n    return small * len(str(small))\n" for n in range(12)
)


def test_a_copy_with_other_names_is_found_and_another_program_is_not() -> None:
    copied = LONG.replace("small", "mine").replace("value", "given").replace("step_", "mine_too_")
    other = LONG.replace("len(str(small))", "int(str(small))")
    pairs = near_identical({"ada": LONG, "bo": copied, "cy": other}, "")
    assert [(pair.first, pair.second) for pair in pairs if pair.renamed] == [("ada", "bo")]
    assert ("ada", "bo") not in {(pair.first, pair.second) for pair in pairs if not pair.renamed}


def test_short_answers_that_differ_in_names_only_are_nobodys_copy() -> None:
    renamed = (
        ANSWER.replace("total", "sum_").replace("item", "x").replace("event", "e").replace("context", "c")
    )
    assert near_identical({"ada": ANSWER, "bo": renamed}, "") == []


def test_who_hands_in_the_labs_own_solution_is_named_once_and_not_in_pairs(tmp_path: Path) -> None:
    handed_in = {"ada": LONG, "bo": LONG, "cy": LONG + "x = 1\n", "dee": OTHER, "eve": OTHER}
    notebooks = {name: notebook(tmp_path / f"{name}.ipynb", text) for name, text in handed_in.items()}
    book = gradebook([result(name, 2) for name in handed_in], [], "Lab")
    starter, solution = notebook(tmp_path / "starter.ipynb", "..."), notebook(tmp_path / "own.ipynb", LONG)
    page = write_class_report(book, tmp_path, notebooks, starter, solution).read_text("utf-8")
    assert "(3; not paired with each other below): ada; bo; cy." in page
    assert page.count("<summary>") == 1
    assert "dee and eve: 100 %" in page


def test_wrong_answers_that_differ_in_the_requests_id_only_are_the_same() -> None:
    ids = "5f1c0e6a-0b1c-4d5e-8f90-0123456789ab", "62f77bc6-2ffc-48a6-bc99-cc1c1f928db2"
    [missed] = most_missed([result(each, 0, got=f'{{"requestId": "{each}"}}') for each in ids])
    assert missed.answers == (('{"requestId": "…"}', 2),)


def test_the_page_escapes_everything_and_loads_nothing(tmp_path: Path) -> None:
    evil = "</td><script>alert(1)</script>"
    results = [result("ada", 0, got=evil), result("bo", 0, got=evil)]
    notebooks = {
        name: notebook(tmp_path / f"{name}.ipynb", ANSWER + f"note = {evil!r}\n") for name in ("ada", "bo")
    }
    book = gradebook(results, [Student("ada", evil), Student("bo", "Bo")], evil)
    starter = notebook(tmp_path / "starter.ipynb", "...")
    page = write_class_report(book, tmp_path, notebooks, starter, starter).read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http:" not in page
    assert "Bo: 100 %" in page.replace("\n", " ")


def test_what_is_no_notebook_is_named_and_escaped(tmp_path: Path) -> None:
    students = [Student("ada", "Ada"), Student("bo", "Bo"), Student("cy", "Cy")]
    others = (PassedOver("Bo", "bo", ("<b>.pdf",)), PassedOver("a stranger", "", ("a.py",)))
    starter = notebook(tmp_path / "starter.ipynb", "...")
    book = gradebook([result("ada", 2)], students, "Lab")
    page = write_class_report(book, tmp_path, {}, starter, starter, others).read_text("utf-8")
    assert "Bo: &lt;b&gt;.pdf" in page
    assert "a stranger: a.py" in page
    assert page.count("no notebook</span>") == 1
    assert page.count("no submission</span>") == 1


@pytest.mark.timeout(120)  # it took hours
def test_two_endless_answers_that_are_nearly_the_same_hold_nobody_up(tmp_path: Path) -> None:
    def endless(factor: int) -> str:
        return "\n".join(f"x = [{'a, ' * 30}{number * factor}]" for number in range(1_900))

    notebooks = {
        name: notebook(tmp_path / f"{name}.ipynb", endless(factor))
        for name, factor in (("ada", 7), ("bo", 11))
    }
    book = gradebook([result("ada", 2), result("bo", 2)], [Student("ada", "Ada"), Student("bo", "Bo")], "Lab")
    starter = notebook(tmp_path / "starter.ipynb", "...")
    began = time.process_time()
    page = write_class_report(book, tmp_path, notebooks, starter, starter).read_text("utf-8")
    assert time.process_time() - began < 30
    assert "Ada and Bo: 97 %" in page.replace("\n", " ")
