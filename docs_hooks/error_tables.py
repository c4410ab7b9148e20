"""The errors: codes and statuses from botocore's model and the sandbox's own tree, in words from ``docs/errors.yaml``."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.loaders import Loader

from lambda_sandbox import errors
from lambda_sandbox.errors import ApiError

_FEW = 4  # operations that are named; of more, only their number is told


@dataclass(frozen=True, slots=True)
class ApiFault:
    """One error answer of the API. ``status`` is its HTTP status; ``operations`` are those whose model names it."""

    code: str
    status: int
    operations: tuple[str, ...]
    of_aws: bool
    of_sandbox: bool


@functools.cache
def api_faults() -> tuple[ApiFault, ...]:
    """Return every error of botocore's model and of the sandbox, by its code."""
    model = Loader().load_service_model("lambda", "service-2")
    here = {each.__name__: each for each in _subclasses(ApiError)}
    of_aws = {name: shape for name, shape in model["shapes"].items() if shape.get("exception")}
    operations = _operations(model)
    return tuple(
        ApiFault(
            code,
            of_aws[code]["error"]["httpStatusCode"] if code in of_aws else here[code].status,
            operations[code],
            code in of_aws,
            code in here,
        )
        for code in sorted(of_aws.keys() | here.keys())
    )


def _subclasses(of: type[ApiError]) -> Iterator[type[ApiError]]:
    for each in of.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from _subclasses(each)


def _operations(model: dict[str, Any]) -> defaultdict[str, tuple[str, ...]]:
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, operation in sorted(model["operations"].items()):
        for error in operation.get("errors", ()):
            found[error["shape"]] += (name,)
    return found


def words(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Return what ``docs/errors.yaml`` says: for ``api``, ``functions`` and ``extensions``, each code's when and do."""
    rows: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows


def page(path: Path) -> str:
    """Return ``reference/errors.md``. Raises ``KeyError`` for an error that has no words."""
    told = words(path)
    api = [_api_row(fault, told["api"][fault.code]) for fault in api_faults()]
    return "\n".join(
        [
            "---\ntitle: Errors\ntags: [out of memory, exception, AccessDenied]\nsearch:\n  boost: 2\n---\n# Errors\n",
            "Three kinds, and the first question is always which. An **API error** is an exception in boto3: the function did "
            "not run. A **function error** comes with status 200 and `FunctionError`: it ran, and failed. An **extension's "
            "error** is an answer to an extension inside the environment. Codes and statuses are made from botocore's model "
            "and the sandbox's code when the site is built.\n",
            "## API errors\n",
            '<div class="made errors" markdown>\n',
            "| Code | When | What to do next |\n|---|---|---|",
            *api,
            "\n</div>\n",
            "## Function errors\n",
            "`errorType` in the payload, and `Error Type` in the REPORT line. An exception of your own code has its own name "
            "there, such as `KeyError`; these are the runtime's and the platform's.\n",
            *_table(told["functions"]),
            "## Errors of the Extensions API\n",
            *_table(told["extensions"]),
        ]
    )


def _api_row(fault: ApiFault, said: dict[str, str]) -> str:
    where = ""
    if not fault.of_sandbox:
        where = " <br><small>Never here: the sandbox has nothing that could raise it.</small>"
    elif not fault.of_aws and fault.code != "NotImplementedException":
        where = " <br><small>Common to AWS's services: not in Lambda's own model.</small>"
    few = 0 < len(fault.operations) <= _FEW
    by = f" <br><small>{', '.join(map(_parts, fault.operations))}</small>" if few else ""
    name = f'<span id="{fault.code.lower()}">{_breakable(fault.code)}</span> {fault.status}{by}'
    return f"| {name} | {said['when']}{where} | {said['do']} |"


def _breakable(name: str) -> str:
    return f"<code>{_parts(name)}</code>"


def _parts(name: str) -> str:
    """``name`` may go on in the next line where a word of it begins: long names in narrow columns."""
    return re.sub(r"(?<=[a-z.])(?=[A-Z])", "<wbr>", name)


def _table(rows: dict[str, dict[str, str]]) -> list[str]:
    return [
        '<div class="made errors" markdown>\n',
        "| Type | When | What to do next |\n|---|---|---|",
        *(f"| {_breakable(name)} | {said['when']} | {said['do']} |" for name, said in rows.items()),
        "\n</div>\n",
    ]
