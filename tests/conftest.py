"""How the whole suite is dealt out to workers: a file stays together, and what takes longest begins first.

xdist would put the files with the most tests first; ``make test`` tells it not to (``--no-loadscope-reorder``).
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

# Nearly all of a lab's time is waiting, and labs share nothing: each is dealt out by itself.
APART = "tests/labs/test_contract.py"
LONGEST = (APART, "tests/hostile/", "tests/browser/test_walk.py")


class LongestFirst(LoadFileScheduling):
    """``--dist loadfile``, but for the files whose tests need not stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(APART) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
