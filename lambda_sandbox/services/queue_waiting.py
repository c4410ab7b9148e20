"""Makes moto's queues safe under threads, its FIFO order strict and its long poll exact.

moto deletes a message by building a new list beside the old one; a message sent meanwhile is lost, and two receivers can
be handed the same message. Both run under the queue's own lock here. A waiting receiver holds no lock and wakes when a
message is sent; every ``RECHECK_S`` it looks for messages whose delay or visibility timeout has run out.

A receiver looks at the clock once. moto looks at it for every message, while the queue is walked: the second message of a group
could become visible after the first was passed over, and be handed out before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RECHECK_S = 0.1
_receiving = threading.local()  # ``now_ms``, while a thread walks a queue


def make_queues_thread_safe(queue_class: Any, backend_class: Any, message_class: Any) -> None:
    """Replace the methods of moto's ``Queue``, ``SQSBackend`` and ``Message`` that change or look at a queue's messages."""
    message_class.visible = property(_visible)
    backend_class.is_message_valid_based_on_retention_period = _within_retention
    _receive_by_waiting(backend_class)
    _change_alone(queue_class, backend_class)


def _receive_by_waiting(backend_class: Any) -> None:
    receive = backend_class.receive_message

    def receive_message(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **options: Any
    ) -> Any:
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + int(wait_seconds_timeout)
        with queue._messages_lock:
            while True:
                with _one_moment():
                    _forget_expired_receives(queue)
                    messages = receive(self, queue_name, count, 0, *args, **options)
                remaining = deadline - time.monotonic()
                if messages or remaining <= 0:
                    return messages
                queue._messages_lock.wait(min(remaining, RECHECK_S))

    backend_class.receive_message = receive_message


def _change_alone(queue_class: Any, backend_class: Any) -> None:
    delete, purge = queue_class.delete_message, backend_class.purge_queue
    change_visibility = backend_class.change_message_visibility
    send_batch = backend_class.send_message_batch

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete(self, receipt_handle)

    def change_message_visibility(self: Any, queue_name: str, *args: Any, **options: Any) -> None:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:
            change_visibility(self, queue_name, *args, **options)
            queue._messages_lock.notify_all()

    def purge_queue(self: Any, queue_name: str) -> None:
        with self.get_queue(queue_name)._messages_lock:
            purge(self, queue_name)

    def send_message_batch(self: Any, queue_name: str, *args: Any, **options: Any) -> Any:
        with self.get_queue(queue_name)._messages_lock:  # a waiting receiver sees all of them or none
            return send_batch(self, queue_name, *args, **options)

    queue_class.delete_message = delete_message
    backend_class.change_message_visibility = change_message_visibility
    backend_class.purge_queue = purge_queue
    backend_class.send_message_batch = send_message_batch


def _within_retention(backend: Any, queue_name: str, message: Any) -> bool:
    """moto counts the whole queue, several times, for each message that it hands out: it asks for all attributes."""
    kept_ms = int(backend.get_queue(queue_name).message_retention_period) * 1000
    return bool(int(message.sent_timestamp) + kept_ms >= time.time() * 1000)


@contextmanager
def _one_moment() -> Iterator[None]:
    _receiving.now_ms = time.time() * 1000
    try:
        yield
    finally:
        _receiving.now_ms = None


def _visible(message: Any) -> bool:
    now_ms = getattr(_receiving, "now_ms", None) or time.time() * 1000
    return bool(now_ms > message.visible_at)


def _forget_expired_receives(queue: Any) -> None:
    """Clear the marks of messages that are visible again, all before any is handed out.

    moto clears them one by one while it walks the queue: with two expired messages of one group it would skip the first,
    because the second still looks received, and then hand out the second.
    """
    for message in [message for message in queue._pending_messages if message.visible]:
        queue._pending_messages.discard(message)
