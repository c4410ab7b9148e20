"""One invocation explained, for a notebook and for the terminal. Static HTML: no script, everything escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from lambda_sandbox.telemetry.views import STATUS_COLOURS, Json, clock_time, usd

_ROW = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);vertical-align:top;text-align:left"
_NUMBER = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);vertical-align:top;text-align:right;white-space:nowrap"
_TABLE = "border-collapse:collapse;font-size:13px;color:inherit;background:transparent"


class Explanation:
    """``steps`` in the order in which they happened; index it for the rest of what ``/_sandbox/explain`` says."""

    def __init__(self, answer: Json) -> None:
        self._answer = answer
        self.request_id: str = answer["request_id"]
        self.summary: str = answer["summary"]
        self.steps: list[dict[str, Any]] = sorted(answer["steps"], key=lambda step: float(step["at"]))

    def __getitem__(self, name: str) -> Any:
        return self._answer[name]

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Yield time after the arrival, kind and text of each step, and of the price."""
        for step in self.steps:
            yield f"{step['after_ms']:+.2f} ms", str(step["kind"]), str(step["text"])
        price = self["price"]
        for arithmetic in price["arithmetic"]:
            yield "", "price", f"{arithmetic}."
        if price["neighbours_usd"] != "0":
            yield "", "price", f"With the services it called: {usd(price['total_usd'])} USD."
        for other in self["related"]:
            text = f"{other['function_name']} {other['request_id']}: {other['status']} (the same trace)."
            yield "", "related", text

    def __repr__(self) -> str:
        first = float(self.steps[0]["at"]) if self.steps else 0.0
        head = f"{self.summary}\nrequest {self.request_id}, arrived {clock_time(first)} UTC"
        return "\n".join([head, *(f"{when:>14}  {kind:<12} {text}" for when, kind, text in self.lines())])

    def _repr_html_(self) -> str:
        colour = STATUS_COLOURS.get(self["status"], "currentColor")
        rows = "".join(
            f'<tr><td style="{_NUMBER}">{escape(when)}</td><th scope="row" style="{_ROW}">{escape(kind)}</th>'
            f'<td style="{_ROW}">{escape(text)}</td></tr>'
            for when, kind, text in self.lines()
        )
        return (
            f'<div style="border-left:4px solid {colour};padding-left:8px"><p style="margin:.2em 0"><b>{escape(self.summary)}</b>'
            f"<br/>request {escape(self.request_id)}</p>"
            f'<table style="{_TABLE}" aria-label="explanation of request {escape(self.request_id)}"><thead><tr>'
            f'<th style="{_NUMBER}">after arrival</th><th style="{_ROW}">step</th><th style="{_ROW}">why</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
