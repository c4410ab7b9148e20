"""Draw the state table of an execution environment as an SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections import defaultdict
from html import escape

from lambda_sandbox.invocation.environment import TRANSITIONS, Signal, State

# Where each state stands; the arrows come from the table. A new state without a place fails the build.
_PLACES = {
    State.INIT: (90, 240),
    State.SNAPSHOT: (90, 40),
    State.RESTORE: (305, 40),
    State.FROZEN: (440, 170),
    State.INVOKE: (720, 190),
    State.ANSWERED: (590, 40),
    State.SHUTDOWN: (460, 370),
    State.RESET: (300, 490),
    State.STOPPED: (630, 490),
}
_WIDTH, _HEIGHT = 132, 44
# What each arrow says. Signals whose text would be on many arrows are explained under the picture by colour.
_WORDS = {
    Signal.NEXT: "asks for an event",
    Signal.DELIVER: "gets an event",
    Signal.ANSWER: "answers",
    Signal.CHECKPOINT: "asks to be restored",
    Signal.RESTORE: "is restored",
    Signal.EMPTY: "keeps its files",
}
_KINDS = {Signal.FAIL: "fails", Signal.RETIRE: "retired"}
_Point = tuple[float, float]


def svg() -> str:
    """Return the diagram as one SVG element without blank lines (Markdown would end the block there)."""
    missing = [state.value for state in State if state not in _PLACES]
    if missing:
        raise LookupError(f"docs_hooks/state_diagram.py has no place for: {', '.join(missing)}")
    arrows = [_arrow(old, signal, new) for (old, new), signal in _drawn().items()]
    boxes = [_box(state, *place) for state, place in _PLACES.items()]
    described = "; ".join(_described())
    return "\n".join(
        [
            '<svg class="picture states" viewBox="0 0 800 530" role="img" aria-labelledby="states-title states-text">',
            '<title id="states-title">States of an execution environment</title>',
            f'<desc id="states-text">{escape(described)}</desc>',
            "<defs>",
            *(_head(kind) for kind in ("goes", "fails", "retired")),
            "</defs>",
            *arrows,
            *boxes,
            "</svg>",
        ]
    )


def _drawn() -> dict[tuple[State, State], Signal]:
    """One arrow from state to state: what fails there is drawn before what is retired there."""
    drawn: dict[tuple[State, State], Signal] = {}
    for (old, signal), new in TRANSITIONS.items():
        drawn.setdefault((old, new), signal)
    return drawn


def _described() -> list[str]:
    targets: dict[tuple[State, Signal], list[str]] = defaultdict(list)
    for (old, signal), new in TRANSITIONS.items():
        targets[new, signal].append(old.value)
    return [f"{', '.join(olds)} to {new.value}: {signal.value}" for (new, signal), olds in targets.items()]


def _head(kind: str) -> str:
    return (
        f'<marker id="head-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path class="head {kind}" d="M0 0 10 5 0 10z"/></marker>'
    )


def _box(state: State, x: float, y: float) -> str:
    corner = f'x="{x - _WIDTH / 2}" y="{y - _HEIGHT / 2}" width="{_WIDTH}" height="{_HEIGHT}" rx="10"'
    return f'<rect class="box {state.value}" {corner}/><text x="{x}" y="{y + 6}">{state.value}</text>'


def _arrow(old: State, signal: Signal, new: State) -> str:
    start, end = _ends(_PLACES[old], _PLACES[new])
    kind = _KINDS.get(signal, "goes")
    line = f'<line class="arrow {kind}" x1="{start[0]:.0f}" y1="{start[1]:.0f}" x2="{end[0]:.0f}" y2="{end[1]:.0f}"'
    parts = [f'{line} marker-end="url(#head-{kind})"/>']
    if signal in _WORDS:
        parts.append(_label(start, end, _WORDS[signal]))
    return "".join(parts)


def _ends(start: _Point, end: _Point) -> tuple[_Point, _Point]:
    """Clip the line between two boxes at their borders, and move it aside so that there and back do not overlap."""
    length = math.dist(start, end)
    across = ((end[1] - start[1]) / length, -(end[0] - start[0]) / length)
    aside = 7.0
    moved_start = (start[0] + across[0] * aside, start[1] + across[1] * aside)
    moved_end = (end[0] + across[0] * aside, end[1] + across[1] * aside)
    return _border(moved_start, moved_end, start, 2), _border(moved_end, moved_start, end, 4)


def _border(inside: _Point, outside: _Point, centre: _Point, gap: float) -> _Point:
    """Return where the line from ``inside`` leaves the box around ``centre``, ``gap`` further out."""
    step_x, step_y = outside[0] - inside[0], outside[1] - inside[1]
    half_x, half_y = _WIDTH / 2 + gap, _HEIGHT / 2 + gap
    share_x = _share(centre[0] - inside[0], step_x, half_x)
    share_y = _share(centre[1] - inside[1], step_y, half_y)
    share = min(share_x, share_y)
    return inside[0] + step_x * share, inside[1] + step_y * share


def _share(offset: float, step: float, half: float) -> float:
    return math.inf if step == 0 else (offset + math.copysign(half, step)) / step


def _label(start: _Point, end: _Point, words: str) -> str:
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if abs(end[0] - start[0]) < abs(end[1] - start[1]) / 2:  # beside a line that goes up or down
        return f'<text class="label beside" x="{x + 10:.0f}" y="{y + 5:.0f}">{escape(words)}</text>'
    return f'<text class="label" x="{x:.0f}" y="{y - 9:.0f}">{escape(words)}</text>'
