"""Grades on a Dask cluster: the same jobs, as packets, on as many machines as it has.

A Dask worker runs its tasks in threads, and a process with threads is none to fork from. So each task talks to a process
beside the worker (``autograder.remote``), which stays for the next one and ends with the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from autograder.batch import Runner
from autograder.errors import GraderFault
from autograder.grade import Job, blank_result
from autograder.limits import MAX_NOTEBOOK_BYTES
from autograder.manifest import file_digest
from autograder.remote import packet_of
from autograder.result import Result, result_from_json
from autograder.workers import grade_all

_CONNECT_S = 10.0
# A scheduler's own ways to listen; what Dask would guess of anything else is a mistype.
_ADDRESS = re.compile(r"(?:tcp|tls|ucx|wss?)://[^\s/]+:[0-9]{1,5}/?\Z")
_AHEAD = 3  # packets a thread of the cluster: enough that none waits, and not the whole class in memory
_servants: queue.LifoQueue[subprocess.Popen[str]] = queue.LifoQueue()


@contextlib.contextmanager
def cluster_at(address: str, *, complete_isolation: bool = False) -> Iterator[Runner]:
    """Give a runner of jobs on the cluster whose scheduler is at ``address``.

    Raises GraderFault with one sentence where Dask is not installed or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise GraderFault('--dask needs Dask: pip install "distributed", here and on the workers.') from None
    if not _ADDRESS.match(address):
        raise GraderFault(f"No Dask scheduler answers at {address!r}: its address is tcp://HOST:PORT.")
    try:
        asyncio.run(asyncio.wait_for(_greeted(address), _CONNECT_S))
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except Exception as error:  # a peer that is no scheduler answers with anything
        raise GraderFault(
            f"No Dask scheduler answers at {address} ({type(error).__name__}): start one there, or say where it is."
        ) from None
    with client:

        def run(jobs: list[Job]) -> Iterator[Result]:
            return _graded(client, jobs, complete_isolation)

        yield run


async def _greeted(address: str) -> None:
    """Return once a Dask scheduler has said who it is.

    A Client that finds none is no answer: it waits without end for a peer that says something else, and when it is
    collected it tries for 20 seconds to close what it never opened, and prints a traceback.
    """
    from distributed.comm import connect
    from distributed.security import Security

    comm = await connect(address, timeout=_CONNECT_S, **Security().get_connection_args("client"))
    comm.abort()


def _graded(client: Any, jobs: list[Job], complete_isolation: bool) -> Iterator[Result]:
    from distributed import as_completed

    readable = [job for job in jobs if file_digest(job.submission.path)]
    unread = [job for job in jobs if job not in readable]
    yield from grade_all(unread)  # nothing of them is run: each check fails with the reason
    waiting = iter(readable)
    running: dict[str, Job] = {}
    done = as_completed(loop=client.loop)
    threads = sum(client.nthreads().values())
    if readable and not threads:
        raise GraderFault("The Dask cluster has no worker: start one, and grade again.")

    def send(count: int) -> None:
        for job in itertools.islice(waiting, count):
            future = _sent(client, job, complete_isolation)
            running[future.key] = job
            done.add(future)

    send(_AHEAD * max(1, threads))
    while running:
        future = next(done)
        job = running.pop(future.key)
        yield _result(job, future)
        future.release()
        send(1)


def _sent(client: Any, job: Job, complete_isolation: bool) -> Any:
    with job.submission.path.open("rb") as stream:
        packet = packet_of(job, stream.read(MAX_NOTEBOOK_BYTES), complete_isolation=complete_isolation)
    # pure=False: a result is never taken from an earlier run; who grades what once is for ``batch`` to say.
    return client.submit(answer, json.dumps(packet), pure=False, retries=2)


def _result(job: Job, future: Any) -> Result:
    """A worker that dies is replaced by the cluster and its task goes to another; what is left is our fault to tell."""
    error = future.exception()
    if error is not None:
        fault = f"The Dask cluster gave no result ({type(error).__name__}): grade it again."
        return replace(blank_result(job), isolation=None, fault=fault)
    document: dict[str, Any] = json.loads(future.result())
    return result_from_json(document)


def answer(packet: str) -> str:
    """Grade one packet, on a Dask worker; return ``result.json``. Raises GraderFault if the process beside it ended."""
    try:
        servant = _servants.get_nowait()
    except queue.Empty:
        servant = subprocess.Popen(
            [sys.executable, "-m", "autograder.remote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
    try:
        said = _asked(servant, packet)
    except BaseException:
        servant.kill()
        servant.wait()
        raise
    _servants.put(servant)
    return said


def _asked(servant: subprocess.Popen[str], packet: str) -> str:
    assert servant.stdin is not None
    assert servant.stdout is not None
    try:
        servant.stdin.write(packet + "\n")
        servant.stdin.flush()
        said = servant.stdout.readline()
    except OSError:
        said = ""
    if not said:
        raise GraderFault("The grading process beside the Dask worker ended.")
    return said
