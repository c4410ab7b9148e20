"""Imports go one way: the table in docs/contribute/architecture.md, held."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEAVES = {
    "errors",
    "clock",
    "config",
    "quotas",
    "resources",
    "runtime_identifiers",
    "event_patterns",
    "json_schema",
    "wildcards",
}
MAY_IMPORT = {
    **dict.fromkeys(LEAVES, LEAVES),
    "event_shapes": LEAVES,
    "gateway": LEAVES,
    "control_plane": LEAVES | {"iam"},
    "iam": LEAVES,
    "durable": LEAVES,
    "invocation": LEAVES,
    "telemetry": LEAVES | {"invocation"},
    "simulation": LEAVES | {"invocation", "telemetry"},
    "environments": LEAVES,
    "runtime_api": LEAVES | {"http_server", "invocation"},
    "services": LEAVES | {"http1", "iam", "packaging", "triggers"},
    "event_sources": LEAVES,
    "triggers": LEAVES,
    "front_doors": LEAVES,
}
WIRING = {
    "app",
    "cli",
    "drivers",
    "fork_server",
    "notebook",
    "wiring",
    "__main__",
}  # may import everything, and nothing below imports them
IMPURE = {
    "asyncio",
    "ctypes",
    "fcntl",
    "httptools",
    "multiprocessing",
    "resource",
    "socket",
    "subprocess",
    "threading",
    "uvloop",
}


def imports(path: Path) -> Iterator[str]:
    """Every imported module of a file, with the imported names appended, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its room"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(room: str) -> list[Path]:
    single = ROOT / "lambda_sandbox" / f"{room}.py"
    return [single] if single.exists() else sorted((ROOT / "lambda_sandbox" / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_room_imports_only_what_its_row_allows(room: str) -> None:
    assert modules(room), f"the room {room} is gone: change this table and architecture.md"
    own = [
        name.split(".")[1]
        for path in modules(room)
        for name in imports(path)
        if name.startswith("lambda_sandbox.")
    ]
    assert set(own) - {room, "__version__"} <= MAY_IMPORT[room]


def test_the_page_for_contributors_has_the_same_rows() -> None:
    page = (ROOT / "docs/contribute/architecture.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    shown = {room: rights for rooms, _, rights in rows for room in re.findall(r"`(\w+)/?`", rooms)}
    assert set(shown) >= LEAVES
    for room in set(MAY_IMPORT) - LEAVES:
        assert shown[room].startswith("leaves"), room
        assert set(re.findall(r"`(\w+)`", shown[room])) == MAY_IMPORT[room] - LEAVES, room


def test_every_room_has_a_row_or_is_wiring() -> None:
    rooms = {path.parent.name for path in (ROOT / "lambda_sandbox").glob("*/__init__.py")}
    assert rooms - {"lambda_sandbox"} <= set(MAY_IMPORT) | WIRING


def test_core_and_checks_of_labs_touch_no_thread_process_or_socket() -> None:
    checks = list(ROOT.glob("labs/*/checks/*.py"))
    assert checks
    for path in [*modules("invocation"), *modules("durable"), *checks]:
        assert not {name.split(".")[0] for name in imports(path)} & IMPURE, path


def test_the_sandbox_knows_neither_the_site_nor_the_grader() -> None:
    for path in (ROOT / "lambda_sandbox").rglob("*.py"):
        known = {name.split(".")[0] for name in imports(path)}
        assert not known & {"autograder", "course", "docs_hooks", "benchmarks", "mkdocs"}, path


def test_grader_uses_only_the_public_front_of_the_sandbox() -> None:
    for path in (ROOT / "autograder").rglob("*.py"):
        inside = {name for name in imports(path) if name.startswith("lambda_sandbox.")}
        allowed = {f"lambda_sandbox.{name}" for name in ("connect", "disconnect", "package", "json_schema")}
        if path.parent.name == "inside":  # the system calls that shut a process in are the same for both
            allowed |= {f"lambda_sandbox.environments.{name}" for name in ("confinement", "namespaces")}
        assert inside <= allowed, path
