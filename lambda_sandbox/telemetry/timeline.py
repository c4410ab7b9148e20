"""The picture of what ran where: one lane an execution environment, one block a phase. Inline SVG, no script."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lambda_sandbox.telemetry.views import STATUS_COLOURS, Json, short

_WIDTH, _LABEL, _LANE, _TOP, _AXIS = 860, 190, 34, 10, 30
_BLOCK_HEIGHT = 20
_NARROWEST = 3.0  # a block of a millisecond in a minute must still be seen
_LABEL_FITS = 34.0
_INIT_COLOUR = "#2f7fc1"


@dataclass(frozen=True, slots=True)
class Block:
    """One phase of an environment. Times are seconds since the epoch; ``kind`` is init, idle or an invocation's status."""

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

    def __repr__(self) -> str:
        if not self.lanes:
            return _nothing(self.name)
        start = self._span()[0]
        lines = []
        for lane in self.lanes:
            lines.append(lane.title)
            lines += [
                f"  {block.start - start:9.3f} s  {block.title}"
                for block in lane.blocks
                if block.kind != "idle"
            ]
        return "\n".join(lines)

    def _span(self) -> tuple[float, float]:
        blocks = [block for lane in self.lanes for block in lane.blocks]
        start = min(block.start for block in blocks)
        return start, max(start + 0.001, *(block.end for block in blocks))

    def _repr_html_(self) -> str:
        if not self.lanes:
            return f"<p>{escape(_nothing(self.name))}</p>"
        start, end = self._span()
        scale = _Scale(start, (_WIDTH - _LABEL - 20) / (end - start))
        height = _TOP + _LANE * len(self.lanes) + _AXIS
        title = f"{len(self.lanes)} execution environments over {end - start:.3f} seconds"
        body = "".join(_lane(lane, number, scale) for number, lane in enumerate(self.lanes))
        return (
            f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}" '
            f'style="width:100%;max-width:{_WIDTH}px;color:inherit;font:12px sans-serif" fill="currentColor">'
            f"<title>{title}</title>{body}{_axis(start, end, scale, height)}</svg>{_legend()}"
        )


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    pixels_per_s: float

    def x(self, moment: float) -> float:
        return _LABEL + (moment - self.start) * self.pixels_per_s


def _nothing(name: str | None) -> str:
    return f"no execution environment yet{f' of {name}' if name else ''}: invoke the function first"


def _lanes(history: Json, name: str | None) -> Iterator[Lane]:
    for environment in history["environments"]:
        if name is not None and environment["function_name"] != name:
            continue
        identity = environment["environment_id"]
        runs = [row for row in history["invocations"] if row["environment_id"] == identity]
        blocks = tuple(_blocks(environment, sorted(runs, key=lambda row: float(row["started_at"]))))
        if blocks:
            yield Lane(f"{environment['function_name']} · {short(identity)}", blocks)


def _blocks(environment: Json, runs: list[Json]) -> Iterator[Block]:
    started = _first_start(environment, runs)
    ready = runs[0]["started_at"] if runs else environment["ready_at"]
    if ready is not None and ready > started:
        yield Block("init", started, ready, f"init {(ready - started) * 1000:.2f} ms", "init")
    previous = ready
    for row in runs:
        if row["started_at"] > previous:
            yield Block("idle", previous, row["started_at"], f"idle {row['started_at'] - previous:.3f} s")
        yield _run(row)
        previous = row["ended_at"]
    stopped = environment["stopped_at"]
    if previous is not None and stopped is not None and stopped > previous:
        reason = environment["stop_reason"]
        yield Block("idle", previous, stopped, f"idle {stopped - previous:.3f} s, then stopped: {reason}")


def _first_start(environment: Json, runs: list[Json]) -> float:
    """After a reset ``started_at`` is that of the newest init; the first one is told by the first report."""
    started = float(environment["started_at"])
    if runs and started > runs[0]["started_at"]:
        started = runs[0]["started_at"] - (runs[0]["init_duration_ms"] or 0.0) / 1000
    return started


def _run(row: Json) -> Block:
    start = "cold" if row["cold"] else "warm"
    title = f"{start} · {row['status']} · {row['duration_ms']:.2f} ms · billed {row['billed_ms']} ms · {row['why']}"
    return Block(row["status"], row["started_at"], row["ended_at"], title, start)


def _lane(lane: Lane, number: int, scale: _Scale) -> str:
    y = _TOP + number * _LANE
    middle = y + _BLOCK_HEIGHT / 2
    # The short ones last: at the least width that can be seen they overlap their neighbours.
    blocks = sorted(lane.blocks, key=lambda block: block.start - block.end)
    title = lane.title if len(lane.title) <= 28 else f"…{lane.title[-27:]}"
    return (
        f'<text x="4" y="{middle + 4:.1f}">{escape(title)}<title>{escape(lane.title)}</title></text>'
        + "".join(_block(block, y, scale) for block in blocks)
    )


def _block(block: Block, y: float, scale: _Scale) -> str:
    x = scale.x(block.start)
    width = max(_NARROWEST, (block.end - block.start) * scale.pixels_per_s)
    title = f"<title>{escape(block.title)}</title>"
    if block.kind == "idle":
        line = f'y="{y + _BLOCK_HEIGHT / 2 - 1:.1f}" height="2" opacity=".35"'
        return f'<rect x="{x:.1f}" width="{width:.1f}" {line}>{title}</rect>'
    colour = _INIT_COLOUR if block.kind == "init" else STATUS_COLOURS[block.kind]
    rect = f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BLOCK_HEIGHT}" rx="2" fill="{colour}">{title}</rect>'
    if width < _LABEL_FITS:
        return rect
    label = (
        f'<text x="{x + 4:.1f}" y="{y + 14}" fill="#fff" pointer-events="none">{escape(block.label)}</text>'
    )
    return rect + label


def _axis(start: float, end: float, scale: _Scale, height: float) -> str:
    y = height - _AXIS + 4
    step = _step(end - start)
    digits = max(0, -math.floor(math.log10(step)))
    ticks = []
    for number in range(int((end - start) / step + 1e-9) + 1):
        x = scale.x(start + number * step)
        ticks.append(
            f'<rect x="{x:.1f}" y="{y}" width="1" height="5" opacity=".6"/>'
            f'<text x="{x:.1f}" y="{y + 18}" text-anchor="middle">{number * step:.{digits}f} s</text>'
        )
    line = f'<rect x="{_LABEL}" y="{y}" width="{_WIDTH - _LABEL - 20}" height="1" opacity=".6"/>'
    return line + "".join(ticks)


def _step(span_s: float) -> float:
    """Return a round number of seconds (1, 2 or 5 times a power of ten) that cuts the span into at most eight parts."""
    power = 10.0 ** math.floor(math.log10(span_s / 8))
    return next(
        factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power * 8 >= span_s * (1 - 1e-9)
    )


def _legend() -> str:
    colours = {"init": _INIT_COLOUR, **STATUS_COLOURS}
    del colours["throttle"]  # a throttled call reaches no environment
    keys = "".join(
        f'<span style="margin-right:1em"><span style="display:inline-block;width:.8em;height:.8em;background:{colour};'
        f'border-radius:2px"></span> {"invoke: " if kind != "init" else ""}{kind}</span>'
        for kind, colour in colours.items()
    )
    return f'<p style="font-size:12px;margin:.2em 0">{keys}<span style="opacity:.8">line: idle (frozen, not billed)</span></p>'
