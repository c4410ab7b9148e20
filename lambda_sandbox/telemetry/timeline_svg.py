"""The picture of a timeline: inline SVG for a notebook, a page or a file. No script; text takes the page's own colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from lambda_sandbox.telemetry.views import STATUS_COLOURS

if TYPE_CHECKING:
    from lambda_sandbox.telemetry.timeline import Block, Lane

_WIDTH, _LABEL, _LANE, _TOP, _AXIS = 860, 190, 34, 10, 30
_BLOCK_HEIGHT = 20
_NARROWEST = 3.0  # a block of a millisecond in a minute must still be seen
_LABEL_FITS = 34.0
_SPOKEN = 40  # blocks that the description tells of; a screen reader is spared the others
# Each has a contrast of at least 3:1 on white and on #111, and they differ in lightness.
COLOURS = {"init": "#2f7fc1", "restore": "#17878f", "shutdown": "#7a7f86", **STATUS_COLOURS}


def draw(lanes: Sequence[Lane], start: float, end: float) -> str:
    """Return the SVG of ``lanes`` between two moments, in seconds since the epoch."""
    scale = _Scale(start, (_WIDTH - _LABEL - 20) / (end - start))
    height = _TOP + _LANE * len(lanes) + _AXIS
    many = "s" if len(lanes) != 1 else ""
    title = f"{len(lanes)} execution environment{many} over {end - start:.3f} seconds"
    body = "".join(_lane(lane, number, scale) for number, lane in enumerate(lanes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}" '
        f'style="width:100%;max-width:{_WIDTH}px;color:inherit;font:12px sans-serif" fill="currentColor">'
        f"<title>{title}</title><desc>{escape(_spoken(lanes, start))}</desc>"
        f"{body}{_axis(start, end, scale, height)}</svg>"
    )


def empty(sentence: str) -> str:
    """Return an SVG that says why there is nothing to see."""
    text = escape(sentence)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 30" role="img" aria-label="{text}" '
        f'style="width:100%;max-width:{_WIDTH}px;color:inherit;font:12px sans-serif" fill="currentColor">'
        f'<title>{text}</title><text x="4" y="20">{text}</text></svg>'
    )


def _spoken(lanes: Sequence[Lane], start: float) -> str:
    """The same in words, for who does not see it."""
    words = [
        f"{lane.title}, {block.start - start:.3f} s: {block.title}."
        for lane in lanes
        for block in lane.blocks
    ]
    more = f" And {len(words) - _SPOKEN} blocks more." if len(words) > _SPOKEN else ""
    return " ".join(words[:_SPOKEN]) + more


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    pixels_per_s: float

    def x(self, moment: float) -> float:
        return _LABEL + (moment - self.start) * self.pixels_per_s


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
    if block.kind == "frozen":
        line = f'y="{y + _BLOCK_HEIGHT / 2 - 1:.1f}" height="2" opacity=".35"'
        return f'<rect x="{x:.1f}" width="{width:.1f}" {line}>{title}</rect>'
    colour = COLOURS[block.kind]
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


def legend() -> str:
    """Return the key to the colours, as HTML."""
    keys = "".join(
        f'<span style="margin-right:1em"><span style="display:inline-block;width:.8em;height:.8em;background:{colour};'
        f'border-radius:2px"></span> {f"invoke: {kind}" if kind in STATUS_COLOURS else kind}</span>'
        for kind, colour in COLOURS.items()
        if kind != "throttle"  # a throttled call reaches no environment
    )
    return f'<p style="font-size:12px;margin:.2em 0">{keys}<span style="opacity:.8">line: frozen (not billed)</span></p>'
