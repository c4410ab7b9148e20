"""Faults on request: seeded rules that say what goes wrong, how often, and for which function. Pure, and off by default."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

import msgspec


class FaultKind(StrEnum):
    """``clock-skew``: the function's clock is ahead, or behind with a negative number of milliseconds."""

    THROTTLE = "throttle"
    INIT_CRASH = "init-crash"
    SLOW_START = "slow-start"
    FREEZE = "freeze"
    DUPLICATE = "duplicate"
    NEIGHBOUR_ERROR = "neighbour-error"
    NEIGHBOUR_LATENCY = "neighbour-latency"
    CLOCK_SKEW = "clock-skew"


NEEDS_MS = (FaultKind.SLOW_START, FaultKind.FREEZE, FaultKind.NEIGHBOUR_LATENCY, FaultKind.CLOCK_SKEW)
OF_NEIGHBOURS = (FaultKind.NEIGHBOUR_ERROR, FaultKind.NEIGHBOUR_LATENCY)
_LONGEST_MS = 24 * 3_600_000.0


class FaultRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. ``function`` empty is every function's; ``count`` is how often it may strike, ``None`` without end.

    ``ms`` is the length of a slow start, a freeze or a latency, or a clock's skew. ``service``, ``operation`` and
    ``status`` are for the neighbours': which requests, and the error's HTTP status.
    """

    kind: FaultKind
    function: str = ""
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    ms: float = 0.0
    service: str = ""
    operation: str = ""
    status: int = 0

    def problem(self) -> str:
        """Return what is wrong with the rule in one sentence, empty when it can be used."""
        if not 0.0 < self.probability <= 1.0:
            return "probability is above 0 and at most 1"
        if self.count is not None and self.count < 1:
            return "count is at least 1"
        if self.kind in NEEDS_MS and (not self.ms or abs(self.ms) > _LONGEST_MS):
            return f"{self.kind} needs ms, a number of milliseconds up to a day"
        if self.kind not in NEEDS_MS and self.ms:
            return f"{self.kind} takes no ms"
        if self.ms < 0 and self.kind is not FaultKind.CLOCK_SKEW:
            return "only a clock's skew may be negative"
        return self._problem_of_neighbours()

    def _problem_of_neighbours(self) -> str:
        if self.kind not in OF_NEIGHBOURS and (self.service or self.operation):
            return f"{self.kind} takes no service and no operation"
        if self.operation and not self.service:
            return "an operation needs the service that has it"
        if self.kind is not FaultKind.NEIGHBOUR_ERROR and self.status:
            return f"{self.kind} takes no status"
        if self.kind is FaultKind.NEIGHBOUR_ERROR and self.status not in (0, 400, 429, 500, 503):
            return "status is 400, 429, 500 or 503"
        return ""

    def __str__(self) -> str:
        where = f" of {self.service}{f'.{self.operation}' if self.operation else ''}" if self.service else ""
        length = f" of {self.ms:g} ms" if self.ms else ""
        whom = f" for {self.function}" if self.function else ""
        return f"{self.kind.value}{length}{where}{whom}"


@dataclass(slots=True, eq=False)
class ArmedRule:
    """A rule at work: ``met`` is how often it was asked, ``struck`` how often it said yes."""

    rule_id: str
    rule: FaultRule
    random: Random = field(repr=False)
    met: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Draw for the next one that the rule is about."""
        if self.rule.count is not None and self.struck >= self.rule.count:
            return False
        self.met += 1
        struck = self.random.random() < self.rule.probability
        self.struck += struck
        return struck


class Faults:
    """All rules, ``armed`` in the order in which they were added; the first that strikes is it."""

    def __init__(self) -> None:
        self.armed: list[ArmedRule] = []
        self._numbers = itertools.count(1)

    def __bool__(self) -> bool:
        return bool(self.armed)

    def add(self, rule: FaultRule) -> str:
        """Arm ``rule`` and return its id. Raises ``ValueError`` with one sentence for a rule that makes no sense."""
        problem = rule.problem()
        if problem:
            raise ValueError(f"this is no fault rule: {problem}")
        rule_id = f"fault-{next(self._numbers)}"
        self.armed.append(ArmedRule(rule_id, rule, Random(rule.seed)))  # noqa: S311 - chance for teaching, no secret
        return rule_id

    def clear(self, rule_id: str = "") -> int:
        """Take away one rule, or all without an id; return how many. Raises ``ValueError`` for an id that there is not."""
        gone = [each for each in self.armed if rule_id in ("", each.rule_id)]
        if rule_id and not gone:
            raise ValueError(f"there is no fault rule {rule_id}")
        self.armed = [each for each in self.armed if each not in gone]
        return len(gone)

    def strike(
        self, kind: FaultKind, function: str, service: str = "", operation: str = ""
    ) -> FaultRule | None:
        """Return the rule of this kind that strikes now, ``None`` where none does."""
        for armed in self.armed:
            rule = armed.rule
            if rule.kind is not kind or rule.function not in ("", function):
                continue
            if rule.service not in ("", service) or rule.operation not in ("", operation):
                continue
            if armed.strikes():
                return rule
        return None

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rules with their ids, and how often each was asked and struck."""
        rows = []
        for armed in self.armed:
            row = {"id": armed.rule_id, **msgspec.to_builtins(armed.rule), "says": str(armed.rule)}
            row |= {"met": armed.met, "struck": armed.struck}
            rows.append(row)
        return rows


def parsed(data: bytes) -> FaultRule:
    """Return the rule in a JSON document. Raises ``ValueError`` with one sentence."""
    try:
        return msgspec.json.decode(data, type=FaultRule)
    except msgspec.DecodeError as problem:
        kinds = ", ".join(kind.value for kind in FaultKind)
        raise ValueError(f"this is no fault rule ({problem}); kind is one of {kinds}") from None
