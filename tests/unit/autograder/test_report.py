"""What is written: valid by its schema, whole or not at all, and escaped."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from autograder.cli.console import print_batch_line
from autograder.isolation import BARE
from autograder.report import html_report, result_schema, write_atomically, write_result
from autograder.result import GRADED, NOT_GRADED, Result, result_from_json
from autograder.score import CheckResult

EVIL = "</dd><script>alert(1)</script>=cmd()"
CHECKS = (
    CheckResult(
        "test_a", EVIL, 2, 0, False, False, "failed", wanted=EVIL, got=EVIL, look_at=EVIL, reason=EVIL
    ),
    CheckResult("test_b", "Secret check", 3, 3, True, False, "passed"),
)
GOOD = Result("07-plain", f"ada {EVIL}", "ada", GRADED, CHECKS, (EVIL,), (EVIL,), isolation=BARE, seed="s")
FAULT = Result("07-plain", "bo", "bo", NOT_GRADED, fault="The machine is too busy.")


@pytest.mark.parametrize("result", [GOOD, FAULT], ids=["graded", "not graded"])
def test_result_json_fits_the_schema_and_reads_back(result: Result, tmp_path: Path) -> None:
    document = json.loads(write_result(result, tmp_path / "new" / "folder").read_text("utf-8"))
    jsonschema.Draft202012Validator(result_schema()).validate(document)
    assert result_from_json(document) == result


def test_schema_refuses_a_score_for_what_was_not_graded() -> None:
    document = {**FAULT.to_json(), "score": 0}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(result_schema()).validate(document)


def test_report_escapes_everything_and_loads_nothing() -> None:
    page = html_report(GOOD)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 9
    assert "http:" not in page
    assert "https:" not in page


def test_a_name_turns_no_text_and_speaks_to_no_terminal() -> None:
    page = html_report(replace(GOOD, submission="ada\x1b[2J\u202egnp", student=""))
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "ada\\x1b[2J\\u202egnp" in page


def test_a_name_makes_no_line_of_a_grading() -> None:
    written = io.StringIO()
    named = replace(GOOD, submission="ada\n[2/2] 07-plain bo: 5/5 (0.1 s)")
    print_batch_line(Console(file=written, width=40), named, 1, 2)
    assert written.getvalue().count("\n") == 1


def test_report_counts_held_checks_and_does_not_describe_them() -> None:
    page = html_report(GOOD)
    assert "Held checks: 1 of 1 passed" in page
    assert "Secret" not in page


def test_report_states_the_isolation_and_what_is_missing() -> None:
    assert "Isolation: process" in html_report(GOOD)
    assert "Not enforced: file system, network" in html_report(GOOD)


def test_fault_of_the_machine_is_shown_as_no_score() -> None:
    page = html_report(FAULT)
    assert "Not graded" in page
    assert "0 of" not in page


def test_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    write_atomically(target, "old")
    with pytest.raises(TypeError):
        write_atomically(target, 7)  # type: ignore[arg-type]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result.json", "old")]
