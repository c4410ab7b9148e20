"""What a submission printed cannot steer the program that shows it."""

from __future__ import annotations

import pytest

from autograder.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb\r\nc\td", "a\\rb\nc\td"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("half \ud83d, nothing \x00 \x9b", "half \\ud83d, nothing \\x00 \\x9b"),
        ("größer · 東京 · עברית · 👩\u200d💻 · <b>&", "größer · 東京 · עברית · 👩\u200d💻 · <b>&"),
    ],
    ids=["terminal", "line ends", "direction", "no text at all", "what people write"],
)
def test_only_what_would_be_obeyed_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()
