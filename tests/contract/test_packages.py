"""What ``labs package`` makes, run here as far as that goes without the places it is for."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from autograder.discover import find_lab, labs_folder, read_labs
from autograder.packaging import PLACES
from tests.contract.grading_stage import RIGHT, WRONG, Course, course, notebook
from tests.unit.autograder.test_exports import GRADESCOPE

__all__ = ["course"]


def packaged(course: Course, place: str, folder: Path) -> list[Path]:
    lab = find_lab(read_labs(course.labs), "7")
    folder.mkdir()
    return PLACES[place](lab, folder)


class Gradescope:
    """``/autograder`` as Gradescope's documentation lays it out, below a folder of the test's own."""

    def __init__(self, root: Path, package: Path) -> None:
        self.root = root
        for name in ("source", "submission", "results"):
            (root / name).mkdir(parents=True)
        subprocess.run(["unzip", "-q", str(package), "-d", str(root / "source")], check=True)
        shutil.copy2(root / "source" / "run_autograder", root / "run_autograder")
        users = [{"id": 7, "email": "ada@x.org", "name": "Ada"}]
        (root / "submission_metadata.json").write_text(json.dumps({"id": 1, "users": users}))

    def run(self) -> dict[str, Any]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "AUTOGRADER_ROOT": str(self.root),
            "AUTOGRADER_PYTHON": sys.executable,
        }
        done = subprocess.run(
            [str(self.root / "run_autograder")],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads((self.root / "results" / "results.json").read_text())
        return document


@pytest.fixture
def gradescope(course: Course, tmp_path: Path) -> Gradescope:
    [package] = packaged(course, "gradescope", tmp_path / "package")
    return Gradescope(tmp_path / "autograder", package)


def test_gradescopes_autograder_grades_what_was_handed_in(gradescope: Gradescope) -> None:
    notebook(gradescope.root / "submission" / "my work.ipynb", WRONG)
    document = gradescope.run()
    GRADESCOPE.validate(document)
    assert document["score"] == 1
    assert [test["visibility"] for test in document["tests"]] == ["visible", "hidden"]
    notebook(gradescope.root / "submission" / "lab.ipynb", RIGHT)  # the lab's own name goes first
    assert gradescope.run()["score"] == 3


def test_gradescopes_autograder_says_when_no_notebook_was_handed_in(gradescope: Gradescope) -> None:
    (gradescope.root / "submission" / "lab.txt").write_text("")
    document = gradescope.run()
    GRADESCOPE.validate(document)
    assert document["score"] == 0
    assert "hand in lab.ipynb" in document["output"]


def test_gradescopes_zip_holds_no_solution_and_scripts_that_bash_reads(
    course: Course, tmp_path: Path
) -> None:
    notebook(course.lab / "solution" / "lab.ipynb", RIGHT)
    [package] = packaged(course, "gradescope", tmp_path / "package")
    with zipfile.ZipFile(package) as archive:
        names = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        archive.extractall(tmp_path / "source")
    assert not [name for name in names if "solution" in name or "__pycache__" in name]
    assert {"labs/07-plain/checks/test_plain.py", "requirements.txt", "autograder/grade.py"} <= names.keys()
    for script in ("setup.sh", "run_autograder"):
        assert names[script] & stat.S_IXUSR
        subprocess.run(["bash", "-n", str(tmp_path / "source" / script)], check=True)


def workflow(course: Course, folder: Path) -> dict[str, Any]:
    [path] = packaged(course, "github", folder)
    assert path.relative_to(folder).as_posix() == ".github/workflows/07-plain.yml"
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


@pytest.mark.parametrize(("source", "code"), [(RIGHT, 0), (WRONG, 1)], ids=["right", "wrong"])
def test_the_workflows_own_steps_grade_a_repository(
    course: Course, tmp_path: Path, source: str, code: int
) -> None:
    job = workflow(course, tmp_path / "package")["jobs"]["grade"]
    place = tmp_path / "workspace"
    notebook(place / "handed-in" / "lab.ipynb", source)
    (place / "course").mkdir()
    (place / "course" / "labs").symlink_to(course.labs)
    own = labs_folder(Path(__file__)).parent
    (place / "course" / "autograder").symlink_to(own / "autograder")
    scripts = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for name in ("Grade", "All checks must pass"):
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", scripts[name]],
            cwd=place,
            env={**course.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == (code if name == "All checks must pass" else 0), done.stdout + done.stderr
    assert ("wanted" in done.stdout) is bool(code)
    assert (place / "results" / "junit.xml").is_file()


def test_the_workflow_reads_nothing_but_the_repository_and_keeps_the_report(
    course: Course, tmp_path: Path
) -> None:
    document = workflow(course, tmp_path / "package")
    assert document["permissions"] == {"contents": "read"}
    steps = document["jobs"]["grade"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    assert steps[-1]["if"] == "always()"
    assert "${{ vars.COURSE_REPOSITORY }}" in steps[1]["with"]["repository"]


def test_the_hubs_settings_are_ones_that_a_spawner_has(course: Course, tmp_path: Path) -> None:
    settings, note = packaged(course, "jupyterhub", tmp_path / "package")
    from traitlets.config import Config

    config = Config()
    exec(compile(settings.read_text(), str(settings), "exec"), {"get_config": lambda: config})
    documented = {"cmd", "default_url", "environment", "mem_limit", "cpu_limit", "start_timeout"}
    assert set(config.Spawner) == documented  # JupyterHub documentation, Configuration Reference, Spawner
    learner = type("Spawner", (), {"user": type("User", (), {"name": "ada"})()})()
    assert config.Spawner.environment["LABS_FOLDER"](learner) == "/home/ada/labs"
    assert "07-plain" in config.Spawner.default_url
    assert settings.name in note.read_text()
