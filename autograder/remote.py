"""Grades submissions that come as packets of JSON, on whatever machine this runs: ``python -m autograder.remote``.

A packet brings the notebook itself, so that the machines need share nothing but the course. One line in, one line out.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from autograder.discover import find_lab, labs_folder, read_labs
from autograder.errors import GraderError, GraderFault
from autograder.grade import Job, blank_result
from autograder.isolation import Isolation, lack, whole_isolation
from autograder.limits import Limits
from autograder.manifest import check_digests, grader_digest
from autograder.result import Result
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_one


def packet_of(job: Job, notebook: bytes, *, complete_isolation: bool) -> dict[str, Any]:
    """Return all that another machine needs to grade ``job`` as this one would."""
    return {
        "lab": job.lab.slug,
        "checks": check_digests(job.lab),
        "grader": grader_digest(job.lab),
        "name": job.submission.name,
        "key": job.submission.key,
        "student": job.submission.student,
        "late": job.submission.late,
        "file": job.submission.path.name,
        "notebook": base64.b64encode(notebook).decode("ascii"),
        "seed": job.seed,
        "limits": dataclasses.asdict(job.limits),
        "needs_sandbox": job.needs_sandbox,
        "only": sorted(job.only),
        "complete_isolation": complete_isolation,
    }


def grade_packet(packet: dict[str, Any], foremen: Foremen) -> Result:
    """Return the result; not graded where this machine would not grade as the one that asks."""
    with tempfile.TemporaryDirectory(prefix="labs-packet-") as folder:
        job = _job(packet, Path(folder))
        try:
            _refuse_other_course(packet, job)
            job = dataclasses.replace(job, isolation=_allowed(packet))
        except GraderError as fault:
            return dataclasses.replace(blank_result(job), fault=str(fault))
        return grade_one(job, foremen)


def _job(packet: dict[str, Any], folder: Path) -> Job:
    path = folder / os.path.basename(packet["file"])
    path.write_bytes(base64.b64decode(packet["notebook"]))
    submission = Submission(
        packet["name"], packet["key"], path, student=packet["student"], late=packet["late"]
    )
    return Job(
        find_lab(read_labs(labs_folder()), packet["lab"]),
        submission,
        seed=packet["seed"],
        limits=Limits(**packet["limits"]),
        needs_sandbox=packet["needs_sandbox"],
        only=frozenset(packet["only"]),
    )


def _refuse_other_course(packet: dict[str, Any], job: Job) -> None:
    here = os.uname().nodename
    if packet["checks"] != check_digests(job.lab) or packet["grader"] != grader_digest(job.lab):
        raise GraderFault(
            f"The worker on {here} has another version of the course: update it there, and grade again."
        )


def _allowed(packet: dict[str, Any]) -> Isolation:
    isolation = whole_isolation()
    lacking = lack(isolation, f"on {os.uname().nodename}")
    if packet["complete_isolation"] and lacking:
        raise GraderFault(lacking)
    return isolation


def main() -> None:
    """Answer each line of standard input by one of standard output, until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints, prints elsewhere
    with Foremen() as foremen:
        for line in sys.stdin:
            document = grade_packet(json.loads(line), foremen).to_json()
            answers.write(json.dumps(document, allow_nan=False) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
