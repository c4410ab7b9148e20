"""What of the Lambda API is emulated: every operation of botocore's model beside what the sandbox declares to honour.

Made from the model and from the declarations that the control plane refuses requests by, so it cannot drift from them.
Two views of the same: ``operations`` has one entry an operation, ``parity_rows`` one an input member, with the values
that a member in part takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lambda_sandbox.control_plane.coverage import INVOKE, Coverage
from lambda_sandbox.control_plane.plane import COVERAGE
from lambda_sandbox.gateway.model import LambdaModel

Format = Literal["table", "json", "markdown"]
_COVERAGE: dict[str, Coverage] = {**COVERAGE, "Invoke": INVOKE}
_HEADINGS = ("Operation", "Member", "Status", "Note")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API. The tuples name members of its input; those of ``refused`` get an error, none is ignored."""

    name: str
    emulated: bool
    works: tuple[str, ...] = ()
    in_part: tuple[str, ...] = ()
    stored_only: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def operations(model: LambdaModel | None = None) -> list[Operation]:
    """Return all operations of the model by name; without ``model`` the one that the installed botocore has."""
    model = model or LambdaModel.load()
    return [
        _operation(name, tuple(model.members(operation.input)), _COVERAGE.get(name))
        for name, operation in sorted(model.operations.items())
    ]


def _operation(name: str, members: tuple[str, ...], coverage: Coverage | None) -> Operation:
    if coverage is None:
        return Operation(name, emulated=False)

    def those(status: str) -> tuple[str, ...]:
        return tuple(member for member in members if coverage.status(member) == status)

    return Operation(name, True, those("works"), those("in part"), those("stored only"), those("refused"))


def markdown(rows: Iterable[Operation]) -> str:
    """Return the rows as a Markdown table, with a sentence that counts them."""
    rows = list(rows)
    emulated = sum(row.emulated for row in rows)
    lines = [
        f"{emulated} of {len(rows)} operations are emulated. What is not answers with an error that names it.",
        "",
        "| Operation | Emulated | Works | In part | Stored only | Refused |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {'yes' if row.emulated else 'no'} | {_names(row.works)} | {_names(row.in_part)} | "
        f"{_names(row.stored_only)} | {_names(row.refused)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _names(members: tuple[str, ...]) -> str:
    return ", ".join(f"`{member}`" for member in members)


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One member of one operation; ``member`` is empty for the operation as a whole.

    ``status`` is ``works``, ``stored only``, ``in part`` or ``refused``; ``note`` says which values ``in part`` takes.
    """

    operation: str
    member: str
    status: str
    note: str = ""


def parity_rows(model: LambdaModel | None = None) -> list[ParityRow]:
    """Return the rows by operation: one for each that is refused as a whole, else one for it and one a member."""
    model = model or LambdaModel.load()
    rows: list[ParityRow] = []
    for name, operation in sorted(model.operations.items()):
        coverage = _COVERAGE.get(name)
        if coverage is None:
            rows.append(ParityRow(name, "", "refused"))
            continue
        members = list(_member_rows(model, name, coverage, operation.input, ""))
        rows.append(ParityRow(name, "", _whole(members)))
        rows.extend(members)
    return rows


def render(format: Format = "table") -> str:
    """Return the rows as a table for a terminal, as JSON or as a Markdown table; each ends with a newline."""
    rows = parity_rows()
    if format == "json":
        return json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    cells = [(row.operation, row.member, row.status, row.note) for row in rows]
    return _markdown(cells) if format == "markdown" else _table(cells)


def _whole(members: list[ParityRow]) -> str:
    return "works" if all(row.status == "works" for row in members) else "in part"


def _member_rows(
    model: LambdaModel, operation: str, coverage: Coverage, shape: str | None, prefix: str
) -> Iterator[ParityRow]:
    for name, member in model.members(shape).items():
        path = prefix + name
        status = coverage.status(path)
        if status == "in part" and path not in coverage.only and path not in coverage.notes:
            yield from _member_rows(model, operation, coverage, member["shape"], f"{path}.")
            continue
        values = ", ".join(_shown(value) for value in coverage.only.get(path, ()))
        yield ParityRow(operation, path, status, f"only {values}" if values else coverage.notes.get(path, ""))


def _shown(value: Any) -> str:
    return json.dumps(value).strip('"')


def _table(cells: list[tuple[str, str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in [_HEADINGS, *cells]) for column in range(4)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in [_HEADINGS, *cells]
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _markdown(cells: list[tuple[str, str, str, str]]) -> str:
    quoted = [
        tuple(f"`{text}`" if text and column < 2 else text for column, text in enumerate(row))
        for row in cells
    ]
    rows = [_HEADINGS, ("---",) * 4, *quoted]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
