"""The report on a class: how the points fall, what was missed most, the wrong answers that many share, and look-alikes."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from autograder.errors import NotANotebook
from autograder.gradebook import Gradebook
from autograder.notebook import read_notebook
from autograder.passed_over import PassedOver
from autograder.report import render, write_atomically
from autograder.result import Result
from autograder.score import CheckResult
from autograder.side_by_side import table
from autograder.similarity import MOST_CHARACTERS, MOST_COMPARED, Pair, near_identical

_SHOWN_PAIRS = 50
_SHOWN_ANSWERS = 5
_BANDS = 10
_LABS_OWN = "\0the lab's own solution"  # no key of a submission holds such a character
# What differs in two answers that say the same: the id of a request.
_REQUEST_ID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class Missed:
    """A check, how many failed it of how many, and the answers that failing submissions share."""

    title: str
    held: bool
    failed: int
    of: int
    answers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """``table`` shows the answers of both, side by side and escaped."""

    pair: Pair
    first: str
    second: str
    table: Markup


def write_class_report(
    book: Gradebook,
    folder: Path,
    notebooks: Mapping[str, Path],
    starter: Path,
    solution: Path,
    others: tuple[PassedOver, ...] = (),
) -> Path:
    """Write ``class.html`` into ``folder`` and return its path. ``notebooks`` are by the submission's key.

    ``starter`` and ``solution`` are the lab's own notebooks; ``others`` is what was handed in and is no notebook.
    """
    graded = [row.graded for row in book.rows if row.graded is not None]
    answers = {key: text for key, path in notebooks.items() if (text := _answers(path))}
    names = {row.result.key: row.student.name for row in book.rows if row.result is not None}
    pairs, like_the_labs = apart(near_identical({_LABS_OWN: _answers(solution)} | answers, _answers(starter)))
    target = folder / "class.html"
    text = render(
        "class.html.j2",
        book=book,
        bands=bands(graded),
        figures=figures(graded),
        missed=most_missed(graded),
        alike=[_look_alikes(pair, answers, names) for pair in pairs[:_SHOWN_PAIRS]],
        only_same=len(answers) > MOST_COMPARED,
        more_alike=max(0, len(pairs) - _SHOWN_PAIRS),
        like_the_labs=sorted(names.get(key, key) for key in like_the_labs),
        not_graded=[row for row in book.rows if row.result is not None and row.graded is None],
        missing=[row for row in book.rows if row.result is None],
        others=others,
        without_notebook={other.student for other in others},
    )
    write_atomically(target, text)
    return target


def apart(pairs: list[Pair]) -> tuple[list[Pair], set[str]]:
    """Return the pairs that say something of two people, and the keys of those who are like the lab's own solution.

    That one is for all to read: who are like it are like each other, and there may be thousands of such pairs.
    """
    like = {
        pair.second if pair.first == _LABS_OWN else pair.first for pair in pairs if _LABS_OWN in _both(pair)
    }
    # Answers that are the same are paired with the first of them only.
    like |= {pair.second for pair in pairs if pair.likeness == 100.0 and pair.first in like}
    return [pair for pair in pairs if not _both(pair) <= like | {_LABS_OWN}], like


def _both(pair: Pair) -> set[str]:
    return {pair.first, pair.second}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the scores come to, in points; ``public`` and ``held`` are the means of the two parts and what is possible."""

    mean: float
    median: float
    lowest: int
    highest: int
    public: tuple[float, int]
    held: tuple[float, int]


def figures(graded: list[Result]) -> Figures | None:
    """Return the class in figures; ``None`` where nobody has a score."""
    if not graded:
        return None
    scores = [result.score for result in graded]
    parts = [[result.part(held=held) for result in graded] for held in (False, True)]
    public, held = (
        (statistics.fmean(score for score, _ in part), max(most for _, most in part)) for part in parts
    )
    return Figures(
        statistics.fmean(scores), statistics.median(scores), min(scores), max(scores), public, held
    )


def bands(graded: list[Result]) -> list[tuple[str, int]]:
    """Return ten bands of percent and how many scores lie in each; the last holds full marks too."""
    counts = [0] * _BANDS
    for result in graded:
        share = result.score / result.max_score if result.max_score else 0.0
        counts[min(_BANDS - 1, int(share * _BANDS))] += 1
    return [(f"{10 * band}–{10 * band + 10} %", count) for band, count in enumerate(counts)]


def most_missed(graded: list[Result]) -> list[Missed]:
    """Return the checks that somebody failed, the most often failed first."""
    seen: dict[str, list[CheckResult]] = {}
    for result in graded:
        for check in result.checks:
            seen.setdefault(check.id, []).append(check)
    found = [_missed(checks) for checks in seen.values()]
    return sorted((missed for missed in found if missed.failed), key=lambda missed: -missed.failed)


def _missed(checks: list[CheckResult]) -> Missed:
    failed = [check for check in checks if check.outcome == "failed"]
    answers = Counter(_REQUEST_ID.sub("…", check.got or check.reason) for check in failed)
    shared = tuple((text, count) for text, count in answers.most_common(_SHOWN_ANSWERS) if text)
    return Missed(checks[0].title, checks[0].held, len(failed), len(checks), shared)


def _answers(path: Path) -> str:
    """Return the answer cells of a notebook, one after the other, as far as they are compared.

    Of one that cannot be read, nothing.
    """
    try:
        notebook = read_notebook(path)
    except NotANotebook:
        return ""
    answers = (notebook.cells[index].source for _, index in sorted(notebook.answers.items()))
    return "\n".join(answers)[:MOST_CHARACTERS]


def _look_alikes(pair: Pair, answers: Mapping[str, str], names: Mapping[str, str]) -> LookAlikes:
    shown = table(answers[pair.first], answers[pair.second])
    return LookAlikes(pair, names.get(pair.first, pair.first), names.get(pair.second, pair.second), shown)
