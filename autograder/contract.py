"""The contract that every lab keeps, checked on the lab itself: ``labs dev-check``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from autograder.catalogue import function_of, read_checks
from autograder.discover import Lab
from autograder.errors import NotANotebook
from autograder.grade import Job
from autograder.hints import HINTS_A_CHECK, read_hints
from autograder.notebook import read_notebook
from autograder.result import GRADED, Result
from autograder.score import CheckResult
from autograder.submissions import Submission
from autograder.workers import grade_all

LEAST_CHECKS = 5
LEAST_HELD = 2
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def own_jobs(lab: Lab) -> list[Job]:
    """Return the two jobs that show what a lab is worth: its starter and its solution."""
    return [
        Job(lab, Submission("starter", "starter", lab.notebook), seed="dev-check"),
        Job(lab, Submission("solution", "solution", lab.solution), seed="dev-check"),
    ]


def check_lab(lab: Lab, labs: list[Lab]) -> list[str]:
    """Return what is wrong with a lab, a sentence each; an empty list is a lab that keeps the contract.

    The starter and the solution are graded as submissions, and once more without a server where the lab allows it.
    """
    problems = [*_paper_problems(lab, labs)]
    if lab.notebook.is_file() and lab.solution.is_file():
        graded = grade_all(own_jobs(lab), side_by_side=2)
        starter, solution = sorted(graded, key=lambda result: result.key != "starter")
        problems += starter_problems(starter)
        problems += solution_problems(solution)
        problems += _check_problems(lab, solution)
        if "process" not in lab.requires:
            problems += _in_process_problems(lab, starter, solution)
    return problems


def starter_problems(result: Result) -> list[str]:
    """Return what is wrong with a starter's result: it must earn nothing for work."""
    if result.status != GRADED:
        return [f"the starter was not graded: {result.fault}"]
    earned = [
        f"the starter earns {check.id}, which asks for work"
        for check in result.checks
        if _earned_unduly(check)
    ]
    return earned + [problem for check in result.checks for problem in _told_badly(check)]


def _told_badly(check: CheckResult) -> Iterator[str]:
    """A check that the starter fails says what it wanted, what it got and where to look, and it did compare."""
    if check.outcome == "failed":
        for name in ("wanted", "got", "look_at"):
            if not getattr(check, name).strip():
                yield f"{check.id} fails without saying {name.replace('_', ' ')}"
        if "could not finish" in check.reason or "without saying why" in check.reason:
            yield f"{check.id} breaks on the starter instead of comparing: {check.reason}"


def _earned_unduly(check: CheckResult) -> bool:
    return check.outcome == "passed" and not check.given


def solution_problems(result: Result) -> list[str]:
    """Return what is wrong with a solution's result: it must earn everything."""
    if result.status != GRADED:
        return [f"the solution was not graded: {result.fault}"]
    failed = [
        f"the solution fails {check.id}: "
        + (check.reason or f"wanted: {check.wanted} · got: {check.got} · look at: {check.look_at}")
        for check in result.checks
        if check.outcome != "passed"
    ]
    notes = [f"the solution's notebook: {note}" for note in (*result.warnings, *result.cell_errors)]
    return [*failed, *notes]


def _check_problems(lab: Lab, result: Result) -> Iterator[str]:
    held = sum(check.held for check in result.checks)
    if len(result.checks) < LEAST_CHECKS:
        yield f"there are {len(result.checks)} checks: a lab has at least {LEAST_CHECKS}"
    if held < LEAST_HELD:
        yield f"{held} checks are held: a lab has at least {LEAST_HELD}"
    for check in read_checks(lab.checks).values():
        if not check.held and not check.why:
            yield f"{check.name} does not say why: give its docstring a second paragraph"
    hints = read_hints(lab.hints)
    names = {function_of(check.id) for check in result.checks}
    for name in sorted(names):
        if len(hints.get(name, [])) != HINTS_A_CHECK:
            yield f"hints.md has {len(hints.get(name, []))} hints for {name}: it needs {HINTS_A_CHECK}"
    for name in sorted(set(hints) - names):
        yield f"hints.md has a section for {name}, which is no check"


def _paper_problems(lab: Lab, labs: list[Lab]) -> Iterator[str]:
    if not 15 <= lab.minutes <= 45:
        yield f"minutes is {lab.minutes}: a lab takes 15 to 45"
    if not lab.goals:
        yield "no goals are stated"
    for slug in lab.after:
        if slug not in {other.slug for other in labs}:
            yield f"it comes after {slug}, which is no lab"
    docs = lab.folder.parent.parent / "docs"
    if not lab.page or not (docs / lab.page).is_file():
        yield f"its page {lab.page or '(none)'} does not exist in docs"
    for path in (lab.notebook, lab.solution):
        yield from _notebook_problems(lab, path)
    if lab.notebook.is_file() and lab.solution.is_file():
        yield from _pair_problems(lab)
    if lab.hints.is_file():
        yield from _link_problems(lab, lab.hints, lab.hints.read_text("utf-8"))


def _notebook_problems(lab: Lab, path: Path) -> Iterator[str]:
    shown = path.relative_to(lab.folder)
    try:
        notebook = read_notebook(path)
    except NotANotebook as error:
        yield f"{shown}: {error}"
        return
    document = json.loads(notebook.raw)
    for note in notebook.warnings:
        yield f"{shown}: {note}"
    ids = [cell.get("id", "") for cell in document["cells"]]
    if len(set(ids)) != len(ids) or not all(_CELL_ID.match(cell_id) for cell_id in ids):
        yield f"{shown}: every cell needs an id of its own"
    for number, cell in enumerate(document["cells"], start=1):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"{shown}: cell {number} has outputs: strip them"
        if cell["cell_type"] == "markdown":
            yield from _link_problems(lab, path, "".join(cell["source"]))


def _pair_problems(lab: Lab) -> Iterator[str]:
    try:
        starter, solution = read_notebook(lab.notebook), read_notebook(lab.solution)
    except NotANotebook:
        return
    if not starter.answers:
        yield "lab.ipynb has no answer cell"
    if set(starter.answers) != set(solution.answers):
        yield "the starter and the solution have different answer cells"
    first, second = (
        [(cell["id"], cell["cell_type"]) for cell in json.loads(notebook.raw)["cells"] if "id" in cell]
        for notebook in (starter, solution)
    )
    if first != second:
        yield "the starter and the solution have different cells (ids or kinds)"


def _link_problems(lab: Lab, source: Path, text: str) -> Iterator[str]:
    """Links must lead to files that exist, from the lab's folder for the solution too: its prose is the starter's.

    On the site a lab is published at ``docs/labs/<slug>``.
    """
    docs = lab.folder.parent.parent / "docs"
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:|#", target):
            continue
        path = target.split("#")[0]
        places = [lab.folder / path, docs / "labs" / path, docs / "labs" / lab.slug / path]
        stems = [place.with_suffix(".md") for place in places if place.suffix in ("", ".html")]
        if not any(place.exists() for place in (*places, *stems)):
            yield f"{source.name}: the link {target} leads nowhere"


def _in_process_problems(lab: Lab, starter: Result, solution: Result) -> Iterator[str]:
    from autograder.in_process import outcomes

    for result, path in ((starter, lab.notebook), (solution, lab.solution)):
        there = outcomes(lab, path)
        for check in result.checks:
            if there.get(check.id) != check.outcome:
                yield (
                    f"{result.submission}: {check.id} is {check.outcome} with the server driver "
                    f"and {there.get(check.id, 'missing')} with the in_process driver"
                )
