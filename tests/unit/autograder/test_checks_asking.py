"""What the checks of many labs ask for: what is missing or wrong ends as wanted, got and look at."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import pytest

from autograder.checks import CheckFailed
from autograder.checks_asking import error_of, expect_guesses, expect_observed, in_place_of, json_lines, until
from autograder.in_process import InProcessView
from lambda_sandbox import connect, disconnect


class Loud(str):
    """A text that equals everything."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


class Colour(enum.IntEnum):
    RED = 3


def test_until_is_true_as_soon_as_the_condition_is() -> None:
    answers = iter([None, [], "here"])
    assert until(lambda: next(answers), timeout_s=5) is True


def test_until_is_false_when_the_time_is_over() -> None:
    assert until(lambda: False, timeout_s=0) is False


def in_vain() -> None:
    raise CheckFailed("an order that arrives", "it was refused", "the permission")


def test_until_fails_the_check_at_once_when_waiting_is_in_vain() -> None:
    with pytest.raises(CheckFailed, match="it was refused"):
        until(lambda: False, timeout_s=300, unless=in_vain)


def test_until_believes_the_condition_before_the_doubt() -> None:
    answers = iter([False, True])
    assert until(lambda: next(answers), timeout_s=5, unless=in_vain) is True


def test_until_does_not_doubt_what_is_there_already() -> None:
    assert until(lambda: True, unless=in_vain) is True


def test_until_goes_on_as_long_as_there_is_no_doubt() -> None:
    answers, doubts = iter([False, False, True]), list[None]()
    assert until(lambda: next(answers), timeout_s=5, unless=lambda: doubts.append(None)) is True
    assert doubts


@pytest.mark.parametrize(
    ("guess", "kind"), [(3, int), (3, float), (2.5, float), ("a", str), (True, bool)], ids=str
)
def test_a_guess_of_its_kind_passes_right_or_wrong(guess: object, kind: type) -> None:
    expect_guesses({"guess": guess}, {"guess": kind})


@pytest.mark.parametrize(
    ("guess", "kind"), [(True, int), (2.5, int), ("3", int), (True, float), (Loud("a"), str), (1, bool), (Colour.RED, int)], ids=str
)  # fmt: skip
def test_a_guess_of_another_kind_fails_and_says_which_is_wanted(guess: object, kind: type) -> None:
    with pytest.raises(CheckFailed, match="a guess for guess: "):
        expect_guesses({"guess": guess}, {"guess": kind})


def test_what_was_observed_passes_with_value_and_type() -> None:
    expect_observed({"runs": 3, "code": "x"}, [("runs", 3, "the log"), ("code", "x", "the log")])


@pytest.mark.parametrize(
    ("seen", "shown"),
    [("3", '"3"'), (3.0, "3.0"), (True, "true"), (Loud("3"), "a value of type Loud")],
    ids=str,
)
def test_an_observation_of_another_kind_fails_and_says_which_is_wanted(seen: object, shown: str) -> None:
    with pytest.raises(CheckFailed) as failed:
        expect_observed({"runs": seen}, [("runs", 3, "the log")])
    told = failed.value
    assert (told.wanted, told.got, told.look_at) == ("the right runs: a whole number", shown, "the log")


@pytest.mark.parametrize(("seen", "right"), [(4, 3), ("4", "3"), (False, True)], ids=str)
def test_another_observation_fails_without_telling_the_right_one(seen: object, right: object) -> None:
    with pytest.raises(CheckFailed) as failed:
        expect_observed({"runs": seen}, [("runs", right, "the log")])
    assert (failed.value.wanted, failed.value.look_at) == ("the right runs", "the log")


def test_an_enumeration_is_no_number() -> None:
    with pytest.raises(CheckFailed, match="the right runs: a whole number"):
        expect_observed({"runs": Colour.RED}, [("runs", 3, "the log")])


def test_a_guess_in_quotes_is_shown_with_them() -> None:
    with pytest.raises(CheckFailed) as failed:
        expect_guesses({"guess": "3"}, {"guess": int})
    assert failed.value.got == '"3"'


def test_only_objects_of_json_are_lines_of_a_log() -> None:
    log = 'START\n{"level": "INFO"}\n[1]\n"text"\n{"half": \n' + "[" * 100_000 + '\n{"level": "ERROR"}\n'
    assert [line["level"] for line in json_lines(log)] == ["INFO", "ERROR"]


@pytest.fixture
def view() -> Iterator[InProcessView]:
    yield InProcessView(connect(driver="in_process", quiet=True))
    disconnect()


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("KeyError('authorizer')", "KeyError: 'authorizer'"),
        ("ValueError('\\x1b[2J' + 'x' * 500)", f"ValueError: \\x1b[2J{'x' * 153}…"),
        ("ValueError", "ValueError"),
    ],
    ids=["a short one", "a long one that a terminal would obey", "none"],
)
def test_error_of_a_run_is_told_with_its_message(
    view: InProcessView, raised: str, told: str, log_format: str
) -> None:
    source = f"def handler(event, context):\n    raise {raised}\n"
    view.deploy("fails", source, LoggingConfig={"LogFormat": log_format})
    view.invoke("fails", {})
    [row] = view.history()["invocations"]
    assert error_of(view, row) == told


def test_checks_own_module_is_the_one_that_is_found() -> None:
    files = {
        "app.py": "a",
        "shop.py": "b",
        "shop/__init__.py": "c",
        "./shop/deep/x.py": "d",
        "shops/shop.py": "e",
    }
    found = in_place_of(files, {"shop.py": "own"})
    assert found == {"app.py": "a", "shop.py": "own", "shops/shop.py": "e"}
