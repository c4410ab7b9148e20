"""The certification pages say what the facts say, and the glossary's terms have pages that teach them."""

import re
from typing import Any

import pytest
import yaml

from docs_hooks import exams, glossary, traces
from docs_hooks.facts import load
from docs_hooks.interactive import script
from tests.docs.conftest import ROOT

DOCS = ROOT / "docs"
FACTS = load(DOCS / "facts")
TERMS = glossary.load(DOCS / "glossary.yaml")
TOPICS = yaml.safe_load((DOCS / "topics.yaml").read_text(encoding="utf-8"))
ROWS = {
    row["id"]: row
    for path in sorted((DOCS / "facts").glob("*.yaml"))
    for row in yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(row, dict) and "id" in row
}


def sheet_of(page: str) -> dict[str, list[tuple[str, list[str]]]]:
    meta = yaml.safe_load((DOCS / "certification" / f"{page}.md").read_text(encoding="utf-8").split("---")[1])
    return dict(meta["sheet"])


LINES = [
    line for page in ("cheat-sheet", "around-lambda") for lines in sheet_of(page).values() for line in lines
]
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORDS = {"one": "1", "two": "2", "three": "3", "six": "6"}


def numbers(value: Any) -> set[str]:
    text = str(value)
    for word, digit in _WORDS.items():
        text = re.sub(rf"\b{word}\b", digit, text)
    return {number.rstrip(",").replace(",", "").lstrip("0") or "0" for number in _NUMBER.findall(text)}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0][:40])
def test_every_number_of_a_sheet_is_in_a_fact_of_its_line(line: tuple[str, list[str]]) -> None:
    text, names = line
    known: set[str] = set()
    for name in names:
        assert FACTS[name].confidence != "unverified", name
        row = ROWS[name]
        known |= numbers((row["statement"], row["value"], row["quotes"], row.get("since")))
    # Words that hold digits, and the same time in another unit.
    said = numbers(re.sub(r"us-east-1|S3|Route 53|EC2", "", text))
    assert said <= known | ({"6"} if "21600" in known else set()) | ({"15"} if "900" in known else set())


@pytest.mark.parametrize("exam", exams.exams(), ids=lambda exam: exam.code)
def test_weights_add_up_and_every_task_is_in_a_domain(exam: exams.Exam) -> None:
    assert sum(domain.weight for domain in exam.domains) == 100
    assert {task[0] for task in exam.tasks} == {domain.key for domain in exam.domains}
    assert exam.scored < exam.questions


@pytest.mark.parametrize("exam", exams.exams(), ids=lambda exam: exam.code)
def test_the_table_of_tasks_has_every_task_and_counts_every_question(exam: exams.Exam) -> None:
    rows = [line for line in exams.tasks_table(exam).splitlines() if line.startswith("| ")][1:]
    assert [row.split()[1] for row in rows] == list(exam.tasks)
    counted = sum(int(row.split("|")[-2]) for row in rows if row.split("|")[-2].strip().isdigit())
    entries = [entry for question in exams.bank() for entry in question.exams if entry.exam == exam.code]
    assert counted == len(entries)


def test_a_page_of_no_exam_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"no exam has the page certification/sap-c02\.md"):
        exams.of_page("sap-c02")


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.slug)
def test_every_term_is_taught_on_a_page_of_the_course(term: glossary.Term) -> None:
    assert term.page in {page for topic in TOPICS for page in topic["pages"]}
    assert term.meaning.endswith(".")


def test_two_terms_with_one_anchor_are_an_error(tmp_path: Any) -> None:
    path = tmp_path / "glossary.yaml"
    path.write_text(
        "- {term: Cold start, meaning: x., page: a}\n- {term: cold-start, meaning: y., page: a}\n"
    )
    with pytest.raises(ValueError, match=r"glossary\.yaml: cold-start is there twice"):
        glossary.load(path)


def test_a_trace_is_the_same_each_time_it_is_made() -> None:
    assert traces.trace("burst", 16, 1500, "reserved-10") == traces.trace("burst", 16, 1500, "reserved-10")


def test_data_cannot_end_its_script_early() -> None:
    assert "</script>" not in script("x", {"text": "</script><script>alert(1)</script>"})
