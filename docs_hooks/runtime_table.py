"""The table of runtimes: AWS's identifiers and dates from the facts, and which of them the sandbox starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from lambda_sandbox import runtime_identifiers

_LANGUAGES = {
    "nodejs": "Node.js",
    "python": "Python",
    "java": "Java",
    "dotnet": ".NET",
    "ruby": "Ruby",
    "provided": "OS-only: Go, Rust, yours",
    "go": "Go",
}
_OVER = "over since"


@dataclass(frozen=True, slots=True)
class Runtime:
    """One identifier. ``status`` is ``current``, ``preview`` or ``deprecated``; ``deprecation`` a date, or empty."""

    name: str
    status: str
    deprecation: str
    note: str

    @property
    def language(self) -> str:
        return next(title for prefix, title in _LANGUAGES.items() if self.name.startswith(prefix))


def load(path: Path) -> tuple[Runtime, ...]:
    """Return the runtimes of ``docs/facts/runtimes.yaml``, those that nobody could check left out."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        Runtime(value["runtime"], value["status"], value["deprecation"] or "", value["note"])
        for row in rows
        if isinstance(value := row["value"], dict)
        and "runtime" in value
        and row["confidence"] != "unverified"
    )


def markdown(runtimes: tuple[Runtime, ...]) -> str:
    rows = [f"| {each.language} | `{each.name}` | {_state(each)} | {_here(each)} |" for each in runtimes]
    return "\n".join(["| Language | Identifier | On AWS | In the sandbox |", "|---|---|---|---|", *rows])


def _state(runtime: Runtime) -> str:
    state = {
        "current": f"until {runtime.deprecation}",
        "preview": "preview",
        "deprecated": f"{_OVER} {runtime.deprecation}",
    }[runtime.status]
    return f"{state}<br><small>{runtime.note}</small>" if runtime.note else state


def _here(runtime: Runtime) -> str:
    known = runtime_identifiers.find(runtime.name)
    return "refused" if known is None else "runs"
