"""What a lab's checks are written with, and ``checks.run()`` for the notebook.

    @pytest.mark.points(2)
    def test_quote_adds_the_shipping(sandbox):
        answer = sandbox.invoke("quote", {"items": 3})
        expect(answer.payload, wanted={"total": 12}, look_at="how the handler adds the shipping")

Marks: ``points(N)``, ``held`` (the instructor's own, never shown to the learner) and ``given`` (a check that the
starter may pass already; every other check asks for work). Fixtures: ``submission``, ``sandbox``, ``seeded``.
What the checks of many labs ask for beyond that is in ``checks_asking``.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

_SHOWN_CHARACTERS = 600
_MOST_NESTED = 100
_MOST_BITS = 13_000


class CheckFailed(Exception):
    """A check that did not find what it wanted; three short texts for the learner."""

    def __init__(self, wanted: str, got: str, look_at: str) -> None:
        super().__init__(f"wanted: {wanted} · got: {got} · look at: {look_at}")
        self.wanted = wanted
        self.got = got
        self.look_at = look_at


def expect(got: object, *, wanted: object, look_at: str, numbers_alike: bool = False) -> None:
    """Pass if ``got`` equals ``wanted`` as typed JSON (``True`` is not 1, 1 is not 1.0, NaN equals nothing).

    With ``numbers_alike`` 1 and 1.0 are the same; ``True`` still is not. Only values of exactly the built-in JSON types
    count, so nothing in ``got`` can have a say in the comparison. Raises CheckFailed otherwise.
    """
    try:
        same = canonical(got, numbers_alike=numbers_alike) == canonical(wanted, numbers_alike=numbers_alike)
    except ValueError as error:
        raise CheckFailed(shown(wanted), str(error), look_at) from None
    if not same:
        raise CheckFailed(shown(wanted), _got(got), look_at)


def expect_true(condition: bool, *, wanted: str, got: object, look_at: str) -> None:
    """Pass if ``condition`` is exactly ``True``; ``wanted`` says in words what was asked for."""
    if condition is not True:
        raise CheckFailed(wanted, got if type(got) is str else _got(got), look_at)


def wanted(expected: object, got: object, look_at: str) -> NoReturn:
    """Fail the check: ``expected`` and ``got`` are shown, texts as they are and other values as JSON."""
    asked = expected if type(expected) is str else shown(expected)
    raise CheckFailed(asked, got if type(got) is str else _got(got), look_at)


def canonical(value: object, *, numbers_alike: bool = False) -> str:
    """Return a text that two values share only if they are the same JSON value with the same types.

    ``-0.0`` is ``0.0``; with ``numbers_alike`` a whole float is its int. Raises ValueError for anything that
    ``json.loads`` could not have made.
    """
    return json.dumps(_plain(value, numbers_alike, 0), sort_keys=True, allow_nan=False, ensure_ascii=True)


def _plain(value: object, numbers_alike: bool, depth: int) -> object:
    """Return a copy of ``value`` made of built-in types alone."""
    if depth > _MOST_NESTED:
        raise ValueError("a value nested too deeply")
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise ValueError(f"a key of type {type(key).__name__}, which JSON does not have")
        return {key: _plain(item, numbers_alike, depth + 1) for key, item in value.items()}
    if type(value) is list:
        return [_plain(item, numbers_alike, depth + 1) for item in value]
    if type(value) is float:
        return int(value) if numbers_alike and value.is_integer() else value or 0.0
    if type(value) is int and value.bit_length() > _MOST_BITS:
        raise ValueError(
            "a number too long to be shown"
        )  # Python refuses to write one of more than 4,300 digits
    if value is not None and type(value) not in (bool, int, str):
        raise ValueError(f"a value of type {type(value).__name__}, which JSON does not have")
    return value


def shown(value: object) -> str:
    """Return a short text of a JSON value for a person; a foreign object shows as its type only."""
    try:
        canonical(value)
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:
        text = f"a value of type {type(value).__name__}"
    return (
        text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} … ({len(text)} characters)"
    )


def _got(value: object) -> str:
    """Return what came as a learner reads it: ``null`` alone does not say that a ``return`` is missing."""
    return (
        "null (None in Python: nothing was returned, or nothing is there)" if value is None else shown(value)
    )


def run(notebook: str | None = None) -> Any:
    """Check this lab's saved notebook as ``labs check`` does, and return the table for the notebook to show.

    Save the notebook first. While it is being graded there is nothing to run and one sentence comes back instead.
    """
    try:
        from autograder.checks_front import run_checks
    except ImportError:  # inside the grader's isolation, where the checks themselves do not exist
        return "The checks run after the notebook is done."
    return run_checks(notebook)
