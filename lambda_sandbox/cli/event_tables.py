"""Tables of the events that services send, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lambda_sandbox.cli.tables import print_table

if TYPE_CHECKING:
    from lambda_sandbox.event_shapes import EventShape


def kinds(shapes: Iterable[EventShape]) -> None:
    """Print one line a kind of event."""
    print_table(
        ("event", "service", "mode", "when"),
        [(each.name, each.service, each.mode, each.title) for each in shapes],
    )


def fields(shape: EventShape) -> None:
    """Print what the fields of an event mean, then the options that its sample takes."""
    rows = [
        (each.path, f"{each.type}, optional" if each.optional else each.type, each.meaning)
        for each in shape.fields()
    ]
    print_table(("field", "type", "meaning"), rows)
    print_table(
        ("option", "default", "meaning"),
        [(f"--{each.name}", each.default, each.meaning) for each in shape.options],
    )
