"""The ``lambda_sandbox`` fixture for other people's test suites.

One server a test session, on a free port and empty at the start of every test; nothing is loaded or started before a
test asks for it.

    def test_greets(lambda_sandbox):
        client = lambda_sandbox.client("lambda")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lambda_sandbox.notebook import Sandbox
    from lambda_sandbox.server_process import ServerProcess


@pytest.fixture(scope="session")
def lambda_sandbox_server() -> Iterator[ServerProcess]:
    """A server of this session alone."""
    from lambda_sandbox.server_process import ServerProcess

    server = ServerProcess(port=0)
    yield server
    server.stop()


@pytest.fixture
def lambda_sandbox(lambda_sandbox_server: ServerProcess) -> Iterator[Sandbox]:
    """An empty, connected sandbox; after the test, boto3 and the environment are as they were."""
    from lambda_sandbox.notebook import connect, disconnect

    sandbox = connect(lambda_sandbox_server.endpoint, quiet=True)
    sandbox.reset()
    yield sandbox
    disconnect()
