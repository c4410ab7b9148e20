"""``python -m tests.parity_data [--accept-model]``: write the two data files behind the parity view.

The proofs are read from the tests' marks (``@pytest.mark.proves("CreateAlias")``) without running anything. With
``--accept-model`` the members of the installed botocore's model count as looked at; run it when you have decided what
the sandbox does with each new one.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from lambda_sandbox import parity
from lambda_sandbox.gateway.model import LambdaModel

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lambda_sandbox"
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def proofs(tests: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Return the ids of the tests that carry a mark for each operation, in order."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        place = path.relative_to(tests.parent).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for operation, test in _marked(tree.body, place, _module_marks(tree)):
            found.setdefault(operation, []).append(test)
    return {operation: found[operation] for operation in sorted(found)}


def members() -> dict[str, list[str]]:
    """Return the input members of every operation in the installed botocore."""
    model = LambdaModel.load()
    return {name: parity.member_paths(model, name) for name in sorted(model.operations)}


def write(name: str, content: dict[str, list[str]]) -> None:
    (PACKAGE / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _marked(body: list[ast.stmt], place: str, inherited: list[str]) -> Iterator[tuple[str, str]]:
    for node in body:
        if not isinstance(node, _Definition):
            continue
        own = [name for decorator in node.decorator_list for name in _marks(decorator)]
        names = list(dict.fromkeys([*inherited, *own]))
        if isinstance(node, ast.ClassDef):
            yield from _marked(node.body, f"{place}::{node.name}", names)
        elif node.name.startswith("test_"):
            yield from ((name, f"{place}::{node.name}") for name in names)


def _module_marks(tree: ast.Module) -> list[str]:
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    named = [node for node in assigned if getattr(node.targets[0], "id", "") == "pytestmark"]
    return [name for node in named for name in _marks(node.value)]


def _marks(expression: ast.expr) -> Iterator[str]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.proves":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


if __name__ == "__main__":
    write(parity.PROOFS_FILE, proofs())
    if "--accept-model" in sys.argv[1:]:
        write(parity.MEMBERS_FILE, members())
