"""What of the Lambda API is emulated: every operation and every input member of botocore's model, with its status.

Made from the model, from the declarations that the control plane refuses requests by, and from the tests that prove an
operation, so it cannot drift from them. Two data files go with it, both written by ``make parity``: the tests that
prove an operation, and the members that have been looked at. A member that a newer botocore brings is in neither the
second file nor a declaration, and shows as ``unknown`` until somebody decides.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import botocore

from lambda_sandbox.control_plane.coverage import INVOCATIONS, Coverage
from lambda_sandbox.control_plane.plane import COVERAGE
from lambda_sandbox.gateway.model import LambdaModel

Status = Literal["works", "stored only", "in part", "refused", "unknown"]
STATUSES: tuple[Status, ...] = ("works", "stored only", "in part", "refused", "unknown")
PROOFS_FILE = "parity_proofs.json"
MEMBERS_FILE = "parity_members.json"
_UNPROVEN = "no test proves it"


@dataclass(frozen=True, slots=True)
class Member:
    """One input member by its dotted path; ``note`` says which part of it works."""

    path: str
    status: Status
    note: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``proofs`` are the ids of the tests that show it to work; ``note`` says what keeps it from *works*."""

    name: str
    status: Status
    note: str
    members: tuple[Member, ...]
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parity view is made from; tests put their own in."""

    model: LambdaModel
    coverage: Mapping[str, Coverage]
    proofs: Mapping[str, list[str]]
    known: Mapping[str, list[str]]

    @classmethod
    def shipped(cls) -> Evidence:
        """Return the installed botocore's model, the declarations, and the two files of this package."""
        return cls(LambdaModel.load(), {**COVERAGE, **INVOCATIONS}, _data(PROOFS_FILE), _data(MEMBERS_FILE))


def operations(evidence: Evidence | None = None) -> list[Operation]:
    """Return all operations of the model by name."""
    evidence = evidence or Evidence.shipped()
    return [_operation(name, evidence) for name in sorted(evidence.model.operations)]


def member_paths(model: LambdaModel, operation: str) -> list[str]:
    """Return the dotted paths of all input members, those of structures in lists and maps too."""
    return list(_paths(model, model.operations[operation].input, "", ()))


def totals(rows: list[Operation]) -> dict[str, dict[str, int]]:
    """Return how many operations and members have each status."""
    by_operation = Counter(row.status for row in rows)
    by_member = Counter(member.status for row in rows for member in row.members)
    return {
        "operations": {"all": len(rows)} | {status: by_operation[status] for status in STATUSES},
        "members": {"all": by_member.total()} | {status: by_member[status] for status in STATUSES},
    }


def to_json(rows: list[Operation]) -> dict[str, Any]:
    """Return the rows with their totals and botocore's version, ready for JSON."""
    return {
        "botocore": botocore.__version__,
        "totals": totals(rows),
        "operations": [
            {
                "name": row.name,
                "status": row.status,
                "note": row.note,
                "proofs": list(row.proofs),
                "members": [
                    {"member": each.path, "status": each.status, "note": each.note} for each in row.members
                ],
            }
            for row in rows
        ],
    }


def summary(rows: list[Operation]) -> str:
    """Return one sentence that counts the operations."""
    counts = totals(rows)["operations"]
    others = ", ".join(f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status])
    return f"{counts['works']} of {counts['all']} operations work" + (f" ({others})." if others else ".")


def markdown(rows: list[Operation]) -> str:
    """Return a section an operation, with a table of two columns: it fits a narrow screen."""
    return "\n".join([summary(rows), "", *(line for row in rows for line in _section(row))])


def _section(row: Operation) -> Iterator[str]:
    yield from (f"## {row.name}", "", f"**{row.status}**{f' ({row.note})' if row.note else ''}.")
    yield from (
        "",
        f"Proved by {_counted(len(row.proofs), 'test')}." if row.proofs else "Proved by no test.",
        "",
    )
    if not row.members:
        return
    yield from ("| Member | Status |", "|---|---|")
    for member in row.members:
        yield f"| `{member.path}` | {member.status}{f': {_cell(member.note)}' if member.note else ''} |"
    yield ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _operation(name: str, evidence: Evidence) -> Operation:
    coverage = evidence.coverage.get(name)
    known = frozenset(evidence.known.get(name, ()))
    shape = evidence.model.operations[name].input
    members = tuple(_members(evidence.model, shape, coverage or Coverage(), known, ""))
    proofs = tuple(evidence.proofs.get(name, ()))
    status, note = _whole(name in evidence.known, coverage, members, proofs)
    return Operation(name, status, note, members, proofs)


def _whole(
    known: bool, coverage: Coverage | None, members: tuple[Member, ...], proofs: tuple[str, ...]
) -> tuple[Status, str]:
    """A member that is honoured in part does not keep its operation from *works*: the table names the part."""
    unknown = [member.path for member in members if member.status == "unknown"]
    if not known or unknown:
        return "unknown", f"new in this botocore: {', '.join(unknown) or 'the operation'}"
    if coverage is None:
        return "refused", ""
    refused = [member.path for member in members if member.status == "refused"]
    if refused:
        return "in part", f"refused: {', '.join(refused)}"
    if coverage.limit:
        return "in part", coverage.limit
    return ("works", "") if proofs else ("in part", _UNPROVEN)


def _members(
    model: LambdaModel, shape: str | None, coverage: Coverage, known: frozenset[str], prefix: str
) -> Iterator[Member]:
    """Yield one row a member; a structure is opened where its members differ or where something in it is new."""
    for name, member in model.members(shape).items():
        path = prefix + name
        yield from _member(model, member["shape"], path, coverage, known)


def _member(
    model: LambdaModel, shape: str, path: str, coverage: Coverage, known: frozenset[str]
) -> Iterator[Member]:
    if path not in known:
        yield Member(path, "unknown")
        return
    status: Status = coverage.status(path)
    if status == "in part" and path not in coverage.only and path not in coverage.notes:
        yield from _members(model, shape, coverage, known, f"{path}.")
        return
    values = ", ".join(json.dumps(value).strip('"') for value in coverage.only.get(path, ()))
    said = coverage.reasons if status == "refused" else coverage.notes
    yield Member(path, status, f"only {values}" if values else said.get(path, ""))
    for inner in _paths(model, shape, f"{path}.", ()):
        if inner not in known:
            yield Member(inner, "unknown")


def _paths(model: LambdaModel, shape_name: str | None, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    if shape_name is None or shape_name in above:
        return
    shape = model.shapes[shape_name]
    inside = (*above, shape_name)
    for name, member in shape.get("members", {}).items():
        yield prefix + name
        yield from _paths(model, member["shape"], f"{prefix}{name}.", inside)
    for part in ("member", "value"):
        if part in shape:
            yield from _paths(model, shape[part]["shape"], prefix, inside)


@cache
def _data(name: str) -> dict[str, list[str]]:
    content: dict[str, list[str]] = json.loads(
        files("lambda_sandbox").joinpath(name).read_text(encoding="utf-8")
    )
    return content
