"""What the tests of triggers share: one function that reports its events to a queue, and the queues that they end in."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.contract.conftest import Server

ACCOUNT = "000000000000"
_REPORT = """
import json, os, boto3
sqs = boto3.client("sqs")
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


class Queue:
    """A queue of the test's own, read in the order of arrival."""

    def __init__(self, server: Server, name: str) -> None:
        self._sqs = server.client("sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        self._kept: list[dict[str, Any]] = []

    def reach(self, server: Server) -> None:
        """Read through another server of the same neighbours from now on."""
        self._sqs = server.client("sqs")
        self.url = self._sqs.get_queue_url(QueueName=self.arn.rpartition(":")[2])["QueueUrl"]

    def message(self) -> dict[str, Any]:
        """Return the next message; waits for it."""
        if not self._kept:
            answer = self._sqs.receive_message(
                QueueUrl=self.url,
                WaitTimeSeconds=20,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
            )
            self._kept = answer.get("Messages", [])
            assert self._kept, f"nothing came to {self.arn}"
        message = self._kept.pop(0)
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def body(self) -> Any:
        return json.loads(self.message()["Body"])

    def attributes(self, message: dict[str, Any]) -> dict[str, str]:
        return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


class Reporter(Queue):
    """A function whose events come to the queue; services start it only after ``permit``."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(server, f"{name}-events")
        self._server = server
        self.name = name
        self.function_arn = server.deploy(
            name, _REPORT, Environment={"Variables": {"QUEUE": self.url}}, Timeout=30
        )

    def permit(self, principal: str, source_arn: str, statement: str) -> None:
        self._server.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source_arn,
        )


def deliveries(server: Server) -> list[str]:
    """Return what history says of deliveries, oldest first."""
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/history", timeout=10) as answer:
        return [each["why"] for each in json.load(answer)["deliveries"]]
