"""The page for contributors says what the code has: the core's signals, word for word, and its actions."""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path

from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.core import Core

PAGE = (Path(__file__).resolve().parents[2] / "docs/contribute/architecture.md").read_text(encoding="utf-8")
# What asks the core and changes nothing in it.
QUESTIONS = {"provisioned_status"}


def test_the_page_has_every_signal_of_the_core_with_its_arguments() -> None:
    shown = dict(re.findall(r"core\.(\w+)\((.*?)\)", PAGE))
    signals = {
        name: ", ".join(list(inspect.signature(signal).parameters)[1:])
        for name, signal in vars(Core).items()
        if inspect.isfunction(signal) and not name.startswith("_") and name not in QUESTIONS
    }
    assert shown == signals


def test_the_page_names_every_action() -> None:
    listed = PAGE.partition("Actions (in `invocation/messages.py`)")[2].partition(". What follows")[0]
    assert re.findall(r"`(\w+)`", listed) == [each.__name__ for each in typing.get_args(messages.Action)]
