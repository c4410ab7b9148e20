"""Two texts beside each other as a table for a person, in a time that does not depend on what is in them.

The standard library's table compares every pair of lines that are somewhat alike: a few thousand such lines, which two
submissions can well have, take it hours.
"""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup, escape
from rapidfuzz.distance import Indel

MOST_LINES = 1_000  # POLICY: of each text; what comes after them is counted and not shown
MOST_CHARACTERS = 2_000  # of a line
_MOST_MARKS = 40
_Row = tuple[int, str, int, str]
_CELL = Markup('<td class="diff_header">{}</td><td>{}</td>')


def table(first: str, second: str) -> Markup:
    """Return an HTML table of both, line by line, with what differs marked; everything in it is escaped."""
    one, two = first.splitlines(), second.splitlines()
    shown = [[line[:MOST_CHARACTERS] for line in lines[:MOST_LINES]] for lines in (one, two)]
    rows = [_row(row) for row in _rows(*shown)]
    more = max(len(one), len(two)) - MOST_LINES
    if more > 0:
        rows.append(Markup('<tr><td colspan="4">{} more lines are not shown.</td></tr>').format(more))
    return Markup('<table class="diff"><tbody>{}</tbody></table>').format(Markup("\n").join(rows))


def _rows(one: list[str], two: list[str]) -> Iterator[_Row]:
    """Yield pairs of lines with their numbers from 1; 0 stands where one text has no line beside the other's."""
    first = second = 0
    for same in Indel.opcodes(one, two).as_matching_blocks():  # the last one is empty, behind both
        yield from _beside(one, first, same.a, two, second, same.b)
        first, second = same.a + same.size, same.b + same.size
        yield from _beside(one, same.a, first, two, same.b, second)


def _beside(
    one: list[str], first: int, end: int, two: list[str], second: int, other_end: int
) -> Iterator[_Row]:
    for place in range(max(end - first, other_end - second)):
        left, right = first + place, second + place
        here, there = left < end, right < other_end
        yield (
            left + 1 if here else 0,
            one[left] if here else "",
            right + 1 if there else 0,
            two[right] if there else "",
        )


def _row(row: _Row) -> Markup:
    left, one, right, two = row
    if not left or not right:
        kind = "diff_sub" if left else "diff_add"
        marked = [_marked(text, kind) if text else Markup() for text in (one, two)]
    elif one == two:
        marked = [escape(one), escape(two)]
    else:
        marked = _changed(one, two)
    cells = [_CELL.format(number or "", text) for number, text in ((left, marked[0]), (right, marked[1]))]
    return Markup("<tr>{}{}</tr>").format(*cells)


def _changed(one: str, two: str) -> list[Markup]:
    """Return both lines with their differences marked, or marked whole where these are many."""
    steps = Indel.opcodes(one, two)
    if len(steps) > _MOST_MARKS:
        return [_marked(one, "diff_chg"), _marked(two, "diff_chg")]
    found: list[list[Markup]] = [[], []]
    for step in steps:
        texts = one[step.src_start : step.src_end], two[step.dest_start : step.dest_end]
        for parts, text in zip(found, texts, strict=True):
            parts.append(escape(text) if step.tag == "equal" or not text else _marked(text, "diff_chg"))
    return [Markup().join(parts) for parts in found]


def _marked(text: str, kind: str) -> Markup:
    return Markup('<span class="{}">{}</span>').format(kind, text)
