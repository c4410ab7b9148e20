"""Real servers for real clients: one for the module's ordinary cases, and a way to start more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as BotoConfig

from lambda_sandbox.packaging import package

ROLE = "arn:aws:iam::000000000000:role/demo"
# One for all servers of a test run: it reads each service's model once, where a session of its own takes a client an eighth of a
# second. Clients share nothing else. Making them is not thread-safe.
_SESSION = boto3.session.Session()
_ONE_AT_A_TIME = threading.Lock()


class Server:
    """One ``serve`` process on a free port, with flags and with settings that have an environment variable only."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        command = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0", *arguments]
        # Half of the tests ask no neighbour, and moto's start costs as much as the server's. That it begins by itself is
        # test_neighbours' to show.
        settings = {"neighbours_on_demand": "1", **settings}
        environment = os.environ | {
            f"LAMBDA_SANDBOX_{name.upper()}": value for name, value in settings.items()
        }
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._clients: dict[str, Any] = {}
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        if not words:
            _, reason = self.process.communicate(timeout=30)
            raise AssertionError(f"the server did not start: {reason}")
        assert words[0] == "ready"
        self.endpoint = words[1]

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client; the one without options is made once, since making it costs more than most calls."""
        if options:
            return self._make_client(service, **options)
        if service not in self._clients:
            self._clients[service] = self._make_client(service)
        return self._clients[service]

    def _make_client(self, service: str, **options: Any) -> Any:
        settings = BotoConfig(retries={"max_attempts": 0}, read_timeout=60, s3={"addressing_style": "path"})
        keys = {
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
            "region_name": "us-east-1",
        }
        with _ONE_AT_A_TIME:
            return _SESSION.client(
                service, endpoint_url=self.endpoint, config=settings, **{**keys, **options}
            )

    def deploy(
        self, name: str, source: str | dict[str, str | bytes], *, invoked_by: str = "", **options: Any
    ) -> str:
        """Create a Python function and return its ARN; ``invoked_by`` names a service that may invoke it."""
        values = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, **options}
        code = {"ZipFile": package(source)}
        answer = self.client("lambda").create_function(FunctionName=name, Code=code, **values)
        arn: str = answer["FunctionArn"]
        if invoked_by:
            self.client("lambda").add_permission(
                FunctionName=name,
                StatementId=invoked_by,
                Action="lambda:InvokeFunction",
                Principal=f"{invoked_by}.amazonaws.com",
            )
        return arn

    def listen_to_bus(self, pattern: dict[str, Any]) -> Callable[[int], list[Any]]:
        """Return what waits for so many events of the default bus that match ``pattern``."""
        sqs, rules = self.client("sqs"), self.client("events")
        url = sqs.create_queue(QueueName="bus")["QueueUrl"]
        rules.put_rule(Name="heard", EventPattern=json.dumps(pattern))
        arn = "arn:aws:sqs:us-east-1:000000000000:bus"
        rules.put_targets(Rule="heard", Targets=[{"Id": "queue", "Arn": arn}])
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

        def heard(count: int) -> list[Any]:
            found: list[Any] = []
            while len(found) < count:
                messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages")
                assert messages, f"only {found} came"
                for message in messages:
                    found.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return found

        return heard

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._end()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server with flags of the test's own; whatever still runs at the end is stopped."""
    started: list[Server] = []

    def start(*arguments: str, **settings: str) -> Server:
        started.append(Server(*arguments, **settings))
        return started[-1]

    yield start
    for running in started:
        running.stop()
