"""FIFO order in moto's queues, at the moments when visibility timeouts run out one after the other."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own, since it changes moto; every look at the clock takes a millisecond.
SCENE = """
import sys, time
from moto.sqs import models
from moto.core import utils
from lambda_sandbox.services import queue_waiting

now = [1_700_000_000.0]
step = [0.0]
def clock():
    now[0] += step[0]
    return now[0]
queue_waiting.time.time = clock
models.unix_time_millis = lambda: clock() * 1000
models.unix_time = clock

queue_waiting.make_queues_thread_safe(models.Queue, models.SQSBackend, models.Message)
backend = models.SQSBackend("us-east-1", "000000000000")
backend.create_queue("q.fifo", FifoQueue="true", VisibilityTimeout="1")
for n in range(3):
    backend.send_message("q.fifo", f"m{n}", group_id="g", deduplication_id=f"d{n}", delay_seconds=0)

def receive():
    return [m.body for m in backend.receive_message("q.fifo", 10, 0, 1)]

step[0] = 0.001
first = receive()
assert first == ["m0", "m1", "m2"], first
expired = backend.get_queue("q.fifo")._messages[-1].visible_at / 1000
step[0] = 0.0
now[0] = expired - 0.001 * int(sys.argv[1])
step[0] = 0.001
for _ in range(100):
    got = receive()
    if got:
        break
assert got[0] == "m0", f"{got} came first"
"""


@pytest.mark.parametrize("ms_before", [0, 1, 2, 3, 4, 6, 8, 12])
def test_messages_of_a_group_keep_their_order_while_they_become_visible_one_by_one(ms_before: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCENE, str(ms_before)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-500:]
