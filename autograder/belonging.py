"""Which lab a notebook is of, by the answers that its cells are tagged with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.discover import Lab
from autograder.errors import NotANotebook
from autograder.notebook import read_notebook


def other_lab(path: Path, asked: Lab, labs: Iterable[Lab]) -> Lab | None:
    """Return the lab that the notebook in ``path`` is of, where that is not ``asked``.

    It is of the lab with which it shares the most answers. In doubt it is of ``asked``: a notebook with as many answers
    of two labs, one without any, and what is no notebook.
    """
    found = _answers(path)
    own = _answers_of(asked)
    if not found or own <= found:
        return None
    best, shared = asked, len(own & found)
    for lab in labs:
        if lab.slug != asked.slug and (count := len(_answers_of(lab) & found)) > shared:
            best, shared = lab, count
    return None if best is asked else best


def _answers_of(lab: Lab) -> frozenset[str]:
    """The solution's come first: nobody works in that file, and the lab's own may be another lab's by accident."""
    return _answers(lab.solution) or _answers(lab.notebook)


def _answers(path: Path) -> frozenset[str]:
    try:
        return frozenset(read_notebook(path).answers)
    except NotANotebook:
        return frozenset()
