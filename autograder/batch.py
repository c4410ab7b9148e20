"""A class as a whole: what is already graded is kept, what a fix touches is run again, and the rest is graded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.catalogue import function_of
from autograder.discover import Lab
from autograder.grade import Job
from autograder.isolation import Isolation
from autograder.limits import Limits
from autograder.manifest import Manifest, file_digest, read_origin, write_origin
from autograder.report import write_result
from autograder.result import GRADED, Result, result_from_json
from autograder.score import CheckResult
from autograder.submissions import Submission

Runner = Callable[[list[Job]], Iterator[Result]]


@dataclass(slots=True)
class Plan:
    """``kept`` are whole and current, ``jobs`` are to be run; ``gone`` can be run no more: their files left or changed.

    ``older`` is by key the result into which the run of some checks is merged.
    """

    kept: list[Result] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    older: dict[str, Result] = field(default_factory=dict)
    gone: list[Submission] = field(default_factory=list)


def planned(
    manifest: Manifest,
    lab: Lab,
    out: Path,
    *,
    isolation: Isolation | None = None,
    complete_isolation: bool = False,
) -> Plan:
    """Return what is to be done so that every result in ``out`` is made from what ``manifest`` says.

    Jobs are graded with ``isolation``, or with what whoever carries them out has. With ``complete_isolation`` nothing is kept that was graded with less. Files that are not what the manifest names
    are ``gone``.
    """
    plan = Plan()
    for submission, digest in manifest.submissions:
        if file_digest(submission.path) != digest:
            plan.gone.append(submission)
            continue
        limits = Limits(wall_s=manifest.wall_s)
        job = Job(lab, submission, seed=manifest.seed, limits=limits, isolation=isolation)
        older = current(manifest, submission, digest, out)
        weak = older is not None and (older.isolation is None or bool(older.isolation.missing))
        if older is None or (complete_isolation and weak):
            plan.jobs.append(job)
            continue
        changed = _changed(manifest, out / submission.key)
        if changed:
            plan.older[submission.key] = older
            plan.jobs.append(replace(job, only=changed))
        else:
            plan.kept.append(older)
    return plan


def current(manifest: Manifest, submission: Submission, digest: str, out: Path) -> Result | None:
    """Return a result that still holds, but for checks that have changed since; ``None`` if all is to be graded."""
    origin = read_origin(out / submission.key)
    if origin is None or not digest or not origin.same_but_for_checks(manifest.origin(digest)):
        return None
    try:
        result = result_from_json(json.loads((out / submission.key / "result.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if result.status != GRADED or (result.lab, result.key) != (manifest.lab, submission.key):
        return None
    if result.submission != submission.name:  # the name is part of the seed of held checks
        return None
    return replace(result, student=submission.student, late=submission.late)


def _changed(manifest: Manifest, folder: Path) -> frozenset[str]:
    origin = read_origin(folder)
    before = origin.checks if origin else {}
    return frozenset(name for name, digest in manifest.checks.items() if before.get(name) != digest)


def carried_out(
    plan: Plan, manifest: Manifest, out: Path, runner: Runner, whys: dict[str, str]
) -> Iterator[Result]:
    """Run the plan's jobs and yield each result as it is written; those that are kept are written only if they changed.

    A result of some checks is merged into the older one; where that run failed, the older one stays as it is and what
    is yielded says why.
    """
    digests = {submission.key: digest for submission, digest in manifest.submissions}
    for kept in plan.kept:
        _keep(kept, manifest, digests[kept.key], out, whys)
    for result in runner(plan.jobs):
        older = plan.older.get(result.key)
        if older is not None and result.status != GRADED:
            yield result
            continue
        whole = merged(older, result, list(manifest.checks)) if older else result
        write_result(whole, out / whole.key, whys)
        if whole.notebook_sha256 in ("", digests[whole.key]):  # else it was replaced while it was graded
            write_origin(manifest.origin(digests[whole.key]), out / whole.key)
        yield whole


def _keep(result: Result, manifest: Manifest, digest: str, out: Path, whys: dict[str, str]) -> None:
    """Checks that the lab has no more go; whose submission it is may have been learned since."""
    whole = replace(result, checks=_in_order(result.checks, list(manifest.checks)))
    folder = out / result.key
    written = json.loads((folder / "result.json").read_text("utf-8"))
    if whole.to_json() != written:
        write_result(whole, folder, whys)
        write_origin(manifest.origin(digest), folder)


def merged(older: Result, newer: Result, order: list[str]) -> Result:
    """Return ``newer`` with the checks of ``older`` that it did not run, in the lab's ``order``; others are dropped."""
    again = {function_of(check.id) for check in newer.checks}
    kept = [check for check in older.checks if function_of(check.id) not in again]
    return replace(newer, checks=_in_order([*kept, *newer.checks], order))


def _in_order(checks: Iterable[CheckResult], order: list[str]) -> tuple[CheckResult, ...]:
    places = {name: place for place, name in enumerate(order)}
    known = [check for check in checks if function_of(check.id) in places]
    return tuple(sorted(known, key=lambda check: places[function_of(check.id)]))
