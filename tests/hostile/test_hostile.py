"""No submission gets more than its honest part, and none touches another, the machine, or the gradebook."""

from __future__ import annotations

import csv
import json
import select
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from autograder.exports import FORMATS
from autograder.gradebook import gradebook
from autograder.report import result_schema
from autograder.result import GRADED, Result

from .attacks import HOSTILE
from .attacks.reading import READING
from .attacks.sandboxes import FILLS_ITS_DISK, FILLS_ITS_SANDBOX, HANGS_ITS_SANDBOX, reaches_by_services
from .batch import LIMITS, graded_batch, hand_in, jobs_of
from .conftest import _AWS_AT_BARE, EVERYTHING, LEVELS, NEIGHBOURS, Batch, lacks
from .malformed import MALFORMED
from .submitted import ALL, Submitted

pytestmark = pytest.mark.timeout(900)  # the first test of a level waits for its whole batch

every_level = pytest.mark.parametrize("batch", LEVELS, indirect=True)


def cases(names: dict[str, object] | list[str]) -> pytest.MarkDecorator:
    """Return the parametrisation by level and submission; what the level cannot hold is skipped and says why."""
    return pytest.mark.parametrize(
        ("batch", "name"), list(_cases(names)), indirect=["batch"], scope="session"
    )


def _cases(names: dict[str, object] | list[str]) -> Iterator[object]:
    for level in LEVELS:
        for name in names:
            one = EVERYTHING[name]
            why = lacks(one, level)
            if level == "bare" and one.aws and name not in _AWS_AT_BARE:
                continue
            marks = [pytest.mark.skip(reason=why)] if why else []
            yield pytest.param(level, name, id=f"{level}-{name}", marks=marks)


@cases(NEIGHBOURS)
def test_what_stands_beside_does_not_change_a_result(batch: Batch, name: str) -> None:
    result = batch.results[name]
    assert (result.status, result.score) == (GRADED, NEIGHBOURS[name].expected), result.to_json()


@cases(HOSTILE)
def test_hostile_submission_gets_its_honest_part_and_no_more(batch: Batch, name: str) -> None:
    result = batch.results[name]
    assert (result.status, result.score) == (GRADED, HOSTILE[name].expected), result.to_json()


@cases([name for name, one in EVERYTHING.items() if one.says])
def test_what_happened_is_said_in_a_warning(batch: Batch, name: str) -> None:
    warnings = batch.results[name].warnings
    assert any(EVERYTHING[name].says in warning for warning in warnings), warnings


def test_a_sandbox_that_is_stopped_twice_is_no_fault_of_the_machine(tmp_path: Path) -> None:
    hand_in(tmp_path, {"hangs": HANGS_ITS_SANDBOX})
    limits = replace(LIMITS, wall_s=60.0, check_s=3.0)
    [result] = graded_batch(jobs_of(tmp_path, ["hangs"], LEVELS["best"], limits), tmp_path / "out")
    assert (result.status, result.score) == (GRADED, HANGS_ITS_SANDBOX.expected), result.to_json()
    assert any(HANGS_ITS_SANDBOX.says in warning for warning in result.warnings), result.warnings
    assert {check.reason for check in result.checks} == {result.warnings[-1]}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("fills", [FILLS_ITS_SANDBOX, FILLS_ITS_DISK], ids=["memory", "disk"])
def test_a_sandbox_that_is_filled_is_ended_alone_and_the_student_reads_why(
    tmp_path: Path, level: str, fills: Submitted
) -> None:
    hand_in(tmp_path, {"fills": fills, "neighbour": NEIGHBOURS["a-neighbour"]})
    limits = replace(LIMITS, wall_s=60.0, sandbox_mb=400, sandbox_disk_mb=600)
    jobs = jobs_of(tmp_path, ["fills", "neighbour"], LEVELS[level], limits)
    results = {result.submission: result for result in graded_batch(jobs, tmp_path / "out")}
    filled, neighbour = results["fills"], results["neighbour"]
    assert (filled.status, filled.score) == (GRADED, fills.expected), filled.to_json()
    assert filled.warnings == (f"the notebook made its sandbox {fills.says}",)
    assert {check.reason for check in filled.checks} == set(filled.warnings)
    assert filled.seconds < limits.wall_s
    assert (neighbour.status, neighbour.score) == (GRADED, NEIGHBOURS["a-neighbour"].expected)


@pytest.mark.parametrize("level", LEVELS)
def test_services_reach_no_server_and_no_file_of_the_machine(tmp_path: Path, level: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a check that nobody may read")
    (tmp_path / "in").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as another:
        address = f"http://127.0.0.1:{another.getsockname()[1]}"
        hand_in(tmp_path / "in", {"looks": reaches_by_services(address, str(secret))})
        jobs = jobs_of(tmp_path / "in", ["looks"], LEVELS[level], replace(LIMITS, wall_s=60.0))
        [result] = graded_batch(jobs, tmp_path / "out")
        came, _, _ = select.select([another], [], [], 0)
    [shown] = [check.got for check in result.checks if check.id == "test_shows_what_it_printed"]
    assert came == []
    assert "FOUND []" in shown
    assert secret.read_text() not in shown
    assert result.score == ALL


@every_level
@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_notebook_gets_zero_with_one_plain_sentence(batch: Batch, name: str) -> None:
    assert_refused(batch.results[name], MALFORMED[name][1])


@every_level
def test_links_pipes_and_folders_are_not_followed(batch: Batch) -> None:
    for name, said in batch.odd.items():
        assert_refused(batch.results[name], said)


def assert_refused(result: Result, said: str) -> None:
    """Assert a score of 0 with the same single sentence for every check, and ``said`` in it."""
    reasons = {check.reason for check in result.checks}
    assert (result.status, result.score, len(reasons)) == (GRADED, 0, 1)
    reason = reasons.pop()
    assert said in reason
    assert "\n" not in reason


@every_level
def test_every_submission_has_one_result_that_fits_the_published_schema(batch: Batch) -> None:
    validator = jsonschema.Draft202012Validator(result_schema())
    written = [json.loads(path.read_text("utf-8")) for path in batch.out.glob("*/result.json")]
    assert len(written) == len(batch.results) > 60
    for document in written:
        validator.validate(document)
    assert {path.name for path in batch.out.glob("*/*")} == {"result.json", "report.html"}
    assert {document["submission"] for document in written} == set(batch.results)


@every_level
def test_no_script_of_a_submission_reaches_a_report(batch: Batch) -> None:
    pages = [path.read_text("utf-8") for path in batch.out.glob("*/report.html")]
    assert not [page for page in pages if "<script" in page or "\x1b" in page]
    assert any("&lt;script&gt;alert(1)" in page for page in pages)


@every_level
def test_a_spreadsheet_runs_nothing_and_has_a_row_for_each(batch: Batch, tmp_path: Path) -> None:
    results = [*batch.results.values()]
    book = gradebook(results, [], "Lab")
    for write in FORMATS.values():
        for path in write(book, tmp_path):
            if path.suffix == ".csv":
                with path.open(newline="", encoding="utf-8-sig") as stream:
                    rows = list(csv.reader(stream))
                assert len(rows) >= len(results)
                assert len({len(row) for row in rows}) == 1
                assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "-r"))]


@every_level
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("hostile-reads-files", "FOUND []"),
        ("hostile-reads-environment", "SECRETS []"),
        ("hostile-writes-to-every-handle", "WROTE []"),
        ("hostile-network", "REACHED []"),
        ("hostile-real-aws", "REACHED []"),
        ("hostile-ptrace", "DONE []"),
        ("hostile-leaves-its-folders", "OUT []"),
        ("hostile-raises-its-limits", "LIMIT False False False"),
    ],
)
def test_the_search_ran_to_its_end_and_found_nothing(batch: Batch, name: str, wanted: str) -> None:
    if name not in batch.results:
        pytest.skip(f"needs {HOSTILE[name].needs}")
    result = batch.results[name]
    [shown] = [check.got for check in result.checks if check.id == "test_shows_what_it_printed"]
    assert result.cell_errors == ()
    assert wanted in shown
    assert "SECRETS 1" not in shown


@cases([*READING])
def test_the_search_for_the_word_broke_off_nowhere(batch: Batch, name: str) -> None:
    assert batch.results[name].cell_errors == ()


@every_level
@pytest.mark.parametrize(
    "what", ["processes", "planted files", "control groups", "shared memory", "temporary files", "knocks"]
)
def test_nothing_is_left_behind(batch: Batch, what: str) -> None:
    assert batch.left[what] == set()


@pytest.mark.parametrize(
    ("batch", "level"), [(name, LEVELS[name].level) for name in LEVELS], indirect=["batch"]
)
def test_isolation_is_stated_in_every_result(batch: Batch, level: str) -> None:
    assert {result.isolation.level for result in batch.results.values() if result.isolation} == {level}
