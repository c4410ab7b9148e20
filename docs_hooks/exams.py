"""The three exams: their facts, and which page, lab and question belongs to which task of their guides."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs_hooks import facts, lab_list, questions
from docs_hooks.questions import Question

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
# Code of the exam, what it is called, its two facts in docs/facts/certification.yaml, and its page.
_EXAMS = (
    ("SAA-C03", "Solutions Architect – Associate", "c-saa", "saa-c03"),
    ("CLF-C02", "Cloud Practitioner", "c-clf", "clf-c02"),
    ("DVA-C02", "Developer – Associate", "c-dva", "dva-c02"),
)


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of an exam guide; ``weight`` is percent of the scored questions."""

    key: str
    name: str
    weight: int


@dataclass(frozen=True, slots=True)
class Exam:
    """One exam as its guide describes it. ``tasks`` maps numbers such as ``2.1`` to the guide's titles."""

    code: str
    name: str
    page: str
    questions: int
    scored: int
    minutes: int
    pass_mark: int
    domains: tuple[Domain, ...]
    tasks: dict[str, str]


@functools.cache
def exams() -> tuple[Exam, ...]:
    """Return the exams from the facts about them."""
    rows = yaml.safe_load((DOCS / "facts" / "certification.yaml").read_text(encoding="utf-8"))
    values: dict[str, Any] = {row["id"]: row["value"] for row in rows}
    return tuple(
        _exam(code, name, page, values[fact], values[f"{fact}-tasks"]) for code, name, fact, page in _EXAMS
    )


def _exam(code: str, name: str, page: str, value: dict[str, Any], tasks: dict[str, str]) -> Exam:
    domains = tuple(
        Domain(str(number), title, weight)
        for number, (title, weight) in enumerate(value["domains"].items(), start=1)
    )
    return Exam(
        code, name, page, value["questions"], value["scored"], value["minutes"], value["pass"], domains, tasks
    )


def bank() -> tuple[Question, ...]:
    return questions.load(DOCS / "certification" / "questions")


def lab_titles() -> dict[str, str]:
    """Return the titles of the labs that exist, by slug."""
    return {lab["slug"]: lab["title"] for lab in lab_list.load(REPOSITORY)}


def page_title(page: str) -> str | None:
    """Return the first heading of a page under ``docs/``, ``None`` where there is no such page."""
    path = DOCS / page
    if not path.is_file():
        return None
    headings = (
        line[2:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line[:2] == "# "
    )
    return next(headings, page)


@functools.cache
def nav_names() -> dict[str, str]:
    """Return what the site's navigation calls each page that it gives a name, by the page's path under ``docs/``."""
    found: dict[str, str] = {}
    config = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    entries: list[Any] = list(config["nav"])
    while entries:
        entry = entries.pop()
        for name, below in entry.items() if isinstance(entry, dict) else ():
            if isinstance(below, str):
                found[below] = str(name)
            else:
                entries += below
    return found


def of_page(stem: str) -> Exam:
    """Return the exam that ``certification/<stem>.md`` is about. Raises ``LookupError``."""
    for exam in exams():
        if exam.page == stem:
            return exam
    raise LookupError(f"no exam has the page certification/{stem}.md")


def facts_table(exam: Exam) -> str:
    """Return domains and weights beside how much of each our bank asks."""
    counts = {domain.key: 0 for domain in exam.domains}
    for number in _first_tasks(exam):
        counts[number.split(".")[0]] += 1
    rows = [
        f"| {domain.key} {domain.name} | {domain.weight} % | {counts[domain.key]} |"
        for domain in exam.domains
    ]
    return "\n".join(
        [
            f"{exam.questions} questions, of which {exam.scored} count, in {exam.minutes} minutes; "
            f"passed from {exam.pass_mark} on AWS's scale of 100 to 1,000.",
            "",
            "| Domain | Weight | Questions of ours |",
            "|---|---|---|",
            *rows,
        ]
    )


def _first_tasks(exam: Exam) -> Iterable[str]:
    for question in bank():
        task = next((entry.task for entry in question.exams if entry.exam == exam.code), None)
        if task:
            yield task


def tasks_table(exam: Exam) -> str:
    """Return each task of the guide with the pages that teach it, the labs that practise it, and our questions on it."""
    pages: dict[str, set[str]] = defaultdict(set)
    labs: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for question in bank():
        for entry in (each for each in question.exams if each.exam == exam.code):
            pages[entry.task].add(question.page)
            counts[entry.task] += 1
            if question.lab:
                labs[entry.task].add(question.lab)
    for lab in lab_list.load(REPOSITORY):
        for name in lab["exam_tasks"]:
            code, task = name.split()
            if code == exam.code:
                labs[task].add(lab["slug"])
    rows = [
        _task_row(task, title, pages[task], labs[task], counts[task]) for task, title in exam.tasks.items()
    ]
    head = [
        '<div class="made tasks" markdown>',
        "",
        "| Task | Pages | Labs | Questions |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, "", "</div>"])


def _task_row(task: str, title: str, pages: set[str], labs: set[str], count: int) -> str:
    titles = lab_titles()
    names = nav_names()
    of_pages = [
        f"[{name}](../{page})" for page in sorted(pages) if (name := names.get(page) or page_title(page))
    ]
    of_labs = [f"[{slug[:2]}](../labs/{slug}/lab.ipynb)" for slug in sorted(labs) if slug in titles]
    if not (pages or labs or count):
        return f"| {task} {title} | *not about Lambda: not in this course* | – | – |"
    return (
        f"| {task} {title} | {' · '.join(of_pages) or '–'} | {', '.join(of_labs) or '–'} | {count or '–'} |"
    )


def cheat_sheet(sheet: dict[str, list[tuple[str, list[str]]]]) -> str:
    """Return the lines of a page's front matter ``sheet``, and below them the facts that they rest on."""
    known = facts.load(DOCS / "facts")
    parts: list[str] = []
    for title, lines in sheet.items():
        parts += [f"## {title}", "", *(f"- {text}" for text, _ in lines), ""]
    named = dict.fromkeys(name for lines in sheet.values() for _, names in lines for name in names)
    return "\n".join([*parts, facts.table([known[name] for name in named])])
