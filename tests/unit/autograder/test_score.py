"""Scoring: what counts as failed, and what is a fault of the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder.discover import Lab
from autograder.errors import GraderFault
from autograder.execute import Execution
from autograder.notebook import Notebook, read_notebook
from autograder.score import CheckResult, SubmissionView, run_checks

from .conftest import Write

HEAD = "import pytest, random\nfrom autograder.checks import expect\n"


def scored(lab: Lab, body: str, notebook: Notebook, *, seed: str = "s") -> dict[str, CheckResult]:
    path = lab.checks / "test_plain.py"
    path.write_text(HEAD + body)
    view = SubmissionView(notebook, Execution((), (), "finished", "", 0.0))
    return {check.id: check for check in run_checks(lab.checks, view, None, seed=seed, check_s=0.2)}


@pytest.fixture
def notebook(write_notebook: Write) -> Notebook:
    return read_notebook(write_notebook(("facts", "total = 3")))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("assert False", "without saying why"),
        ("pytest.skip('x')", "skipped"),
        ("{}['k']", "could not finish (KeyError"),
        ("import time; time.sleep(5)", "waited too long"),
        ("submission.source('none')", "no cell tagged answer:none"),
        ("submission.literal('facts')['none']", "no plain value"),
        ("pytest.xfail('x')", "could not finish"),
        ("raise SystemExit(0)", "could not finish (SystemExit"),
        (
            "import botocore.exceptions as b; raise b.ClientError({'Error': {'Code': 'X', 'Message': 'no y'}}, 'Get')",
            "the sandbox answered: no y",
        ),
        ("raise Exception", "could not finish (Exception: )"),
    ],
    ids=[
        "bare assert",
        "skip",
        "error",
        "hang",
        "no cell",
        "no value",
        "xfail",
        "exit",
        "sandbox",
        "no text",
    ],
)
def test_check_that_does_not_pass_fails_with_a_plain_reason(
    plain_lab: Lab, notebook: Notebook, line: str, reason: str
) -> None:
    check = scored(plain_lab, f"@pytest.mark.points(2)\ndef test_it(submission):\n    {line}\n", notebook)[
        "test_it"
    ]
    assert (check.outcome, check.earned, check.points) == ("failed", 0, 2)
    assert reason in check.reason
    assert all((check.wanted, check.got, check.look_at))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("", "No check ran"),
        ("def test_it(): pass\n", "does not say what it is worth"),
        ("@pytest.mark.points(True)\ndef test_it(): pass\n", "does not say what it is worth"),
        ("import nowhere_to_be_found\n", "could not be collected"),
        ("@pytest.mark.pionts(1)\ndef test_it(): pass\n", "could not be collected"),
        ("@pytest.mark.points(1)\ndef test_it(): pytest.exit('x')\n", "cut short|No check ran"),
        ("@pytest.mark.points(1)\ndef test_it(): raise KeyboardInterrupt\n", "cut short"),
        ("@pytest.mark.points(1)\ndef test_it(sandbox): pass\n", "needs a sandbox"),
    ],
    ids=[
        "nothing",
        "no points",
        "odd points",
        "import error",
        "unknown mark",
        "exit",
        "interrupt",
        "no sandbox",
    ],
)
def test_broken_checks_are_a_fault_of_the_machine(
    plain_lab: Lab, notebook: Notebook, body: str, fault: str
) -> None:
    with pytest.raises(GraderFault, match=fault):
        scored(plain_lab, body, notebook)


def test_seeded_inputs_differ_by_student_and_check_and_repeat(plain_lab: Lab, notebook: Notebook) -> None:
    body = "".join(
        f"@pytest.mark.points(1)\ndef test_{name}(seeded):\n    expect(seeded.random(), wanted=0.0, look_at='it')\n"
        for name in "ab"
    )
    runs = [scored(plain_lab, body, notebook, seed=seed) for seed in ("ada", "ada", "bo")]
    seen = [[run[name].got for name in ("test_a", "test_b")] for run in runs]
    assert seen[0] == seen[1]
    assert len({*seen[0], *seen[2]}) == 4


@pytest.mark.parametrize("texts", ["'', '', ''", "'w', '', ''", "'', 'g', 'l'"])
def test_every_failure_says_wanted_got_and_look_at_even_where_its_check_did_not(
    plain_lab: Lab, notebook: Notebook, texts: str
) -> None:
    body = f"from autograder.checks import CheckFailed\n@pytest.mark.points(1)\ndef test_it():\n    raise CheckFailed({texts})\n"
    check = scored(plain_lab, body, notebook)["test_it"]
    assert all((check.wanted, check.got, check.look_at))


def test_refused_submission_runs_no_check(plain_lab: Lab, notebook: Notebook) -> None:
    (plain_lab.checks / "test_plain.py").write_text(
        HEAD + "@pytest.mark.points(1)\ndef test_it():\n    raise SystemError('ran')\n"
    )
    view = SubmissionView(notebook, Execution((), (), "finished", "", 0.0))
    [check] = run_checks(plain_lab.checks, view, None, seed="", check_s=1, refused="it is no notebook")
    assert (check.reason, check.earned) == ("it is no notebook", 0)


def test_marks_and_titles_come_through(plain_lab: Lab, notebook: Notebook) -> None:
    body = (
        '@pytest.mark.points(1)\n@pytest.mark.given\n@pytest.mark.held\ndef test_it():\n    """Said so"""\n'
    )
    check = scored(plain_lab, body, notebook)["test_it"]
    assert replace(check, seconds=0.0) == CheckResult("test_it", "Said so", 1, 1, True, True, "passed")
