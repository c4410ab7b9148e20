"""What a learner has done: one small file outside of the course, so that an update of the course cannot touch it."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.catalogue import CheckSource, function_of, read_checks
from autograder.discover import Lab
from autograder.errors import GraderError
from autograder.report import write_atomically
from autograder.result import GRADED, Result

_VERSION = 1
PASSED = "passed"
_WHAT_TO_DO = "put that right, or set XDG_STATE_HOME to a folder that you can write to"


class ProgressDamaged(GraderError):
    """The file could not be read; it was set aside, and progress begins anew."""


@dataclass(slots=True)
class LabProgress:
    """``checks`` is check id to ``passed`` or ``failed``, as last seen; ``hints`` is check name to hints opened."""

    checks: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    checked_at: str = ""

    def passed(self, name: str) -> bool:
        """Say whether the check function ``name`` passed, with all of its parameters."""
        seen = [outcome for check, outcome in self.checks.items() if function_of(check) == name]
        return bool(seen) and all(outcome == PASSED for outcome in seen)


@dataclass(slots=True)
class Progress:
    """By lab slug. Labs and checks that a course no longer has stay in it and count for nothing."""

    labs: dict[str, LabProgress] = field(default_factory=dict)

    def of(self, lab: Lab) -> LabProgress:
        return self.of_slug(lab.slug)

    def of_slug(self, slug: str) -> LabProgress:
        return self.labs.setdefault(slug, LabProgress())

    def open_checks(self, lab: Lab) -> list[CheckSource]:
        """Return the learner's checks of a lab that have not passed yet, in their order."""
        return [check for check in public_checks(lab) if not self.of(lab).passed(check.name)]

    def finished(self, lab: Lab) -> bool:
        return bool(public_checks(lab)) and not self.open_checks(lab)


def public_checks(lab: Lab) -> list[CheckSource]:
    """Return the checks of a lab that the learner sees."""
    return [check for check in read_checks(lab.checks).values() if not check.held]


def next_lab(labs: list[Lab], progress: Progress) -> Lab | None:
    """Return the first lab that is not finished and whose ``after`` is; ``None`` when there is none."""
    finished = {lab.slug for lab in labs if progress.finished(lab)}
    known = {lab.slug for lab in labs}
    ready = (
        lab for lab in labs if lab.slug not in finished and finished.issuperset(known.intersection(lab.after))
    )
    return next(ready, None)


def progress_path() -> Path:
    """Return where progress is kept: ``$XDG_STATE_HOME``, else ``~/.local/state``, in ``lambda-course``."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "lambda-course" / "progress.json"


def read_progress(path: Path) -> Progress:
    """Return what is recorded; nothing yet where there is no file.

    Raises ProgressDamaged after setting a file aside that cannot be read, so that the next call finds none.
    """
    try:
        return _from_json(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Progress()
    except OSError as error:
        raise GraderError(
            f"Your progress in {path} cannot be read: {error.strerror}; {_WHAT_TO_DO}."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
        kept = path.with_name(f"progress.damaged-{stamp}.json")
        try:
            os.replace(path, kept)
        except OSError as error:
            raise _not_kept(path, error) from None
        raise ProgressDamaged(
            f"Your progress file was damaged and is kept as {kept}; progress begins anew: labs check fills it again."
        ) from None


@contextlib.contextmanager
def changing(path: Path) -> Iterator[Progress]:
    """Give the progress to change, and write it when the block ends; others wait for as long.

    Raises GraderError where the folder cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Some network drives have no locks.
            fcntl.flock(held.enter_context(path.with_name("lock").open("a")), fcntl.LOCK_EX)
        except OSError as error:
            raise _not_kept(path, error) from None
        progress = read_progress(path)
        yield progress
        try:
            write_atomically(path, json.dumps(_to_json(progress), indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise _not_kept(path, error) from None


def _not_kept(path: Path, error: OSError) -> GraderError:
    return GraderError(f"Your progress cannot be kept in {path.parent}: {error.strerror}; {_WHAT_TO_DO}.")


def record(progress: Progress, lab: Lab, result: Result) -> list[str]:
    """Take a result over and return the ids of the checks that pass now and did not before; held ones are left out.

    Progress is how the notebook stands: a check that fails now is open again. What could not be graded, and a file
    that is no notebook, say nothing about it and change nothing.
    """
    if result.status != GRADED or not result.read:
        return []
    mine = progress.of(lab)
    before = mine.checks
    mine.checks = {check.id: check.outcome for check in result.checks if not check.held}
    mine.checked_at = result.graded_at
    return [
        check for check, outcome in mine.checks.items() if outcome == PASSED and before.get(check) != PASSED
    ]


def _to_json(progress: Progress) -> dict[str, Any]:
    labs = {
        slug: {"checks": lab.checks, "hints": lab.hints, "checked_at": lab.checked_at}
        for slug, lab in progress.labs.items()
        if lab.checks or lab.hints
    }
    return {"version": _VERSION, "labs": labs}


def _from_json(document: dict[str, Any]) -> Progress:
    if document["version"] != _VERSION:
        raise ValueError("another version")
    labs = {str(slug): _lab(entry) for slug, entry in document["labs"].items()}
    return Progress(labs)


def _lab(entry: dict[str, Any]) -> LabProgress:
    checks = {str(check): str(outcome) for check, outcome in entry["checks"].items()}
    hints = {str(check): int(opened) for check, opened in entry["hints"].items()}
    return LabProgress(checks, hints, str(entry["checked_at"]))
