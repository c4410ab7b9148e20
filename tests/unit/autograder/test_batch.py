"""A class is graded once: what is still true is kept, what a fix touches is run again, and nobody's score is made up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch import Plan, carried_out, merged, planned
from autograder.discover import Lab
from autograder.errors import GraderFault
from autograder.grade import Job, blank_result
from autograder.isolation import BARE, Isolation
from autograder.manifest import (
    Manifest,
    file_digest,
    manifest_of,
    read_manifest,
    read_origin,
    write_manifest,
    write_origin,
    writing,
)
from autograder.passed_over import PassedOver
from autograder.result import GRADED, Result
from autograder.roster import Student
from autograder.score import CheckResult
from autograder.submissions import find_submissions
from tests.plain_checks import CHECKS

from .conftest import Write

FULL = Isolation("bwrap", ("network",), ())


class Recorder:
    """A runner that passes every check it is asked for and remembers what it was asked."""

    def __init__(self, *, fail: frozenset[str] = frozenset(), stop_after: int = 1_000) -> None:
        self.asked: list[tuple[str, frozenset[str]]] = []
        self._fail = fail
        self._stop_after = stop_after

    def __call__(self, jobs: list[Job]) -> Iterator[Result]:
        for job in jobs:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append((job.submission.key, job.only))
            blank = replace(blank_result(job), isolation=FULL)
            if job.submission.key in self._fail:
                yield replace(blank, fault="The machine is too busy.")
                continue
            names = job.only or {"test_total", "test_printed"}
            checks = tuple(
                CheckResult(name, name, 1, 1, name == "test_printed", False, "passed")
                for name in ("test_printed", "test_total")
                if name in names
            )
            digest = file_digest(job.submission.path)
            yield replace(blank, status=GRADED, fault="", checks=checks, notebook_sha256=digest)


@pytest.fixture
def folder(tmp_path: Path, write_notebook: Write) -> Path:
    place = tmp_path / "handed-in"
    for name in ("ada", "bo", "cy"):
        write_notebook(("facts", f"total = 3  # {name}"), name=f"{name}.ipynb", folder=place)
    return place


def manifest(lab: Lab, folder: Path, seed: str = "s") -> Manifest:
    return manifest_of(lab, find_submissions(folder), [Student("ada", "Ada")], seed=seed, wall_s=20.0)


def run(manifest: Manifest, lab: Lab, out: Path, runner: Recorder) -> tuple[Plan, list[Result]]:
    out.mkdir(exist_ok=True)
    plan = planned(manifest, lab, out)
    return plan, list(carried_out(plan, manifest, out, runner, {}))


def test_an_interrupted_run_goes_on_and_grades_nobody_twice(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    out, first, second = tmp_path / "out", Recorder(stop_after=2), Recorder()
    with pytest.raises(KeyboardInterrupt):
        run(manifest(plain_lab, folder), plain_lab, out, first)
    plan, results = run(manifest(plain_lab, folder), plain_lab, out, second)
    assert [key for key, _ in first.asked] == ["ada", "bo"]
    assert [key for key, _ in second.asked] == ["cy"]
    assert [result.key for result in plan.kept] == ["ada", "bo"]
    assert [result.key for result in results] == ["cy"]


def test_what_was_not_graded_is_tried_again(plain_lab: Lab, folder: Path, tmp_path: Path) -> None:
    run(manifest(plain_lab, folder), plain_lab, tmp_path / "out", Recorder(fail=frozenset({"bo"})))
    again = Recorder()
    run(manifest(plain_lab, folder), plain_lab, tmp_path / "out", again)
    assert again.asked == [("bo", frozenset())]


def test_a_notebook_that_was_handed_in_anew_is_graded_anew(
    plain_lab: Lab, folder: Path, tmp_path: Path, write_notebook: Write
) -> None:
    run(manifest(plain_lab, folder), plain_lab, tmp_path / "out", Recorder())
    write_notebook(("facts", "total = 5"), name="bo.ipynb", folder=folder)
    again = Recorder()
    run(manifest(plain_lab, folder), plain_lab, tmp_path / "out", again)
    assert again.asked == [("bo", frozenset())]


@pytest.mark.parametrize(
    "change",
    [{"seed": "other"}, {"grader": "other"}, {"wall_s": 99.0}],
    ids=["another seed", "another grader", "another time limit"],
)
def test_what_decides_about_every_score_makes_all_of_them_anew(
    plain_lab: Lab, folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    before = manifest(plain_lab, folder)
    run(before, plain_lab, tmp_path / "out", Recorder())
    again = Recorder()
    run(replace(before, **change), plain_lab, tmp_path / "out", again)  # type: ignore[arg-type]
    assert [key for key, _ in again.asked] == ["ada", "bo", "cy"]


def test_a_result_that_was_tampered_with_or_cut_off_is_made_anew(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(manifest(plain_lab, folder), plain_lab, out, Recorder())
    document = json.loads((out / "ada" / "result.json").read_text())
    (out / "ada" / "result.json").write_text(json.dumps({**document, "score": 99}))
    (out / "bo" / "made-from.json").write_text("{")
    again = Recorder()
    run(manifest(plain_lab, folder), plain_lab, out, again)
    assert [key for key, _ in again.asked] == ["ada", "bo"]


def test_results_with_less_isolation_are_not_kept_where_all_of_it_is_required(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    out, here = tmp_path / "out", manifest(plain_lab, folder)
    run(here, plain_lab, out, Recorder())
    assert planned(here, plain_lab, out, complete_isolation=True).jobs == []
    document = json.loads((out / "ada" / "result.json").read_text())
    weak = {"level": BARE.level, "enforced": list(BARE.enforced), "missing": list(BARE.missing)}
    (out / "ada" / "result.json").write_text(json.dumps({**document, "isolation": weak}))
    origin = here.origin(file_digest(folder / "ada.ipynb"))
    write_origin(origin, out / "ada")
    assert planned(here, plain_lab, out).jobs == []
    jobs = planned(here, plain_lab, out, complete_isolation=True).jobs
    assert [job.submission.key for job in jobs] == ["ada"]


def test_only_the_check_that_a_fix_touches_is_run_and_merged(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(manifest(plain_lab, folder), plain_lab, out, Recorder())
    file = plain_lab.checks / "test_plain.py"
    file.write_text(CHECKS.replace("wanted=3", "wanted=4"))
    again = Recorder(fail=frozenset({"bo"}))
    _, results = run(manifest(plain_lab, folder), plain_lab, out, again)
    assert {only for _, only in again.asked} == {frozenset({"test_total"})}
    assert {result.key: len(result.checks) for result in results} == {"ada": 2, "bo": 0, "cy": 2}
    # Bo's run failed: the older result stands, and the next run tries that check again.
    assert json.loads((out / "bo" / "result.json").read_text())["status"] == GRADED
    once_more = Recorder()
    run(manifest(plain_lab, folder), plain_lab, out, once_more)
    assert once_more.asked == [("bo", frozenset({"test_total"}))]


def test_a_check_that_is_taken_out_leaves_the_results_without_a_run(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(manifest(plain_lab, folder), plain_lab, out, Recorder())
    (plain_lab.checks / "test_plain.py").write_text(CHECKS.split("@pytest.mark.points(1)")[0])
    again = Recorder()
    run(manifest(plain_lab, folder), plain_lab, out, again)
    assert again.asked == []
    document = json.loads((out / "ada" / "result.json").read_text())
    assert [check["id"] for check in document["checks"]] == ["test_total"]
    assert read_origin(out / "ada") is not None


def test_merging_keeps_the_order_of_the_lab_and_every_parameter() -> None:
    def check(name: str, earned: int) -> CheckResult:
        return CheckResult(name, name, 1, earned, False, False, "passed" if earned else "failed")

    older = Result("l", "a", "a", GRADED, (check("test_a[1]", 1), check("test_a[2]", 0), check("test_b", 0)))
    newer = replace(older, checks=(check("test_b", 1),))
    whole = merged(older, newer, ["test_b", "test_a"])
    assert [(each.id, each.earned) for each in whole.checks] == [
        ("test_b", 1),
        ("test_a[1]", 1),
        ("test_a[2]", 0),
    ]


def test_files_that_are_gone_or_changed_are_named_and_not_run(
    plain_lab: Lab, folder: Path, tmp_path: Path, write_notebook: Write
) -> None:
    here = manifest(plain_lab, folder)
    (folder / "ada.ipynb").unlink()
    write_notebook(("facts", "total = 9"), name="bo.ipynb", folder=folder)
    plan, _ = run(here, plain_lab, tmp_path / "out", Recorder())
    assert [submission.key for submission in plan.gone] == ["ada", "bo"]
    assert [job.submission.key for job in plan.jobs] == ["cy"]


def test_a_link_or_a_pipe_is_no_file_and_never_kept(plain_lab: Lab, folder: Path, tmp_path: Path) -> None:
    (folder / "dan.ipynb").symlink_to(folder / "ada.ipynb")
    os.mkfifo(folder / "eve.ipynb")
    assert (file_digest(folder / "dan.ipynb"), file_digest(folder / "eve.ipynb")) == ("", "")
    for _ in range(2):
        runner = Recorder()
        run(manifest(plain_lab, folder), plain_lab, tmp_path / "out", runner)
        assert {"dan", "eve"} <= {key for key, _ in runner.asked}


def test_the_manifest_reads_back_as_it_was_written(plain_lab: Lab, folder: Path, tmp_path: Path) -> None:
    here = manifest(plain_lab, folder)
    noted = [(replace(submission, notes=("late",)), digest) for submission, digest in here.submissions]
    here = replace(here, submissions=tuple(noted))
    write_manifest(here, tmp_path)
    assert read_manifest(tmp_path) == here
    (tmp_path / "class.json").write_text('{"version": 1}')
    with pytest.raises(GraderFault, match="--fresh"):
        read_manifest(tmp_path)
    assert read_manifest(tmp_path / "elsewhere") is None


def test_two_commands_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with (
        writing(tmp_path / "out"),
        pytest.raises(GraderFault, match="Another labs command"),
        writing(tmp_path / "out"),
    ):
        pass


def test_what_was_no_notebook_is_still_named_after_an_interruption(
    plain_lab: Lab, folder: Path, tmp_path: Path
) -> None:
    others = (PassedOver("Bo Li", "bo", ("bo.pdf", "bo.py")),)
    made = replace(manifest(plain_lab, folder), others=others)
    write_manifest(made, tmp_path)
    assert read_manifest(tmp_path) == made
    document = json.loads((tmp_path / "class.json").read_text())
    del document["others"]  # as an earlier version wrote it
    (tmp_path / "class.json").write_text(json.dumps(document))
    assert read_manifest(tmp_path) == replace(made, others=())
