"""``sandbox.faults``: what goes wrong on request, and for how long."""

from __future__ import annotations

from html import escape
from typing import Any, Protocol


class Route(Protocol):
    """What a sandbox's front has to reach ``/_sandbox/faults``."""

    def send_json(
        self, method: str, route: str, value: dict[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]: ...


class FaultSwitch:
    """The fault rules of one sandbox. They hold until they are cleared, struck as often as ``count``, or the sandbox is reset."""

    _ROUTE = "/_sandbox/faults"

    def __init__(self, backend: Route) -> None:
        self._backend = backend

    def add(self, kind: str, function: str = "", **options: Any) -> str:
        """Add a rule and return its id.

        ``kind`` is throttle, init-crash, slow-start, freeze, duplicate, neighbour-error, neighbour-latency or clock-skew;
        ``function`` is a function's name, empty for all. Options: ``probability`` (above 0, at most 1), ``count`` (how often
        at most), ``seed``, ``ms`` (milliseconds of a slow start, freeze, latency or skew), and for neighbours ``service``,
        ``operation`` and ``status``. Raises ``SandboxFault`` with one sentence for a rule that makes no sense.
        """
        rule = {"kind": kind, "function": function, **options}
        answer = self._backend.send_json("POST", self._ROUTE, rule)
        return str(answer["id"])

    def list(self) -> list[dict[str, Any]]:
        """Return the rules, with how often each was asked (``met``) and said yes (``struck``)."""
        rules: list[dict[str, Any]] = self._backend.send_json("GET", self._ROUTE)["faults"]
        return rules

    def clear(self, rule_id: str | None = None) -> int:
        """Take away one rule, or all; return how many. Raises ``SandboxFault`` for an id that there is not."""
        return int(self._backend.send_json("DELETE", self._ROUTE, None, id=rule_id)["cleared"])

    def __repr__(self) -> str:
        return banner(self.list()) or "no faults: nothing goes wrong on request"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def banner(rules: list[dict[str, Any]]) -> str:
    """Return one sentence that says which faults are on, empty where none is."""
    if not rules:
        return ""
    words = "; ".join(
        f"{rule['id']} {rule['says']} ({rule['probability']:.0%}, struck {rule['struck']} of {rule['met']} times)"
        for rule in rules
    )
    return f"FAULTS ON REQUEST ARE ON: {words}"
