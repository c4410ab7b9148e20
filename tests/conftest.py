"""How the whole suite is dealt out to workers: a file stays together, and what takes longest begins first.

xdist would put the files with the most tests first; ``make test`` tells it not to (``--no-loadscope-reorder``).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from botocore.httpsession import URLLib3Session
from xdist.scheduler import LoadFileScheduling

# Nearly all of a lab's time is waiting, and labs share nothing: each is dealt out by itself.
APART = "tests/labs/test_contract.py"
LONGEST = (APART, "tests/hostile/", "tests/browser/test_walk.py")


def pytest_configure() -> None:
    """Let what tests start hear its signals, also where a script runs the suite with ``nohup`` or ``&``.

    Those ignore signals, and what a process ignores, the programs that it starts ignore too; what it handles, they do not.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


class LongestFirst(LoadFileScheduling):
    """``--dist loadfile``, but for the files whose tests need not stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(APART) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(autouse=True, scope="module")
def closed_clients() -> Iterator[None]:
    """Close every boto3 client of a module at its end.

    A client that nobody closed is left to the garbage collector, which may meet its socket first: a ``ResourceWarning``, in
    whatever test runs then. A client that is used again connects again.
    """
    made: list[URLLib3Session] = []
    make = URLLib3Session.__init__

    def remember(self: URLLib3Session, *arguments: object, **options: object) -> None:
        made.append(self)
        make(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "__init__", remember)
        yield
    for session in made:
        session.close()
