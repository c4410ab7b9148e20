"""The ``labs`` command itself: errors as one sentence, and an orderly end."""

from __future__ import annotations

import signal
import sys

import click

from autograder.errors import GraderError


class LabsGroup(click.Group):
    """Turns the grader's own errors into one sentence and exit code 1, and a SIGTERM into an orderly end."""

    def invoke(self, context: click.Context) -> object:
        # The default would leave the workers and their sandboxes to themselves.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        try:
            return super().invoke(context)
        except GraderError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=LabsGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Do the labs of the course, and grade them."""
