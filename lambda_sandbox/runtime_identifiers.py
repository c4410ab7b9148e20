"""The identifiers of the managed runtimes that functions may ask for here: one list for whoever checks and whoever starts.

Source: AWS Lambda Developer Guide, "Lambda runtimes", read 2026-11. Identifiers that AWS has deprecated and that nothing
here starts are left out, so that they are refused as AWS refuses a runtime that can no longer be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeIdentifier:
    """``name`` as in the API; ``language`` and ``version`` say what has to run. OS-only runtimes have no version.

    ``deprecated`` runtimes still run, as AWS still runs them, and are better not chosen for new functions.
    """

    name: str
    language: str
    version: str = ""
    deprecated: bool = False

    @property
    def os_only(self) -> bool:
        return self.language == "provided"


RUNTIMES: tuple[RuntimeIdentifier, ...] = (
    RuntimeIdentifier("python3.10", "python", "3.10", deprecated=True),
    RuntimeIdentifier("python3.11", "python", "3.11"),
    RuntimeIdentifier("python3.12", "python", "3.12"),
    RuntimeIdentifier("python3.13", "python", "3.13"),
    RuntimeIdentifier("python3.14", "python", "3.14"),
    RuntimeIdentifier("nodejs20.x", "nodejs", "20", deprecated=True),
    RuntimeIdentifier("nodejs22.x", "nodejs", "22"),
    RuntimeIdentifier("nodejs24.x", "nodejs", "24"),
    RuntimeIdentifier("java17", "java", "17"),
    RuntimeIdentifier("java17.al2023", "java", "17"),
    RuntimeIdentifier("java21", "java", "21"),
    RuntimeIdentifier("java25", "java", "25"),
    RuntimeIdentifier("ruby3.3", "ruby", "3.3"),
    RuntimeIdentifier("ruby3.4", "ruby", "3.4"),
    RuntimeIdentifier("ruby4.0", "ruby", "4.0"),
    RuntimeIdentifier("dotnet8", "dotnet", "8", deprecated=True),
    RuntimeIdentifier("dotnet10", "dotnet", "10"),
    RuntimeIdentifier("provided.al2", "provided", deprecated=True),
    RuntimeIdentifier("provided.al2023", "provided"),
)
NAMES: tuple[str, ...] = tuple(runtime.name for runtime in RUNTIMES)
_BY_NAME = {runtime.name: runtime for runtime in RUNTIMES}


def find(name: str) -> RuntimeIdentifier | None:
    """Return the runtime of this name, or ``None`` if nothing here starts it."""
    return _BY_NAME.get(name)
