"""Foremen that stay for the tests of a module, as for a class: a lab is made ready once, and each submission is a fork as ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.workers import Foremen


@pytest.fixture(scope="module")
def foremen() -> Iterator[Foremen]:
    with Foremen() as kept:
        yield kept
