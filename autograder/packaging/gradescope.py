"""The zip that Gradescope asks for: ``setup.sh`` makes its image, ``run_autograder`` grades one submission.

Source: Gradescope Autograder Documentation, "Autograder specifications" and "Submission metadata".
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.errors import GraderFault
from autograder.exports.gradescope import results_json
from autograder.grade import Job
from autograder.report import render_text, write_atomically
from autograder.submissions import Submission
from autograder.workers import grade_one

_COURSE = Path(__file__).resolve().parent.parent.parent
_LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "solution"}
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # so that the same course makes the same zip
_SCRIPTS = ("setup.sh", "run_autograder")


def write(lab: Lab, folder: Path) -> list[Path]:
    """Write ``gradescope-<lab>.zip``: the grader, the sandbox, and the lab without its solution.

    Raises GraderFault where the course is installed without its pinned requirements.
    """
    target = folder / f"gradescope-{lab.slug}.zip"
    temporary = target.with_suffix(".part")
    seed = secrets.token_hex(16)
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _SCRIPTS:
            text = render_text(f"packages/{name}.j2", lab=lab, seed=seed)
            _add(archive, name, text.encode(), executable=True)
        for name, path in _course_files(lab):
            _add(archive, name, path.read_bytes(), executable=bool(path.stat().st_mode & stat.S_IXUSR))
        _add(archive, "labs/labs.toml", _listing(lab).encode(), executable=False)
    os.replace(temporary, target)
    return [target]


def _course_files(lab: Lab) -> Iterator[tuple[str, Path]]:
    for name in ("pyproject.toml", "requirements.txt"):
        if not (_COURSE / name).is_file():
            raise GraderFault(f"{_COURSE} holds no {name}: make the package in a clone of the course.")
        yield name, _COURSE / name
    for folder in ("autograder", "lambda_sandbox"):
        yield from _below(_COURSE / folder, folder)
    yield from _below(lab.folder, f"labs/{lab.slug}")


def _below(root: Path, name: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not path.is_symlink() and not _LEFT_OUT.intersection(parts):
            yield "/".join((name, *parts)), path


def _listing(lab: Lab) -> str:
    texts = {"slug": lab.slug, "title": lab.title, "page": lab.page}
    lines = [f"{name} = {json.dumps(value)}" for name, value in texts.items()]
    return "\n".join(["[[lab]]", *lines, f"minutes = {lab.minutes}", ""])


def _add(archive: zipfile.ZipFile, name: str, content: bytes, *, executable: bool) -> None:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    archive.writestr(entry, content)


def grade_submission(root: Path, lab_name: str, seed: str) -> None:
    """Grade what lies in ``root/submission`` and write ``root/results/results.json``: what ``run_autograder`` calls.

    Students are told apart by the ids in ``submission_metadata.json``, so their held inputs differ and stay the same.
    """
    lab = find_lab(read_labs(labs_folder()), lab_name)
    folder = root / "results"
    folder.mkdir(exist_ok=True)
    found = sorted((root / "submission").rglob("*.ipynb"))
    chosen = next((path for path in found if path.name == lab.notebook.name), found[0] if found else None)
    document = _nothing(lab) if chosen is None else _graded(lab, chosen, seed, _who(root))
    write_atomically(folder / "results.json", json.dumps(document, indent=2, allow_nan=False) + "\n")


def _graded(lab: Lab, path: Path, seed: str, who: str) -> dict[str, Any]:
    return results_json(grade_one(Job(lab, Submission(who, "submission", path), seed=seed)))


def _nothing(lab: Lab) -> dict[str, Any]:
    return {"score": 0, "output": f"There is no notebook in the submission: hand in {lab.notebook.name}."}


def _who(root: Path) -> str:
    try:
        metadata = json.loads((root / "submission_metadata.json").read_text("utf-8"))
        return "+".join(str(user["id"]) for user in metadata["users"]) or "student"
    except (OSError, ValueError, KeyError, TypeError):
        return "student"


if __name__ == "__main__":
    grade_submission(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
