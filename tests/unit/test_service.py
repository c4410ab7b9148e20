"""One process of the course: what it prints is read to the end, whether or not it can be written down."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from course.service import Service, ServiceFailed

# More than a pipe holds: it ends only if somebody reads.
TALKS = "for number in range(20_000): print('line', number)"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("log", ["/dev/full", "/dev/null/course.log"], ids=["a full disk", "no such folder"])
def test_a_log_that_cannot_be_written_blocks_nobody(log: str) -> None:
    async def run() -> str:
        service = Service("The sandbox", [sys.executable, "-c", TALKS], "", "", Path(log))
        await service.start()
        with pytest.raises(ServiceFailed) as failed:
            await asyncio.wait_for(service.ended(), 20)
        return str(failed.value)

    assert "| line 19999" in asyncio.run(run())
