"""The exam questions: loaded from ``docs/certification/questions/`` and checked against their published schema."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml


@dataclass(frozen=True, slots=True)
class ExamTask:
    """One task statement of one exam, such as 2.1 of SAA-C03."""

    exam: str
    task: str


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that a learner may choose, and why it is right or wrong in this scenario."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True, slots=True)
class Code:
    """What a scenario shows: a handler, a template, an event, a log. ``language`` is ``text`` for what is no language."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``difficulty`` is 1 (recall), 2 (apply) or 3 (judge between plausible designs)."""

    id: str
    exams: tuple[ExamTask, ...]
    topic: str
    difficulty: int
    page: str
    lab: str | None
    facts: tuple[str, ...]
    scenario: str
    code: Code | None
    options: tuple[Option, ...]
    file: str

    @property
    def right(self) -> tuple[int, ...]:
        """The positions of the right options, from 0."""
        return tuple(place for place, option in enumerate(self.options) if option.right)


@functools.cache
def load(folder: Path) -> tuple[Question, ...]:
    """Return the questions of every file in ``folder``, in the order of file names and of each file.

    Raises ``ValueError`` with file and place where one breaks the schema or an id is there twice.
    """
    found: dict[str, Question] = {}
    for path in sorted(folder.glob("*.yaml")):
        for question in _read(path):
            if question.id in found:
                raise ValueError(f"{path.name}: {question.id} is in {found[question.id].file} already")
            found[question.id] = question
    return tuple(found.values())


def as_json(questions: tuple[Question, ...]) -> list[dict[str, Any]]:
    """Return what a page needs to ask the questions: plain values, in the same order."""
    return [
        {
            "id": each.id,
            "exams": [{"exam": entry.exam, "task": entry.task} for entry in each.exams],
            "topic": each.topic,
            "difficulty": each.difficulty,
            "page": each.page,
            "lab": each.lab,
            "facts": list(each.facts),
            "scenario": each.scenario,
            "code": each.code and {"language": each.code.language, "text": each.code.text},
            "options": [
                {"text": option.text, "right": option.right, "why": option.why} for option in each.options
            ],
        }
        for each in questions
    ]


def _read(path: Path) -> list[Question]:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    worst = jsonschema.exceptions.best_match(_validator(path.parent.parent).iter_errors(rows))
    if worst is not None:
        raise ValueError(f"{path.name}: {_place(worst, rows)}: {worst.message}")
    return [_question(row, path.name) for row in rows]


@functools.cache
def _validator(folder: Path) -> jsonschema.Draft202012Validator:
    schema = json.loads((folder / "questions.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _place(error: jsonschema.ValidationError, rows: Any) -> str:
    """Name the question and the field, not the number of the row."""
    steps = list(error.absolute_path)
    if steps and isinstance(steps[0], int) and isinstance(rows[steps[0]], dict):
        steps[0] = str(rows[steps[0]].get("id", f"question {steps[0] + 1}"))
    return " → ".join(str(step) for step in steps) or "the file"


def _question(row: dict[str, Any], file: str) -> Question:
    return Question(
        id=row["id"],
        exams=tuple(ExamTask(**entry) for entry in row["exams"]),
        topic=row["topic"],
        difficulty=row["difficulty"],
        page=row["page"],
        lab=row["lab"],
        facts=tuple(row["facts"]),
        scenario=" ".join(row["scenario"].split()),
        code=Code(row["code"]["language"], row["code"]["text"].rstrip()) if "code" in row else None,
        options=tuple(Option(**option) for option in row["options"]),
        file=file,
    )
