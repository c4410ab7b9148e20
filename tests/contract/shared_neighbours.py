"""Neighbours that outlive the servers of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.services.neighbours import Neighbours


@pytest.fixture
def shared() -> Iterator[str]:
    """The socket of neighbours that outlive every server of a test."""
    with asyncio.Runner() as runner:
        neighbours = Neighbours(Config())
        runner.run(neighbours.start())
        yield neighbours.url.removeprefix("unix://")
        runner.run(neighbours.stop())
