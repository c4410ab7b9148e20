"""Message move tasks: what was dead-lettered goes back to the queue that it came from, or to another. moto has none.

Source: Amazon SQS API Reference, "StartMessageMoveTask", "ListMessageMoveTasks" and "CancelMessageMoveTask", read 2026-11.
"""

from __future__ import annotations

import copy
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

_SOURCE = "sandbox_dead_letter_source"
_QUEUE = "sandbox_queue_arn"
_TASKS = "sandbox_move_tasks"
_LISTED_MAX = 10
_NO_SOURCE = "CouldNotDetermineMessageSource"


@dataclass
class Task:
    """One move. ``rate`` is messages a second, None for as fast as it goes; ``to_move`` is what was there at its start."""

    source: Any
    destination_arn: str
    rate: int | None
    to_move: int
    handle: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    status: str = "RUNNING"
    moved: int = 0
    failure: str = ""

    def seen(self) -> dict[str, Any]:
        """Return the task as ``ListMessageMoveTasks`` shows it."""
        shown = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source.queue_arn,
            "DestinationArn": self.destination_arn or None,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure or None,
            "StartedTimestamp": self.started_ms,
        }
        return {name: value for name, value in shown.items() if value is not None}


def install(module: Any) -> None:
    """Have moto's ``sqs.models`` remember which queue a dead letter came from."""
    add = module.Queue.add_message

    def add_message(self: Any, message: Any) -> None:
        came_from = getattr(message, _QUEUE, self.queue_arn)
        if came_from != self.queue_arn:
            setattr(message, _SOURCE, came_from)
        setattr(message, _QUEUE, self.queue_arn)
        add(self, message)

    module.Queue.add_message = add_message


def install_responses(module: Any) -> None:
    """Add the three operations to moto's ``sqs.responses``, and the attribute that tells a dead letter's origin."""
    kind, action_result = module.SQSResponse, module.ActionResult

    def start_message_move_task(self: Any) -> Any:
        task = _start(
            self.sqs_backend, self._get_param("SourceArn"), self._get_param("DestinationArn"), _rate(self)
        )
        return action_result({"TaskHandle": task.handle})

    def list_message_move_tasks(self: Any) -> Any:
        queue = _queue(self.sqs_backend, self._get_param("SourceArn"))
        wanted = int(self._get_param("MaxResults") or 1)
        newest_first = [task for task in reversed(_tasks(self.sqs_backend)) if task.source is queue]
        return action_result({"Results": [task.seen() for task in newest_first[: min(wanted, _LISTED_MAX)]]})

    def cancel_message_move_task(self: Any) -> Any:
        handle = self._get_param("TaskHandle")
        task = next((task for task in _tasks(self.sqs_backend) if task.handle == handle), None)
        if task is None or task.status != "RUNNING":
            raise _error(
                "ResourceNotFoundException", "The TaskHandle is invalid, or its task is not running."
            )
        task.status = "CANCELLED"
        return action_result({"ApproximateNumberOfMessagesMoved": task.moved})

    kind.start_message_move_task = start_message_move_task
    kind.list_message_move_tasks = list_message_move_tasks
    kind.cancel_message_move_task = cancel_message_move_task
    _tell_origin(kind)


def _tell_origin(kind: Any) -> None:
    receive = kind.receive_message

    def receive_message(self: Any) -> Any:
        answer = receive(self)
        asked = {*self._get_param("AttributeNames", []), *self._get_param("MessageSystemAttributeNames", [])}
        if asked & {"All", "DeadLetterQueueSourceArn"}:
            queue = self.sqs_backend.get_queue(self._get_queue_name())
            origins = {each.id: getattr(each, _SOURCE, "") for each in list(queue._messages)}
            for message in answer.result.get("Messages", ()):
                if origins.get(message["MessageId"]):
                    message.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = origins[
                        message["MessageId"]
                    ]
        return answer

    kind.receive_message = receive_message


def _start(backend: Any, source_arn: str, destination_arn: str | None, rate: int | None) -> Task:
    source = _queue(backend, source_arn)
    sources = [queue for queue in backend.queues.values() if _dead_letters_of(queue) == source_arn]
    if not sources:
        raise _error("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        _queue(backend, destination_arn)
    if any(task.source is source and task.status == "RUNNING" for task in _tasks(backend)):
        raise _error(
            "InvalidParameterValue",
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        )
    waiting = [message for message in list(source._messages) if message.visible]
    task = Task(source, destination_arn or "", rate, len(waiting))
    _tasks(backend).append(task)
    threading.Thread(target=_carry_out, args=(backend, task, waiting), daemon=True).start()
    return task


def _carry_out(backend: Any, task: Task, messages: list[Any]) -> None:
    for message in messages:
        if task.status != "RUNNING":
            return
        arn = task.destination_arn or getattr(message, _SOURCE, "")
        destination = backend.queues.get(arn.rpartition(":")[2])
        if destination is None:
            task.status, task.failure = "FAILED", _NO_SOURCE
            return
        if _take(task.source, message):
            destination.add_message(_sent_again(message))
            task.moved += 1
        if task.rate:
            time.sleep(1 / task.rate)
    if task.status == "RUNNING":
        task.status = "COMPLETED"


def _take(queue: Any, message: Any) -> bool:
    """Take a message out of its queue, unless somebody has received or deleted it meanwhile."""
    with queue._messages_lock:
        if message not in queue._messages or not message.visible:
            return False
        queue._messages.remove(message)
        return True


def _sent_again(message: Any) -> Any:
    """AWS: what is moved is a new message of the same content; nobody has received it yet."""
    fresh = copy.copy(message)
    fresh.id = str(uuid.uuid4())
    fresh.receipt_handle, fresh._old_receipt_handles = None, []
    fresh.approximate_first_receive_timestamp, fresh.approximate_receive_count = None, 0
    fresh.visible_at = fresh.delayed_until = 0.0
    for name in (_SOURCE, _QUEUE):
        fresh.__dict__.pop(name, None)
    fresh.mark_sent()
    return fresh


def _dead_letters_of(queue: Any) -> str:
    return str((queue.redrive_policy or {}).get("deadLetterTargetArn", ""))


def _queue(backend: Any, arn: str) -> Any:
    queue = backend.queues.get(arn.rpartition(":")[2])
    if queue is None or queue.queue_arn != arn:
        raise _error(
            "ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        )
    return queue


def _tasks(backend: Any) -> list[Task]:
    """Return the tasks of a backend, oldest first; they go when it is reset."""
    tasks: list[Task] = backend.__dict__.setdefault(_TASKS, [])
    return tasks


def _rate(request: Any) -> int | None:
    rate = request._get_param("MaxNumberOfMessagesPerSecond")
    return None if rate is None else int(rate)


def _error(code: str, message: str) -> Exception:
    error: Exception = sys.modules["moto.sqs.exceptions"].SQSException(code, message)
    return error
