"""The data behind the site's interactive parts, as scripts: a page opened from disk may load scripts, but no JSON."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs_hooks import exams, facts, glossary, questions, traces
from lambda_sandbox import event_shapes
from lambda_sandbox.event_shapes.paths import leaves, type_of
from lambda_sandbox.telemetry import prices

GLOSSARY = exams.DOCS / "glossary.yaml"
log = logging.getLogger("mkdocs.hooks.interactive")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    page = glossary.markdown(glossary.load(GLOSSARY), exams.DOCS)
    files.append(File.generated(config, "reference/glossary.md", content=page))
    values = {name: make() for name, make in SCRIPTS.items()} | dict(events())
    for name, (member, value) in values.items():
        files.append(File.generated(config, f"assets/data/{name}.js", content=script(member, value)))
    return files


def script(member: str, value: Any) -> str:
    """Return a classic script that sets ``course.data[member]``; nothing in ``value`` can end it early."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"globalThis.course = globalThis.course ?? {{ data: {{}} }};\ncourse.data[{json.dumps(member)}] = {text};\n"


def question_index() -> tuple[str, Any]:
    """Enough to count and to draw by; the text of the questions is another script, loaded when one is asked."""
    rows = [
        [row.id, [[entry.exam, entry.task] for entry in row.exams], row.topic, row.difficulty]
        for row in exams.bank()
    ]
    asked = {row.topic for row in exams.bank()}
    topics = yaml.safe_load((exams.DOCS / "topics.yaml").read_text(encoding="utf-8"))
    return "questionIndex", {
        "exams": [_exam(exam) for exam in exams.exams()],
        "topics": {row["key"]: row["title"] for row in topics if row["key"] in asked},
        "terms": [term.slug for term in glossary.load(GLOSSARY)],
        "rows": rows,
    }


def _exam(exam: exams.Exam) -> dict[str, Any]:
    return {
        "code": exam.code,
        "name": exam.name,
        "questions": exam.questions,
        "minutes": exam.minutes,
        "pass": exam.pass_mark,
        "domains": [{"key": each.key, "name": each.name, "weight": each.weight} for each in exam.domains],
    }


def question_texts() -> tuple[str, Any]:
    """The whole bank, with the addresses of its pages and labs, and the facts on which it rests."""
    known = facts.load(exams.DOCS / "facts")
    bank = exams.bank()
    named = sorted({fact for row in bank for fact in row.facts})
    rows = questions.as_json(bank)
    for row in rows:
        row["exams"] = [[entry["exam"], entry["task"]] for entry in row["exams"]]
        row["page"] = _page(row["page"])
        row["lab"] = _lab(row["lab"])
    return "questions", {"rows": rows, "facts": {name: _fact(known[name]) for name in named}}


@functools.cache  # what is missing is told once
def _page(path: str) -> dict[str, str] | None:
    title = exams.page_title(path)
    if title is None:
        log.warning("A question names %s, which is not a page", path)
        return None
    return {"title": title, "address": f"{path.removesuffix('.md')}.html"}


@functools.cache
def _lab(slug: str | None) -> dict[str, str] | None:
    if slug is None:
        return None
    title = exams.lab_titles().get(slug)
    if title is None:
        log.warning("A question names lab %s, which is not in labs.toml", slug)
        return None
    return {"title": f"Lab {slug[:2]}: {title}", "address": f"labs/{slug}/lab.html"}


def _fact(fact: facts.Fact) -> dict[str, Any]:
    return {
        "statement": fact.statement,
        "sources": [[source.title, source.address] for source in fact.sources],
        "checked": fact.checked,
    }


def glossary_terms() -> tuple[str, Any]:
    """The terms by slug, each with its meaning and its place in the glossary."""
    return "glossary", {
        term.slug: {
            "term": term.term,
            "meaning": term.meaning,
            "address": f"reference/glossary.html#{term.slug}",
        }
        for term in glossary.load(GLOSSARY)
    }


def price_files() -> tuple[str, Any]:
    """The sandbox's own price files, numbers as exact decimal text: a browser's numbers would round them."""
    return "prices", {_rules(name): _prices(name) for name in sorted(prices.shipped(), key=len)}


def _rules(name: str) -> str:
    return "today" if name == "us-east-1" else name.removeprefix("us-east-1-")


def _prices(name: str) -> Any:
    text = (prices.SHIPPED / f"prices-{name}.json").read_text(encoding="utf-8")
    return json.loads(text, parse_float=_plain, parse_int=str)


def _plain(text: str) -> str:
    return format(Decimal(text), "f")


def first_trace() -> tuple[str, Any]:
    """The grid and the one trace that is shown first; all others are loaded when somebody chooses."""
    every = traces.data()
    return "traces", {**every, "traces": {every["first"]: every["traces"][every["first"]]}}


def all_traces() -> tuple[str, Any]:
    return "allTraces", traces.data()["traces"]


def event_index() -> tuple[str, Any]:
    shapes = [event_shapes.load(name) for name in event_shapes.names()]
    return "eventShapes", [
        {"name": each.name, "title": each.title, "service": each.service, "mode": each.mode}
        for each in shapes
    ]


def events() -> Iterator[tuple[str, tuple[str, Any]]]:
    """One script an event: its sample, and each field's type, meaning, and whether it may be missing."""
    for name in event_shapes.names():
        shape = event_shapes.load(name)
        event = shape.filled({})
        known = {path: (type_of(value), shape.meanings.of(path)) for path, value in leaves(event).items()}
        fields = {path: [kind, entry.meaning, entry.optional] for path, (kind, entry) in known.items()}
        yield f"event-{name}", (f"event-{name}", {"event": event, "fields": fields})


SCRIPTS: dict[str, Callable[[], tuple[str, Any]]] = {
    "question-index": question_index,
    "questions": question_texts,
    "glossary": glossary_terms,
    "prices": price_files,
    "traces": first_trace,
    "traces-all": all_traces,
    "event-shapes": event_index,
}
