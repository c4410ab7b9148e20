"""The error action of a topic rule: it hears, once a message, which actions of the rule could not be carried out.

A function that is started and raises is no failure of the action: the invocation is asynchronous, and its retries are Lambda's.
A message that a queue or topic has taken is none either.
Source: AWS IoT Core Developer Guide, "Error handling (error action)" and, for the wording of a Lambda action's failure,
"Batching HTTP action messages", read 2026-11. UNCONFIRMED: that a function which is not there is told apart (404) from one that
does not let IoT in (403), what the topic is called for a message by Basic Ingest (here: as the rule's SQL sees it), and the words
for queues and topics, which follow AWS's sample for buckets.

DIFFERS: an IoT rule whose function is throttled tries again for a day; the message does not go to the rule's error action.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import sys
import threading
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.iot_actions import KINDS, delivery, missing
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.iot_functions import Message

_FAILED = "Failed to invoke lambda function. Received Server error from Lambda. The error code is {status}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message that moto's ``rule`` took; ``result`` is what its actions get, as JSON text."""

    rule: Any
    message: Message
    result: str


class ErrorActions:
    """Carries out the actions of rules that have an error action, in order, from one daemon thread.

    Lambda has to be asked first whether it would take an event, and whoever publishes must not wait for that.
    """

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._waiting: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def attempt(self, attempt: Attempt) -> None:
        """Have the actions carried out, and the error action for those that fail. Returns at once."""
        if self._thread is None:  # most sandboxes have no such rule
            self._thread = threading.Thread(target=self._run, name="iot error actions", daemon=True)
            self._thread.start()
        self._waiting.put(attempt)

    def _run(self) -> None:
        while True:
            attempt = self._waiting.get()
            try:
                self._carry_out(attempt)
            except Exception as error:  # the thread must live on for the messages behind this one
                print(
                    f"a message for rule {attempt.rule.rule_name} was lost: {error!r}",
                    file=sys.stderr,
                    flush=True,
                )

    def _carry_out(self, attempt: Attempt) -> None:
        failures = []
        for action in attempt.rule.actions:
            sent = delivery(action, attempt.rule, attempt.result)
            error = self._error_of_lambda(sent) if "lambda" in action else self._error(action, sent, attempt)
            if error:
                ((name, members),) = action.items()
                resource = str(members[KINDS[name].resource])
                failures.append(
                    {"failedAction": KINDS[name].called, "failedResource": resource, "errorMessage": error}
                )
            else:
                self._forwarder.deliver(sent)
        if failures:
            document = json.dumps(_document(attempt, failures))
            self._forwarder.deliver(delivery(attempt.rule.error_action, attempt.rule, document))

    def _error(self, action: dict[str, Any], sent: Delivery, attempt: Attempt) -> str:
        """Return why a queue or topic does not take a message, empty when it does."""
        try:
            why = missing(sent.target_arn) or self._forwarder.refusal(sent)
        except (OSError, http.client.HTTPException):
            return ""  # as below
        if not why:
            return ""
        ((name, members),) = action.items()
        verb, what = (
            ("send message to SQS queue", "Queue") if name == "sqs" else ("publish to SNS topic", "Topic")
        )
        return (
            f"Failed to {verb}. The error received was {why} Message arrived on: {attempt.message.topic}, Action: {name}, "
            f"{what}: {members[KINDS[name].resource]}"
        )

    def _error_of_lambda(self, sent: Delivery) -> str:
        status = self._refused_with(sent)
        return _FAILED.format(status=status) if status else ""

    def _refused_with(self, delivery: Delivery) -> int:
        """Return the status by which Lambda refuses an event, 0 when it takes it."""
        try:
            path = f"/2015-03-31/functions/{quote(delivery.target_arn, safe='')}/configuration"
            status, _ = self._forwarder.read(delivery.target_arn, path)
            if status == 404:
                return status
            return 403 if self._forwarder.refusal(delivery) else 0
        except (OSError, http.client.HTTPException):
            return 0  # a server that does not answer refuses nothing: the forwarder tries again


def _document(attempt: Attempt, failures: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "ruleName": attempt.rule.rule_name,
        "topic": attempt.message.topic,
        "cloudwatchTraceId": str(uuid.uuid4()),
        "clientId": attempt.message.client_id,
        "base64OriginalPayload": base64.b64encode(attempt.message.payload).decode(),
        "failures": failures,
    }
