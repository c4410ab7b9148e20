"""Right answers that are written otherwise than the solution get full marks in the labs, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.discover import Lab, find_lab, read_labs
from autograder.grade import Job
from autograder.result import GRADED
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_one

LABS = read_labs(Path(__file__).resolve().parents[2] / "labs")

_REPORT = 'return {"batchItemFailures": failures}'
_RESOLVED = "return app.resolve(event, context)"
# Lab, answer cell, what the solution says there, and what says the same: as AWS reads it, not as this course writes it.
OTHERWISE = {
    "failures in another order, and nothing where nothing failed": (
        "09",
        "handler",
        _REPORT,
        f"failures.reverse()\n    {_REPORT} if failures else None",
    ),
    "an empty report": ("09", "handler", _REPORT, f"{_REPORT} if failures else {{}}"),
    "an exception where all failed, as Powertools raises one": (
        "09",
        "handler",
        _REPORT,
        f'if len(failures) == len(event["Records"]):\n        raise RuntimeError("all of them")\n    {_REPORT}',
    ),
    "a charset behind the media type": (
        "02",
        "order",
        '"content-type": "application/json"',
        '"Content-Type": "application/json; charset=utf-8"',
    ),
    "what is given, as a package, which Python takes for the module": (
        "22",
        "report-deploy",
        'deploy("cloudberry-report"',
        'Path("work/report/figures").mkdir(exist_ok=True)\n'
        'Path("work/report/figures.py").rename("work/report/figures/__init__.py")\n'
        'deploy("cloudberry-report"',
    ),
    "the world as a package": (
        "23",
        "order-deploy",
        'deploy("cloudberry-order"',
        'Path("work/order/shop").mkdir(exist_ok=True)\n'
        'Path("work/order/shop.py").rename("work/order/shop/__init__.py")\n'
        'deploy("cloudberry-order"',
    ),
    "a charset behind the media type of a page": (
        "13",
        "shop",
        _RESOLVED,
        'answer = app.resolve(event, context)\n    answer["multiValueHeaders"] = {}\n'
        '    answer["headers"] = {**answer["headers"], "Content-Type": "application/json; charset=utf-8"}\n'
        "    return answer",
    ),
}


def written_otherwise(lab: Lab, name: str, said: str, instead: str, path: Path) -> Path:
    """Write the lab's solution to ``path`` with ``instead`` for ``said`` in one answer cell."""
    document = json.loads(lab.solution.read_text("utf-8"))
    [cell] = [
        cell for cell in document["cells"] if f"answer:{name}" in cell.get("metadata", {}).get("tags", ())
    ]
    source = "".join(cell["source"])
    assert said in source
    cell["source"] = source.replace(said, instead)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", OTHERWISE)
def test_right_answer_that_is_written_otherwise_gets_full_marks(
    tmp_path: Path, foremen: Foremen, case: str
) -> None:
    number, name, said, instead = OTHERWISE[case]
    lab = find_lab(LABS, number)
    path = written_otherwise(lab, name, said, instead, tmp_path / "lab.ipynb")
    result = grade_one(Job(lab, Submission("ada", "ada", path), "seed"), foremen)
    missed = [(check.id, check.got, check.reason) for check in result.checks if check.outcome != "passed"]
    assert (result.status, missed, result.cell_errors) == (GRADED, [], ())


@pytest.mark.timeout(300)
def test_bare_list_of_ids_is_no_report(tmp_path: Path, foremen: Foremen) -> None:
    lab = find_lab(LABS, "09")
    instead = "return [failure['itemIdentifier'] for failure in failures]"
    path = written_otherwise(lab, "handler", _REPORT, instead, tmp_path / "lab.ipynb")
    result = grade_one(Job(lab, Submission("ada", "ada", path), "seed"), foremen)
    missed = {check.id for check in result.checks if check.outcome != "passed"}
    assert {"test_handler_names_the_failed_records", "test_handler_reports_any_batch_right"} <= missed
