"""Who is in the class: a CSV file, as a person writes it or as Canvas, Moodle and GitHub Classroom export it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import click

_MAX_BYTES = 20_000_000
# What a column may be called, in lower case; the first name that a file has is taken.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": (
        "student_id",
        "student id",
        "sid",
        "id number",
        "identifier",
        "sis user id",
        "id",
        "github_username",
        "email",
    ),
    "name": ("name", "full name", "student", "student name"),
    "first_name": ("first_name", "first name", "given name"),
    "last_name": ("last_name", "last name", "surname", "family name"),
    "email": ("email", "email address", "e-mail", "mail"),
    "section": ("section",),
    "canvas_id": ("canvas_id", "canvas id", "canvas user id"),
    "sis_user_id": ("sis_user_id", "sis user id"),
    "sis_login_id": ("sis_login_id", "sis login id", "login", "username"),
    "moodle_id": ("moodle_id", "moodle id", "participant"),
    "github": ("github", "github_username", "github username"),
    "lti_user_id": ("lti_user_id", "lti user id"),
}
# In a gradebook that Canvas exported, ``ID`` is Canvas's own; in Moodle's grading worksheet ``Identifier`` is Moodle's.
_CANVAS_EXPORT = {"student", "id", "sis login id"}
_MOODLE_EXPORT = {"identifier", "full name", "email address"}


@dataclass(frozen=True, slots=True)
class Student:
    """One row of the roster. ``id`` is unique and never empty; what the file does not say is an empty text."""

    id: str
    name: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    section: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    moodle_id: str = ""
    github: str = ""
    lti_user_id: str = ""


def read_roster(path: Path) -> list[Student]:
    """Return the students in the file's order.

    Raises click.UsageError for a file that is no table, has no column that names students, or names one twice.
    """
    columns, rows = _table(path)
    found = _meanings(columns)
    if "id" not in found:
        raise click.UsageError(
            f"{path} has no column that tells students apart: call one student_id, email or name "
            f"(it has {', '.join(columns) or 'none'})."
        )
    students = [
        _student({field: row.get(column, "").strip() for field, column in found.items()}) for row in rows
    ]
    # Canvas's second row says what is possible, and is nobody.
    students = [student for student in students if student.id and student.name != "Points Possible"]
    _refuse_twins(path, students)
    if not students:
        raise click.UsageError(f"{path} names no student.")
    return students


def simplified(name: str) -> str:
    """Return a name so that two spellings of it are equal: no accents, no case, letters and digits only, words sorted.

    >>> simplified("Núñez, Ana") == simplified("ana nunez")
    True
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name
    return " ".join(sorted(re.findall(r"\w+", plain.casefold())))


def find_student(students: list[Student], who: Mapping[str, str]) -> Student | None:
    """Return the one student that ``who`` (field of Student to value) means, ``None`` when it is none or several.

    Ids are tried before names: a name may belong to two people.
    """
    for field in ("canvas_id", "moodle_id", "github", "id", "email", "name"):
        wanted = who.get(field, "")
        if not wanted:
            continue
        found = [student for student in students if _means(student, field, wanted)]
        if len(found) == 1:
            return found[0]
    return None


def _means(student: Student, field: str, wanted: str) -> bool:
    if field == "name":
        return simplified(wanted) in {
            simplified(student.name),
            simplified(student.first_name + " " + student.last_name),
        }
    if field == "id":
        own = {student.id, student.sis_user_id, student.sis_login_id, student.github, student.email}
        return wanted.casefold() in {value.casefold() for value in own if value}
    return str(getattr(student, field)).casefold() == wanted.casefold()


def _table(path: Path) -> tuple[list[str], Iterator[dict[str, str]]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None
    if len(raw) > _MAX_BYTES or b"\0" in raw:
        raise click.UsageError(f"{path} is no CSV file: save the table as CSV (UTF-8).")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")  # what Excel writes on Windows
    import clevercsv  # a sixth of the grader's start, for what few gradings ask

    dialect = clevercsv.Detector().detect(text[:20_000], delimiters=[",", ";", "\t", "|"])
    delimiter = dialect.delimiter if dialect is not None and dialect.delimiter else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    columns = [name for name in reader.fieldnames or [] if name]
    return columns, (
        {key: value or "" for key, value in row.items() if isinstance(key, str)} for row in reader
    )


def _meanings(columns: list[str]) -> dict[str, str]:
    """Return which column holds which field of Student."""
    by_name = {re.sub(r"\s+", " ", name).strip().casefold(): name for name in columns}
    names = dict(_COLUMNS)
    if by_name.keys() >= _CANVAS_EXPORT:
        names |= {"canvas_id": ("id",), "id": ("sis user id", "sis login id", "id")}
    elif by_name.keys() >= _MOODLE_EXPORT:
        names |= {"moodle_id": ("identifier",), "id": ("id number", "email address")}
    found = {
        field: by_name[known]
        for field, wanted in names.items()
        if (known := next((name for name in wanted if name in by_name), None)) is not None
    }
    if "id" not in found and "name" in found:
        found["id"] = found["name"]
    return found


def _student(values: dict[str, str]) -> Student:
    first, last = values.get("first_name", ""), values.get("last_name", "")
    name = values.get("name") or f"{first} {last}".strip()
    if name and not (first or last):
        last, comma, first = name.partition(",")
        if not comma:
            first, _, last = name.rpartition(" ")
    moodle = values.get("moodle_id", "").removeprefix("Participant").strip()
    known = {field.name for field in fields(Student)}
    given = {key: value for key, value in values.items() if key in known}
    return Student(
        **given
        | {
            "id": values["id"] or values.get("email", "") or name,
            "name": name or values["id"],
            "first_name": first.strip(),
            "last_name": last.strip(),
            "moodle_id": moodle,
        }
    )


def _refuse_twins(path: Path, students: list[Student]) -> None:
    seen: set[str] = set()
    for student in students:
        if student.id.casefold() in seen:
            raise click.UsageError(f"{path} names {student.id} twice: give every student an id of their own.")
        seen.add(student.id.casefold())
