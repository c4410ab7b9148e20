"""No submission gets more than its honest part, and none touches another, the machine, or the gradebook."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from autograder.report import result_schema
from autograder.result import GRADED, Result

from .submissions import HONEST, HOSTILE, MALFORMED

pytestmark = pytest.mark.timeout(600)  # the first test waits for the whole batch
Results = dict[str, Result]


@pytest.mark.parametrize("name", HONEST)
def test_honest_submission_gets_full_marks(graded: Results, name: str) -> None:
    result = graded[name]
    assert (result.status, result.score, result.max_score) == (GRADED, 8, 8), result.to_json()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_submission_gets_its_honest_part_and_no_more(graded: Results, name: str) -> None:
    result = graded[name]
    assert (result.status, result.score) == (GRADED, HOSTILE[name].expected), result.to_json()


@pytest.mark.parametrize("name", [name for name, one in {**HONEST, **HOSTILE}.items() if one.says])
def test_what_happened_is_said_in_a_warning(graded: Results, name: str) -> None:
    says = {**HONEST, **HOSTILE}[name].says
    assert any(says in warning for warning in graded[name].warnings), graded[name].warnings


@pytest.mark.parametrize("name", [*MALFORMED, "malformed-link"])
def test_what_is_no_notebook_gets_zero_with_one_plain_sentence(graded: Results, name: str) -> None:
    result = graded[name]
    reasons = {check.reason for check in result.checks}
    assert (result.status, result.score, len(reasons)) == (GRADED, 0, 1)
    wanted = MALFORMED[name][1] if name in MALFORMED else "cannot be opened"
    assert wanted in reasons.pop()


def test_every_submission_has_one_result_that_fits_the_published_schema(graded: Results, out: Path) -> None:
    validator = jsonschema.Draft202012Validator(result_schema())
    written = [json.loads(path.read_text("utf-8")) for path in out.glob("*/result.json")]
    assert len(written) == len(graded) == len(HONEST) + len(HOSTILE) + len(MALFORMED) + 1
    for document in written:
        validator.validate(document)
    assert {path.name for path in out.glob("*/*")} == {"result.json", "report.html"}


def test_no_script_of_a_submission_reaches_a_report(graded: Results, out: Path) -> None:
    pages = [path.read_text("utf-8") for path in out.glob("*/report.html")]
    assert pages
    assert not [page for page in pages if "<script" in page]
    assert any("&lt;script&gt;alert(1)" in page for page in pages)


def test_notebook_sees_neither_checks_nor_the_graders_environment(graded: Results) -> None:
    result = graded["hostile-reads-everything"]
    assert result.cell_errors == (), "the search itself must have run to its end"
    shown = _printed(result)
    assert "FOUND []" in shown
    assert "SECRETS []" in shown
    assert "SECRETS 1" not in shown


def test_notebook_reaches_no_network_but_its_sandbox(graded: Results) -> None:
    assert "REACHED []" in _printed(graded["hostile-network"])


def test_nothing_that_a_submission_started_is_left(graded: Results) -> None:
    left = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"98765" in words:
            left.append(words)
    assert left == []


def test_no_temporary_file_is_left(graded: Results, scratch: Path) -> None:
    assert list(scratch.iterdir()) == []


def test_isolation_is_stated_in_every_result(graded: Results) -> None:
    assert {result.isolation.level for result in graded.values() if result.isolation} == {"bwrap"}


def _printed(result: Result) -> str:
    [check] = [check for check in result.checks if check.id == "test_shows_what_it_printed"]
    return check.got
