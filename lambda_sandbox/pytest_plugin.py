"""The fixtures for other people's test suites.

``lambda_sandbox`` is a real server, one a test session, on a free port and empty at the start of every test;
``lambda_sandbox_in_process`` runs the functions in the test's own interpreter, with a clock that is moved by hand.
Nothing is loaded or started before a test asks for it.

    def test_greets(lambda_sandbox):
        function = lambda_sandbox.deploy("src/greeter")
        assert function.invoke({"name": "Ada"}).value == "Hello, Ada"
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lambda_sandbox.notebook import InProcessSandbox, Sandbox
    from lambda_sandbox.server_process import ServerProcess

_FIXTURES = {"lambda_sandbox", "lambda_sandbox_in_process"}


@pytest.fixture(scope="session")
def lambda_sandbox_server() -> Iterator[ServerProcess]:
    """A server of this session alone."""
    from lambda_sandbox.server_process import ServerProcess

    server = ServerProcess(port=0)
    yield server
    server.stop()


@pytest.fixture
def lambda_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """An empty, connected sandbox; after the test, boto3 and the environment are as they were."""
    from lambda_sandbox.notebook import connect, disconnect

    _refuse_both(request)
    server: ServerProcess = request.getfixturevalue("lambda_sandbox_server")
    sandbox = connect(server.endpoint, quiet=True)
    sandbox.reset()
    yield sandbox
    disconnect()


@pytest.fixture
def lambda_sandbox_in_process(request: pytest.FixtureRequest) -> Iterator[InProcessSandbox]:
    """An empty sandbox in this interpreter, whose time moves with ``advance(seconds)`` and with what handlers take.

    No server, no socket, no isolation; breakpoints and coverage work in the handlers as in the tests.
    """
    from lambda_sandbox.notebook import InProcessSandbox, connect, disconnect

    _refuse_both(request)
    disconnect()
    sandbox = connect(driver="in_process", quiet=True)
    assert isinstance(sandbox, InProcessSandbox)
    yield sandbox
    disconnect()


def _refuse_both(request: pytest.FixtureRequest) -> None:
    if set(request.fixturenames) >= _FIXTURES:
        pytest.fail("a test has one sandbox: lambda_sandbox or lambda_sandbox_in_process", pytrace=False)
