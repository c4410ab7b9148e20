"""The timeline in the terminal: one line an environment, one column a slice of time."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lambda_sandbox.cli.tables import visible
from lambda_sandbox.telemetry.timeline import Block, Lane, Timeline

# A letter as well as a colour: the terminal may have none, and not everybody tells them apart.
SIGNS = {
    "frozen": ("·", "dim"),
    "init": ("i", "blue"),
    "restore": ("r", "cyan"),
    "shutdown": ("s", "bright_black"),
    "success": ("█", "green"),
    "error": ("E", "red"),
    "timeout": ("T", "yellow"),
}
_LABEL = 26


def show(timeline: Timeline, console: Console, width: int) -> None:
    """Print ``timeline`` on ``width`` columns."""
    if not timeline.lanes:
        console.print(Text(timeline.nothing))
        return
    start, end = timeline.span()
    columns = max(20, width - _LABEL - 2)
    for lane in timeline.lanes:
        console.print(_line(lane, start, (end - start) / columns, columns), soft_wrap=True)
    console.print(Text(f"{'':{_LABEL}}  0 s{end - start:>{columns - 5}.3f} s"), soft_wrap=True)
    key = Text("i init  r restore  █ invoke  E error  T timeout  s shutdown  · frozen (not billed)")
    console.print(key, soft_wrap=True)


def _line(lane: Lane, start: float, slice_s: float, columns: int) -> Text:
    line = Text(f"{visible(lane.title)[-_LABEL:]:{_LABEL}}  ")
    for column in range(columns):
        sign, style = _sign(lane.blocks, start + column * slice_s, start + (column + 1) * slice_s)
        line.append(sign, style)
    return line


def _sign(blocks: tuple[Block, ...], begin: float, end: float) -> tuple[str, str]:
    """What went wrong comes before all else, what does something before what is frozen, then what takes most of a slice."""
    inside = [block for block in blocks if block.start < end and block.end > begin]
    if not inside:
        return " ", ""
    busy = [block for block in inside if block.kind != "frozen"] or inside
    busy = [block for block in busy if block.kind in ("error", "timeout")] or busy
    most = max(busy, key=lambda block: min(block.end, end) - max(block.start, begin))
    return SIGNS[most.kind]
