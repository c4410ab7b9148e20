"""What ran where: one lane an execution environment, one block a phase. The picture of it is ``timeline_svg``'s."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lambda_sandbox.telemetry import timeline_svg
from lambda_sandbox.telemetry.views import Json, short

_PHASES = ("init", "restore", "shutdown")


@dataclass(frozen=True, slots=True)
class Block:
    """One phase of an environment. Times are seconds since the epoch.

    ``kind`` is init, restore, frozen or shutdown, and for the Invoke phase how the invocation ended: success, error or timeout.
    """

    kind: str
    start: float
    end: float
    title: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    title: str
    blocks: tuple[Block, ...]


class Timeline:
    """Execution environments over time. ``lanes`` holds what is drawn; ``name`` picks one function."""

    def __init__(self, history: Json, name: str | None = None) -> None:
        self.name = name
        self.lanes = tuple(_lanes(history, name))

    @property
    def nothing(self) -> str:
        """The sentence for a timeline without a lane."""
        of = f" of {self.name}" if self.name else ""
        return f"no execution environment yet{of}: invoke the function first"

    def span(self) -> tuple[float, float]:
        """Return begin and end of what is shown; there has to be a lane."""
        blocks = [block for lane in self.lanes for block in lane.blocks]
        start = min(block.start for block in blocks)
        return start, max(start + 0.001, *(block.end for block in blocks))

    def svg(self) -> str:
        """Return the picture as SVG that a page can hold inline or a file can be: no script, nothing fetched."""
        return timeline_svg.draw(self.lanes, *self.span()) if self.lanes else timeline_svg.empty(self.nothing)

    def __repr__(self) -> str:
        if not self.lanes:
            return self.nothing
        start = self.span()[0]
        lines = []
        for lane in self.lanes:
            lines.append(lane.title)
            lines += [
                f"  {block.start - start:9.3f} s  {block.title}"
                for block in lane.blocks
                if block.kind != "frozen"
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not self.lanes:
            return f"<p>{escape(self.nothing)}</p>"
        return self.svg() + timeline_svg.legend()


def _lanes(history: Json, name: str | None) -> Iterator[Lane]:
    for environment in history["environments"]:
        if name is not None and environment["function_name"] != name:
            continue
        identity = environment["environment_id"]
        runs = [row for row in history["invocations"] if row["environment_id"] == identity]
        blocks = tuple(_blocks(environment, runs))
        if blocks:
            yield Lane(f"{environment['function_name']} · {short(identity)}", blocks)


def _blocks(environment: Json, runs: list[Json]) -> Iterator[Block]:
    busy = sorted([*_phases(environment), *map(_run, runs)], key=lambda block: (block.start, block.end))
    previous: float | None = None
    for block in busy:
        if previous is not None and block.start > previous:
            frozen_s = block.start - previous
            yield Block("frozen", previous, block.start, f"frozen for {frozen_s:.3f} s, not billed")
        yield block
        previous = block.end if previous is None else max(previous, block.end)
    stopped = environment["stopped_at"]
    if previous is not None and stopped is not None and stopped > previous:
        title = f"frozen for {stopped - previous:.3f} s, then stopped: {environment['stop_reason']}"
        yield Block("frozen", previous, stopped, title)


def _phases(environment: Json) -> Iterator[Block]:
    for phase in environment["phases"]:
        took_ms = (phase["end"] - phase["start"]) * 1000
        kind = phase["kind"] if phase["kind"] in _PHASES else "init"
        yield Block(kind, phase["start"], phase["end"], f"{kind} {took_ms:.2f} ms", kind)


def _run(row: Json) -> Block:
    start = "cold" if row["cold"] else "warm"
    title = f"{start} · {row['status']} · {row['duration_ms']:.2f} ms · billed {row['billed_ms']} ms · {row['why']}"
    return Block(row["status"], row["started_at"], row["ended_at"], title, start)
