"""What click says of a wrong command line, as one sentence on one line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import click

from lambda_sandbox.errors import SandboxFault

# click names its types where a person would name what is to be written.
_TYPES = {
    "is not a valid integer range": "is not a whole number",
    "is not a valid integer": "is not a whole number",
    "is not a valid float range": "is not a number",
    "is not a valid float": "is not a number",
}


def sentence(error: click.UsageError) -> str:
    """Return the message without line ends and without its full stop, so that more can follow."""
    text = " ".join(error.format_message().split())
    for clicks, ours in _TYPES.items():
        text = text.replace(clicks, ours)
    # Only the full stop that ends click's sentences; a folder named . at the end is not one.
    return re.sub(r"(?<=[\w'\")])\.$", "", text)


@contextlib.contextmanager
def wrong_command_line() -> Iterator[None]:
    """Tell what a value is refused with as what it is: exit code 2, and where the help is."""
    try:
        yield
    except SandboxFault as fault:
        raise click.UsageError(str(fault)) from None
