"""What a mapping template consists of once it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a reference: ``.name`` (``arguments`` is ``None``), ``.name(…)`` or ``[…]`` (``name`` is empty)."""

    name: str
    arguments: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Reference:
    name: str
    steps: tuple[Step, ...]
    source: str
    quiet: bool


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text in double quotes: references in it are filled in."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """``[a, b]``, or ``[a..b]`` with ``ranged``."""

    items: tuple[Any, ...]
    ranged: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    pairs: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    sign: str
    left: Any
    right: Any = None


@dataclass(frozen=True, slots=True)
class Set:
    target: Reference
    value: Any


@dataclass(slots=True)
class If:
    branches: list[tuple[Any, list[Any]]] = field(default_factory=list)


@dataclass(slots=True)
class Foreach:
    name: str
    items: Any
    body: list[Any] = field(default_factory=list)
