"""What of the Lambda API is emulated: every operation of botocore's model beside what the sandbox declares to honour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from lambda_sandbox.control_plane.coverage import INVOKE, Coverage
from lambda_sandbox.control_plane.plane import COVERAGE
from lambda_sandbox.gateway.model import LambdaModel


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
    coverage = {**COVERAGE, "Invoke": INVOKE}
    return [
        _operation(name, tuple(model.members(operation.input)), coverage.get(name))
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
