"""Rosters as people write them and as learning platforms export them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from autograder.roster import Student, find_student, read_roster


def roster(tmp_path: Path, text: str | bytes) -> list[Student]:
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_roster(path)


def test_a_table_that_a_person_wrote(tmp_path: Path) -> None:
    [ada, bo] = roster(
        tmp_path, "student_id,first name,last name,email\n7,Ada,Lovelace,ada@x.org\n8,Bo,Li,\n"
    )
    assert (ada.id, ada.name, ada.email) == ("7", "Ada Lovelace", "ada@x.org")
    assert (bo.id, bo.first_name, bo.last_name) == ("8", "Bo", "Li")


@pytest.mark.parametrize(
    "text",
    [
        "id;name\n7;Ada Lovelace\n",
        "\ufeffid,name\r\n7,Ada Lovelace\r\n",
        'id\tname\n"7"\t"Ada Lovelace"\n',
    ],
    ids=["semicolons", "mark and CR LF", "tabs and quotes"],
)
def test_any_dialect(tmp_path: Path, text: str) -> None:
    assert [(each.id, each.name) for each in roster(tmp_path, text)] == [("7", "Ada Lovelace")]


def test_what_excel_writes_on_windows(tmp_path: Path) -> None:
    assert roster(tmp_path, "id,name\n7,Núñez Ana\n".encode("cp1252"))[0].name == "Núñez Ana"


def test_a_gradebook_exported_from_canvas(tmp_path: Path) -> None:
    text = 'Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"Lovelace, Ada",4711,u7,ada,A\n'
    [ada] = roster(tmp_path, text)
    assert (ada.id, ada.canvas_id, ada.sis_login_id, ada.first_name) == ("u7", "4711", "ada", "Ada")


def test_a_grading_worksheet_of_moodle(tmp_path: Path) -> None:
    text = "Identifier,Full name,Email address,Status,Grade\nParticipant 4711,Ada Lovelace,ada@x.org,,\n"
    [ada] = roster(tmp_path, text)
    assert (ada.id, ada.moodle_id, ada.email) == ("ada@x.org", "4711", "ada@x.org")


def test_a_roster_of_github_classroom(tmp_path: Path) -> None:
    [ada] = roster(tmp_path, "identifier,github_username,github_id,name\nada@x.org,ada-l,1,Ada Lovelace\n")
    assert (ada.id, ada.github) == ("ada@x.org", "ada-l")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour,size\nred,1\n", "no column that tells students apart"),
        ("id,name\n7,Ada\n7,Bo\n", "names 7 twice"),
        ("id,name\n", "names no student"),
        (b"PK\x03\x04\0\0", "no CSV file"),
    ],
)
def test_a_bad_roster_is_one_sentence(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        roster(tmp_path, text)


def test_a_name_that_two_people_have_means_neither() -> None:
    twins = [Student("1", "Ada Li"), Student("2", "Li, Ada")]
    assert find_student(twins, {"name": "Ada Li"}) is None
    assert find_student(twins, {"name": "Ada Li", "id": "2"}) is twins[1]
