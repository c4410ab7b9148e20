"""Which lab a notebook is of, by the answers that its cells are tagged with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from autograder.discover import Lab
from autograder.errors import NotANotebook
from autograder.notebook import read_notebook


def answers_of(lab: Lab) -> frozenset[str]:
    """Return the names of a lab's answers.

    The solution's come first: nobody works in that file, and the lab's own may be another lab's by accident.
    """
    return _answers(lab.solution) or _answers(lab.notebook)


def other_lab(
    path: Path, asked: Lab, labs: Iterable[Lab], answers_of: Callable[[Lab], frozenset[str]] = answers_of
) -> Lab | None:
    """Return the lab that the notebook in ``path`` is of, where that is not ``asked``.

    It is of the lab with which it shares the most answers. In doubt it is of ``asked``: a notebook with as many answers
    of two labs, one without any, and what is no notebook. Who asks of many notebooks gives an ``answers_of`` that remembers.
    """
    found = _answers(path)
    own = answers_of(asked)
    if not found or own <= found:
        return None
    best, shared = asked, len(own & found)
    for lab in labs:
        if lab.slug != asked.slug and (count := len(answers_of(lab) & found)) > shared:
            best, shared = lab, count
    return None if best is asked else best


def _answers(path: Path) -> frozenset[str]:
    try:
        return frozenset(read_notebook(path).answers)
    except NotANotebook:
        return frozenset()
