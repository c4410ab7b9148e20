"""Finding labs and submissions."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from autograder.discover import find_lab, labs_folder, read_labs
from autograder.submissions import find_submissions

TOML = """
[[lab]]
slug = "03-warm"
title = "Warm"
minutes = 20
[[lab]]
slug = "09-queues"
title = "Queues"
minutes = 30
requires = ["process"]
"""


@pytest.fixture
def labs_toml(tmp_path: Path) -> Path:
    (tmp_path / "labs.toml").write_text(TOML)
    return tmp_path


@pytest.mark.parametrize("name", ["09-queues", "09", "9"])
def test_lab_is_found_by_slug_or_number(labs_toml: Path, name: str) -> None:
    assert find_lab(read_labs(labs_toml), name).requires == ("process",)


def test_lab_is_found_by_the_folder_one_is_in(labs_toml: Path) -> None:
    (labs_toml / "03-warm" / "solution").mkdir(parents=True)
    assert find_lab(read_labs(labs_toml), None, labs_toml / "03-warm" / "solution").title == "Warm"


def test_a_course_that_is_not_where_it_is_said_to_be_is_refused(
    labs_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABS_FOLDER", str(labs_toml))
    assert labs_folder() == labs_toml
    monkeypatch.setenv("LABS_FOLDER", "/nope")
    with pytest.raises(click.UsageError, match=r"LABS_FOLDER is /nope, which holds no labs\.toml: set it"):
        labs_folder(labs_toml)


def test_unknown_lab_names_the_labs_there_are(labs_toml: Path) -> None:
    with pytest.raises(click.UsageError, match="03-warm, 09-queues"):
        find_lab(read_labs(labs_toml), "04")


def test_a_lab_names_the_clock_it_is_graded_by(labs_toml: Path) -> None:
    (labs_toml / "labs.toml").write_text(TOML + 'clock = "scaled:60"\n')
    assert [lab.clock for lab in read_labs(labs_toml)] == ["real", "scaled:60"]


@pytest.mark.parametrize("clock", ["'scaled:0'", "'fast'", "60", "'scaled:1000000'"])
def test_a_clock_that_is_none_is_refused(labs_toml: Path, clock: str) -> None:
    (labs_toml / "labs.toml").write_text(f"{TOML}clock = {clock}\n")
    with pytest.raises(click.UsageError, match=r"neither real nor scaled:FACTOR"):
        read_labs(labs_toml)


def test_a_lab_says_whether_iam_is_enforced(labs_toml: Path) -> None:
    (labs_toml / "labs.toml").write_text(TOML + "enforce_iam = true\n")
    assert [lab.enforce_iam for lab in read_labs(labs_toml)] == [False, True]
    (labs_toml / "labs.toml").write_text(TOML + 'enforce_iam = "yes"\n')
    with pytest.raises(click.UsageError, match="'yes' is neither true nor false"):
        read_labs(labs_toml)


def test_slug_that_leads_elsewhere_is_refused(labs_toml: Path) -> None:
    (labs_toml / "labs.toml").write_text('[[lab]]\nslug = "../x"\ntitle = ""\nminutes = 1\n')
    with pytest.raises(click.UsageError, match="cannot be read"):
        read_labs(labs_toml)


def test_submissions_are_named_by_file_or_by_folder(tmp_path: Path) -> None:
    for name in (
        "ada.ipynb",
        "bo/lab.ipynb",
        "cy/one.ipynb",
        "cy/two.ipynb",
        ".ipynb_checkpoints/x.ipynb",
        "n.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [found.name for found in find_submissions(tmp_path)]
    assert names == ["ada", "bo", "cy/one", "cy/two"]


def test_odd_and_look_alike_names_get_keys_of_their_own(tmp_path: Path) -> None:
    for name in ("Ada", "ada", "аda", "=cmd(),\n1", "💥"):
        (tmp_path / f"{name}.ipynb").touch()
    keys = [found.key for found in find_submissions(tmp_path)]
    assert len({key.casefold() for key in keys}) == 5
    assert all(
        key.replace("-", "").replace("_", "").isascii() and "/" not in key and "." not in key for key in keys
    )


def test_single_file_keeps_its_name_and_gets_a_safe_key(tmp_path: Path) -> None:
    (tmp_path / "a b.ipynb").touch()
    [found] = find_submissions(tmp_path / "a b.ipynb")
    assert (found.name, found.key) == ("a b", "a-b")


def test_nothing_to_grade_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(click.UsageError, match=r"nothing to grade|does not exist"):
            find_submissions(path)
