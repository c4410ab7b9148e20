"""What a lab's checks say of themselves, read from their source without running any of it."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GraderFault

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class CheckSource:
    """One check function: ``why`` is its docstring's second paragraph, empty if it has none.

    ``digest`` (SHA-256, hexadecimal) changes when the check or anything that it uses changes; comments and layout
    do not count.
    """

    name: str
    title: str
    why: str
    held: bool
    given: bool
    digest: str


def read_checks(folder: Path) -> dict[str, CheckSource]:
    """Return the checks below ``folder`` by name, in file order. Raises GraderFault if a file is no Python."""
    files = {path: _parsed(path) for path in sorted(folder.rglob("*.py"))}
    shared = [ast.dump(tree) for path, tree in files.items() if not path.name.startswith("test_")]
    data = [
        path.read_bytes().hex()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    found: dict[str, CheckSource] = {}
    for path, tree in files.items():
        if path.name.startswith("test_"):
            found |= {check.name: check for check in _Module(tree, [*shared, *data]).checks()}
    return found


def function_of(check_id: str) -> str:
    """Return the check's function: ``test_a`` of ``test_a[first]``."""
    return check_id.split("[")[0]


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text("utf-8"), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise GraderFault(f"The check file {path} cannot be read: {error}.") from None


class _Module:
    """One check file: which top-level definition uses which."""

    def __init__(self, tree: ast.Module, shared: list[str]) -> None:
        self._named: dict[str, list[ast.stmt]] = {}
        self._always = list(shared)  # what every check depends on
        self._tests: list[tuple[_Function, ast.stmt]] = []
        for statement in tree.body:
            self._file(statement)

    def _file(self, statement: ast.stmt) -> None:
        tests = list(_tests_in(statement))
        self._tests += [(test, statement) for test in tests]
        names = list(_names_bound(statement))
        if tests or _is_docstring(statement):
            return
        if not names or names == ["pytestmark"] or "autouse" in ast.dump(statement):
            self._always.append(ast.dump(statement))
        for name in names:
            self._named.setdefault(name, []).append(statement)

    def checks(self) -> Iterator[CheckSource]:
        for test, statement in self._tests:
            marks = [ast.dump(mark) for mark in test.decorator_list]
            title, why = _paragraphs(test)
            yield CheckSource(
                test.name,
                title,
                why,
                held=any("'held'" in mark for mark in marks),
                given=any("'given'" in mark for mark in marks),
                digest=self._digest(statement),
            )

    def _digest(self, root: ast.stmt) -> str:
        seen: list[ast.stmt] = [root]
        for statement in seen:  # grows while it is walked
            for name in _names_used(statement):
                seen += [used for used in self._named.get(name, []) if used not in seen]
        texts = sorted({*self._always, *(ast.dump(statement) for statement in seen)})
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _tests_in(statement: ast.stmt) -> Iterator[_Function]:
    if isinstance(statement, _Function) and statement.name.startswith("test_"):
        yield statement
    elif isinstance(statement, ast.ClassDef) and statement.name.startswith("Test"):
        for inner in statement.body:
            yield from _tests_in(inner)


def _names_bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _Definition):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        yield from (
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )


def _names_used(statement: ast.stmt) -> Iterator[str]:
    """Names of fixtures count too: pytest finds them by the names of a function's arguments and by texts in marks."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _paragraphs(test: _Function) -> tuple[str, str]:
    document = inspect.cleandoc(ast.get_docstring(test) or "")
    paragraphs = [" ".join(part.split()) for part in document.split("\n\n") if part.strip()]
    title = (
        document.splitlines()[0].strip() if document else test.name.removeprefix("test_").replace("_", " ")
    )
    return title, paragraphs[1] if len(paragraphs) > 1 else ""
