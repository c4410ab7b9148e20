"""The result of one submission, typed, and the JSON that is published of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autograder import RESULT_SCHEMA_VERSION
from autograder.isolation import Isolation
from autograder.score import CheckResult

GRADED = "graded"
NOT_GRADED = "not_graded"


@dataclass(frozen=True, slots=True)
class Result:
    """What the gradebook gets for one submission.

    ``status`` is ``graded`` or ``not_graded``; in the second case there is no score and ``fault`` says why.
    ``student`` is the roster's id, empty where the submission belongs to nobody in it. ``warnings`` are about the
    notebook; ``cell_errors`` are the errors its cells ended with. Seconds are wall time.
    """

    lab: str
    submission: str
    key: str
    status: str
    checks: tuple[CheckResult, ...] = ()
    warnings: tuple[str, ...] = ()
    cell_errors: tuple[str, ...] = ()
    fault: str = ""
    isolation: Isolation | None = None
    notebook_sha256: str = ""
    seed: str = ""
    seconds: float = 0.0
    graded_at: str = ""
    student: str = ""
    late: bool = False

    @property
    def read(self) -> bool:
        """Say whether there was a notebook to grade; where none could be read every check failed, and none was run."""
        return bool(self.notebook_sha256)

    @property
    def score(self) -> int:
        return sum(check.earned for check in self.checks)

    @property
    def max_score(self) -> int:
        return sum(check.points for check in self.checks)

    def part(self, *, held: bool) -> tuple[int, int]:
        """Return points earned and points possible of the public or the held checks."""
        chosen = [check for check in self.checks if check.held is held]
        return sum(check.earned for check in chosen), sum(check.points for check in chosen)

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``schema/result.schema.json`` describes."""
        graded = self.status == GRADED
        public, held = self.part(held=False), self.part(held=True)
        return {
            "schema_version": RESULT_SCHEMA_VERSION,
            "lab": self.lab,
            "submission": self.submission,
            "key": self.key,
            "student": self.student or None,
            "late": self.late,
            "status": self.status,
            "score": self.score if graded else None,
            "max_score": self.max_score if graded else None,
            "public": {"score": public[0], "max_score": public[1]} if graded else None,
            "held": {"score": held[0], "max_score": held[1]} if graded else None,
            "checks": [asdict(check) for check in self.checks],
            "warnings": list(self.warnings),
            "cell_errors": list(self.cell_errors),
            "fault": self.fault or None,
            "isolation": _isolation(self.isolation),
            "notebook_sha256": self.notebook_sha256,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "graded_at": self.graded_at,
        }


def _isolation(isolation: Isolation | None) -> dict[str, Any] | None:
    if isolation is None:
        return None
    return {
        "level": isolation.level,
        "enforced": list(isolation.enforced),
        "missing": list(isolation.missing),
    }


def result_from_json(document: dict[str, Any]) -> Result:
    """Return the Result that ``to_json`` wrote; used between a worker and the process that started it."""
    isolation = document["isolation"]
    return Result(
        lab=document["lab"],
        submission=document["submission"],
        key=document["key"],
        student=document["student"] or "",
        late=document["late"],
        status=document["status"],
        checks=tuple(CheckResult(**check) for check in document["checks"]),
        warnings=tuple(document["warnings"]),
        cell_errors=tuple(document["cell_errors"]),
        fault=document["fault"] or "",
        isolation=Isolation(isolation["level"], tuple(isolation["enforced"]), tuple(isolation["missing"]))
        if isolation
        else None,
        notebook_sha256=document["notebook_sha256"],
        seed=document["seed"],
        seconds=document["seconds"],
        graded_at=document["graded_at"],
    )
