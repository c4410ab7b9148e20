"""The bank of exam questions: well formed, resting on facts, no two alike, and not to be guessed from its form."""

import ast
import itertools
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml
from rapidfuzz import fuzz, process

from docs_hooks import exams, facts, questions
from docs_hooks.questions import Question
from tests.docs.conftest import ROOT

DOCS = ROOT / "docs"
BANK = questions.load(DOCS / "certification" / "questions")
FACTS = facts.load(DOCS / "facts")
TOPICS = {row["key"]: row for row in yaml.safe_load((DOCS / "topics.yaml").read_text(encoding="utf-8"))}
PAGES = {page for topic in TOPICS.values() for page in topic["pages"]}


def facts_of(page: Path) -> set[str]:
    """Return the facts that a page names at its head, by themselves or behind the lines of a sheet."""
    head = re.match(r"---\n(.*?)^---$", page.read_text(encoding="utf-8"), re.S | re.M)
    meta = yaml.safe_load(head[1]) if head else {}
    sheet = (names for lines in meta.get("sheet", {}).values() for _, names in lines)
    return set(meta.get("facts", [])).union(*sheet)


TAUGHT = set().union(*(facts_of(DOCS / page) for page in PAGES | {"certification/cheat-sheet.md"}))
LABS = {lab for topic in TOPICS.values() for lab in topic["labs"]}
EXAM_OF = {"saa": "SAA-C03", "clf": "CLF-C02", "dva": "DVA-C02"}


def tasks_of(exam: str) -> set[str]:
    name = f"c-{exam.split('-')[0].lower()}-tasks"
    rows = yaml.safe_load((DOCS / "facts" / "certification.yaml").read_text(encoding="utf-8"))
    return set(next(row for row in rows if row["id"] == name)["value"])


# Topics that an exam asks about: CLF-C02 stays away from code, and no exam asks about certification itself.
EVERY_TOPIC = set(TOPICS) - {"certification"}
TOUCHED = {
    "SAA-C03": EVERY_TOPIC - {"faas", "handler"},
    "CLF-C02": EVERY_TOPIC - {"handler", "environments", "layers", "invocation", "streams"},
    "DVA-C02": EVERY_TOPIC - {"serverless", "faas", "managed", "misconceptions", "edge"},
}
# Task statements to which serverless services belong.
SERVERLESS_TASKS = {
    "SAA-C03": {"1.1", "1.2", "1.3", "2.1", "2.2", "3.2", "3.3", "3.4", "3.5", "4.2", "4.4"},
    "CLF-C02": {"1.1", "1.2", "1.3", "1.4", "2.1", "2.3", "3.1", "3.2", "3.3", "3.4", "3.8", "4.1", "4.2"},
    # All thirteen: the developer guide speaks of encryption and of tests in the pipeline for serverless code as well.
    "DVA-C02": tasks_of("DVA-C02"),
}
each_question = pytest.mark.parametrize("question", BANK, ids=lambda question: question.id)


def asked_by(exam: str) -> list[Question]:
    return [question for question in BANK if any(entry.exam == exam for entry in question.exams)]


def written_for(*prefixes: str) -> list[Question]:
    return [question for question in BANK if question.id.split("-")[0] in prefixes]


# --- each question ---


@each_question
def test_every_fact_page_lab_and_topic_is_known(question: Question) -> None:
    assert question.topic in TOPICS
    assert question.page in PAGES
    assert question.lab is None or question.lab in LABS
    for fact in question.facts:
        assert fact in FACTS, fact
        assert FACTS[fact].confidence != "unverified", fact


@each_question
def test_a_question_rests_on_nothing_that_no_page_teaches(question: Question) -> None:
    """The exams' page promises it: what a question is about stands somewhere in the course."""
    assert set(question.facts) <= TAUGHT


@each_question
def test_every_task_is_one_of_the_exams_guide(question: Question) -> None:
    for entry in question.exams:
        assert entry.task in tasks_of(entry.exam), entry


@each_question
def test_id_file_and_exam_agree(question: Question) -> None:
    prefix = question.id.split("-")[0]
    assert question.file.startswith(f"{prefix}-")
    assert EXAM_OF[prefix] in {entry.exam for entry in question.exams}


@each_question
def test_one_of_four_is_right_or_two_of_five_as_the_scenario_says(question: Question) -> None:
    says_two = "Choose TWO" in question.scenario
    assert (len(question.right), len(question.options)) == ((2, 5) if says_two else (1, 4))


@each_question
def test_the_scenario_is_a_situation_and_a_question(question: Question) -> None:
    assert 30 <= len(question.scenario.split()) <= 120
    assert re.search(r"\?( \(?Choose TWO\.?\)?)?$", question.scenario)


@each_question
def test_the_options_differ_and_each_stands_alone(question: Question) -> None:
    texts = [option.text for option in question.options]
    assert len({text.casefold() for text in texts}) == len(texts)
    for text in texts:
        assert not re.search(r"\b(all|none|both|any) of the (above|others)\b", text, re.I)
    assert len({option.why for option in question.options}) == len(texts)


WITH_CODE = [question for question in BANK if question.code]
each_with_code = pytest.mark.parametrize("question", WITH_CODE, ids=lambda question: question.id)


class CloudFormation(yaml.SafeLoader):
    """YAML with the short forms of intrinsic functions."""


CloudFormation.add_multi_constructor("!", lambda loader, suffix, node: f"{suffix} {node.value}")


@each_with_code
def test_the_code_of_a_question_is_written_in_its_language(question: Question) -> None:
    code = question.code
    assert code is not None
    match code.language:
        case "python":
            ast.parse(code.text)
        case "json":
            json.loads(code.text)
        case "yaml":
            assert isinstance(yaml.load(code.text, CloudFormation), dict | list)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js reads the JavaScript")
def test_the_javascript_of_the_questions_is_javascript(tmp_path: Path) -> None:
    scripts = [question for question in WITH_CODE if question.code and question.code.language == "javascript"]
    assert scripts
    for question in scripts:
        path = tmp_path / f"{question.id}.mjs"
        path.write_text(question.code.text if question.code else "", encoding="utf-8")
        done = subprocess.run(["node", "--check", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@each_with_code
def test_the_code_of_a_question_fits_a_narrow_page_and_has_few_lines(question: Question) -> None:
    lines = question.code.text.splitlines() if question.code else []
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 88


# --- the bank as a whole ---


def test_a_file_that_breaks_the_schema_is_refused_with_the_questions_name(tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    folder.mkdir()
    schema = DOCS / "certification" / "questions.schema.json"
    (tmp_path / "questions.schema.json").write_text(schema.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "saa-x.yaml").write_text("- {id: saa-x-01, difficulty: 4}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"saa-x\.yaml: saa-x-01"):
        questions.load(folder)


def test_an_id_is_given_once(tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    folder.mkdir()
    schema = DOCS / "certification" / "questions.schema.json"
    (tmp_path / "questions.schema.json").write_text(schema.read_text(encoding="utf-8"), encoding="utf-8")
    source = DOCS / "certification" / "questions" / BANK[0].file
    for name in ("saa-a.yaml", "saa-b.yaml"):
        (folder / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"is in saa-a\.yaml already"):
        questions.load(folder)


@pytest.mark.parametrize(
    ("prefixes", "wanted"),
    [(("saa",), 75), (("saa", "clf"), 120), (("dva",), 100)],
    ids=["saa", "saa+clf", "dva"],
)
def test_there_are_as_many_questions_as_promised(prefixes: tuple[str, ...], wanted: int) -> None:
    assert len(written_for(*prefixes)) >= wanted


@pytest.mark.parametrize("exam", TOUCHED)
def test_every_topic_of_an_exam_is_asked_about(exam: str) -> None:
    assert TOUCHED[exam] <= {question.topic for question in asked_by(exam)}


@pytest.mark.parametrize("exam", SERVERLESS_TASKS)
def test_every_task_about_serverless_is_asked_about(exam: str) -> None:
    asked = {entry.task for question in BANK for entry in question.exams if entry.exam == exam}
    assert asked >= SERVERLESS_TASKS[exam]


@pytest.mark.parametrize("exam", exams.exams(), ids=lambda exam: exam.code)
def test_a_whole_mock_exam_can_be_filled_by_the_weights_of_its_domains(exam: exams.Exam) -> None:
    """A question counts for the first task that it names of the exam, as the mock exam counts it."""
    firsts = (next(e.task for e in q.exams if e.exam == exam.code) for q in asked_by(exam.code))
    found = Counter(task.split(".")[0] for task in firsts)
    for domain in exam.domains:
        assert found[domain.key] >= exam.questions * domain.weight // 100, (domain, found)


@pytest.mark.parametrize("prefix", EXAM_OF)
def test_difficulties_are_mixed(prefix: str) -> None:
    found = Counter(question.difficulty for question in written_for(prefix))
    assert all(found[level] >= 0.1 * found.total() for level in (1, 2, 3)), found


@pytest.mark.parametrize("prefix", EXAM_OF)
@pytest.mark.parametrize("count", [4, 5])
def test_the_right_answer_stands_at_every_place_about_as_often(prefix: str, count: int) -> None:
    """No place holds more than its fair share by half, so that always ticking the same box gains next to nothing."""
    places = [place for q in written_for(prefix) if len(q.options) == count for place in q.right]
    assert len(places) >= 2 * count
    fair = len(places) / count
    assert all(fair / 2 <= places.count(place) <= fair * 1.5 for place in range(count)), Counter(places)


@pytest.mark.parametrize("prefix", EXAM_OF)
@pytest.mark.parametrize("extreme", [max, min], ids=["longest", "shortest"])
def test_the_length_of_an_option_does_not_give_it_away(
    prefix: str, extreme: Callable[[Iterable[int]], int]
) -> None:
    """Who always ticks the longest (or the shortest) does no better than one who guesses, within two deviations."""
    hits = expected = variance = 0.0
    for question in written_for(prefix):
        lengths = [len(option.text) for option in question.options]
        edge = extreme(lengths)
        tied = [option for option, length in zip(question.options, lengths, strict=True) if length == edge]
        hits += sum(option.right for option in tied) / len(tied)
        chance = len(question.right) / len(question.options)
        expected += chance
        variance += chance * (1 - chance)
    assert hits <= expected + 2 * variance**0.5


# --- no two alike ---

# Calibrated on the bank's own questions. The likest honest pair of scenarios scores 64 and of option sets 73, since
# they speak of the same services; a copy with every sixth word changed and its sentences moved scores 75 or more for
# 19 of 20 questions. Words are sorted first, because a copy with its sentences moved is still a copy.
ALIKE = 75.0
CAUGHT = 0.95


def words(text: str) -> str:
    return re.sub(r"[^a-z0-9 ]+", " ", text.casefold())


def likeness(one: str, other: str) -> float:
    return fuzz.token_sort_ratio(words(one), words(other))


def all_options(question: Question) -> str:
    return " ".join(sorted(option.text for option in question.options))


def alike(texts: list[str]) -> list[tuple[int, int]]:
    plain = [words(text) for text in texts]
    scores = process.cdist(plain, plain, scorer=fuzz.token_sort_ratio, score_cutoff=ALIKE)
    return [(i, j) for i, j in itertools.combinations(range(len(plain)), 2) if scores[i][j] >= ALIKE]


@pytest.mark.parametrize("part", ["scenario", "options"])
def test_no_two_questions_are_alike(part: str) -> None:
    texts = [question.scenario if part == "scenario" else all_options(question) for question in BANK]
    assert [(BANK[i].id, BANK[j].id) for i, j in alike(texts)] == []


@pytest.mark.parametrize("part", ["scenario", "options"])
def test_a_question_reworded_for_another_business_is_found(part: str) -> None:
    texts = [question.scenario if part == "scenario" else all_options(question) for question in BANK]
    caught = [likeness(text, reworded(text)) >= ALIKE for text in texts]
    assert sum(caught) >= CAUGHT * len(caught)


def reworded(text: str) -> str:
    """Change every sixth word and the order of the sentences, as somebody would who fills a bank with copies."""
    sentences = re.split(r"(?<=[.?]) ", text)
    changed = " ".join(sentences[1:] + sentences[:1]).split()
    return " ".join("other" if place % 6 == 0 else word for place, word in enumerate(changed))
